import { ByteReader, decodeUtf8, EndOfInput } from '#base';

/** A note (gABI "Note Section"). */
export interface Note {
  /** Owner without its NULs: `GNU`, `Go`. */
  readonly owner: string;
  readonly type: number;
  readonly description: Uint8Array;
}

/** NT_GNU_BUILD_ID. */
const gnuBuildIdType = 3;
/** The Go linker's `ELF_NOTE_GOBUILDID_TAG` (cmd/link/internal/ld/elf.go). */
const goBuildIdType = 4;

/** Notes of one section or segment, up to the first that does not fit. */
export function parseNotes(bytes: Uint8Array): Note[] {
  const reader = new ByteReader(bytes);
  const notes: Note[] = [];
  try {
    while (reader.remaining >= 12) {
      const ownerSize = reader.u32();
      const descriptionSize = reader.u32();
      const type = reader.u32();
      const owner = decodeUtf8(reader.take(ownerSize)).replace(/\0+$/, '');
      reader.skip(-ownerSize & 3);
      notes.push({ owner, type, description: reader.take(descriptionSize) });
      reader.skip(Math.min(-descriptionSize & 3, reader.remaining));
    }
  } catch (error) {
    if (!(error instanceof EndOfInput)) throw error;
  }
  return notes;
}

/** GNU build id in hexadecimal. */
export function gnuBuildId(notes: readonly Note[]): string | undefined {
  const note = notes.find((candidate) => candidate.owner === 'GNU' && candidate.type === gnuBuildIdType);
  return note && Array.from(note.description, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Go's own build id: `actionID/actionID/contentID/contentID`. */
export function goBuildId(notes: readonly Note[]): string | undefined {
  const note = notes.find((candidate) => candidate.owner === 'Go' && candidate.type === goBuildIdType);
  return note && decodeUtf8(note.description);
}
