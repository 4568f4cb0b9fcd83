/** The notes of one row under way: path of a column or of a part of it → what is missing or cut, and why. */
export class Notes {
  readonly #paths: string[] = [];
  readonly #notes: string[] = [];

  /** `not captured: <reason>` */
  missing(path: string, reason: string): void {
    this.add(path, `not captured: ${reason}`);
  }

  add(path: string, note: string): void {
    this.#paths.push(path);
    this.#notes.push(note);
  }

  /** Grows with every note. */
  mark(): number {
    return this.#paths.length;
  }

  /** Forgets the notes since `mark` was that. */
  cut(mark: number): void {
    this.#paths.length = mark;
    this.#notes.length = mark;
  }

  /** Of the notes from mark `from` to mark `to`, the paths that begin with `old` begin with `path` from now on. */
  move(from: number, to: number, old: string, path: string): void {
    for (let i = from; i < to; i++) {
      if (this.#paths[i]!.startsWith(old)) this.#paths[i] = path + this.#paths[i]!.slice(old.length);
    }
  }

  /** The row's notes as a JSON object text, null when there are none; starts anew. */
  take(): string | null {
    if (this.#paths.length === 0) return null;
    const members = this.#paths.map((path, i) => `${JSON.stringify(path)}:${JSON.stringify(this.#notes[i])}`);
    this.cut(0);
    return `{${members.join(',')}}`;
  }
}
