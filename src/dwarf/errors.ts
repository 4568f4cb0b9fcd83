import { SondeError } from '#base';

/** Debug info that contradicts itself, or uses what this reader does not know. `section` and `offset` say where. */
export class MalformedDwarf extends SondeError {
  readonly code = 'dwarf.malformed';
  readonly section: string;
  readonly offset: number;

  constructor(section: string, offset: number, what: string) {
    super(`malformed debug info: ${what} (${section} + 0x${offset.toString(16)})`);
    this.section = section;
    this.offset = offset;
  }
}
