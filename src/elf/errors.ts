import { SondeError } from '#base';

/** The file is not ELF at all. */
export class NotElf extends SondeError {
  readonly code = 'elf.not-elf';

  constructor(what: string) {
    super(`not an ELF file: ${what}`);
  }
}

/** ELF, but of a kind that Sonde does not trace: 32 bits, big-endian, another machine, a relocatable object. */
export class UnsupportedElf extends SondeError {
  readonly code = 'elf.unsupported';

  constructor(what: string) {
    super(`ELF file of an unsupported kind: ${what}`);
  }
}

/** The file contradicts itself or its size: truncated, overwritten or hostile. */
export class MalformedElf extends SondeError {
  readonly code = 'elf.malformed';

  constructor(what: string, options?: { cause?: unknown }) {
    super(`malformed ELF file: ${what}`, options);
  }
}
