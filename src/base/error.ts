/**
 * The base of every error that Sonde raises on purpose. `code` is constant per class and is what a caller tests;
 * the message is computed from the fields by the subclass. Anything else that is thrown is a bug.
 */
export abstract class SondeError extends Error {
  /** Stable, dotted, lower case: `elf.truncated`, `pxl.syntax`, `sys.call`. */
  abstract readonly code: string;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A broken invariant of ours: never the user's fault. */
export class BugError extends SondeError {
  readonly code = 'bug';

  constructor(what: string, options?: { cause?: unknown }) {
    super(`bug in Sonde: ${what}`, options);
  }
}
