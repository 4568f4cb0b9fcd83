import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';

/** How calls go on by another connection when theirs breaks. */
export interface Resume {
  /** The connection broke, and it is tried again. */
  broke(): void;
  /** Done before each try; waits for who is to answer. @throws Failure when trying again is no use, anything else when it cannot be told */
  prepare(): Promise<void>;
  /** Who answers now does not know the call. */
  forgotten(detail: string): Error;
}

/** So long a call tries to go on. */
const resumeMs = 60_000;
const pauseMs = 200;

/** Of one call: whether it is tried again. */
export class Retry {
  readonly #resume: Resume;
  #brokenAt: number | undefined;

  constructor(resume: Resume) {
    this.#resume = resume;
  }

  /** Something came: the connection works. */
  works(): void {
    this.#brokenAt = undefined;
  }

  /** Resolves when the call is to be tried again. @throws `failure` after a minute, or why that is no use */
  async next(failure: Error): Promise<void> {
    const first = this.#brokenAt === undefined;
    this.#brokenAt ??= performance.now();
    if (performance.now() - this.#brokenAt > resumeMs) throw failure;
    await sleep(pauseMs);
    try {
      await this.#resume.prepare();
    } catch (error) {
      if (error instanceof Failure) throw error;
    }
    if (first) this.#resume.broke();
  }
}
