/** The notes of one row under way: path of a column or of a part of it → what is missing or cut, and why. */
export class Notes {
  #text = '';

  /** `not captured: <reason>` */
  missing(path: string, reason: string): void {
    this.add(path, `not captured: ${reason}`);
  }

  add(path: string, note: string): void {
    this.#text += `${this.#text === '' ? '' : ','}${JSON.stringify(path)}:${JSON.stringify(note)}`;
  }

  /** Grows with every note. */
  mark(): number {
    return this.#text.length;
  }

  /** Forgets the notes since `mark` was that. */
  cut(mark: number): void {
    this.#text = this.#text.slice(0, mark);
  }

  /** The row's notes as a JSON object text, null when there are none; starts anew. */
  take(): string | null {
    if (this.#text === '') return null;
    const text = `{${this.#text}}`;
    this.#text = '';
    return text;
  }
}
