import type { sonde } from '#api';
import type { RowBatch } from '#model';
import { batchBytes } from '#store';

/** Where somebody is in a journal. */
export interface Place {
  /** The journal's: a later agent has another one. */
  readonly journal: string;
  /** Rows and messages that they have, or have missed. */
  readonly rows: number;
  readonly messages: number;
  /** Of the rows, those that they have missed. */
  readonly missed: number;
}

export function formatPlace({ journal, rows, messages, missed }: Place): string {
  return `${journal} ${rows} ${messages} ${missed}`;
}

/** Undefined for what is none. */
export function parsePlace(text: string): Place | undefined {
  const match = /^(\S+) (\d+) (\d+) (\d+)$/.exec(text);
  if (match === null) return undefined;
  const [, journal = '', ...numbers] = match;
  const [rows, messages, missed] = numbers.map(Number) as [number, number, number];
  return { journal, rows, messages, missed };
}

/** Without what each message has. */
type TraceEvent = Pick<sonde.TraceReply, 'event'>;

/** Rows, or one message; and how many rows and messages there were before it. */
type Entry = { readonly rows: number; readonly messages: number } & (
  | { readonly kind: 'rows'; readonly batch: RowBatch; readonly bytes: number }
  | { readonly kind: 'message'; readonly message: TraceEvent }
);

/** What one tracepoint has seen, in order: the latest of it is kept, so that who follows it can go on where they were. */
export class Journal {
  readonly id: string;
  /** Nothing more comes. */
  ended = false;
  readonly #most: () => number;
  readonly #entries: Entry[] = [];
  #rows = 0;
  #messages = 0;
  #bytes = 0;
  readonly #waiting = new Set<(changed: boolean) => void>();

  /** `most`: so many bytes of rows are kept. */
  constructor(id: string, most: () => number) {
    this.id = id;
    this.#most = most;
  }

  rows(batch: RowBatch): void {
    const bytes = batchBytes(batch);
    this.#entries.push({ kind: 'rows', batch, bytes, rows: this.#rows, messages: this.#messages });
    this.#rows += batch.rows;
    this.#bytes += bytes;
    for (const most = this.#most(); this.#bytes > most; ) {
      const first = this.#entries.shift()!;
      if (first.kind === 'rows') this.#bytes -= first.bytes;
    }
    this.#wake();
  }

  message(message: TraceEvent): void {
    this.#entries.push({ kind: 'message', message, rows: this.#rows, messages: this.#messages });
    this.#messages++;
    this.#wake();
  }

  end(): void {
    this.ended = true;
    this.#wake();
  }

  /** The first place that is still kept, for somebody at this one. */
  from({ rows, messages, missed, journal }: Place): Place {
    const [first = { rows: this.#rows, messages: this.#messages }] = this.#entries;
    const lost = Math.max(0, first.rows - rows);
    return { journal, rows: rows + lost, messages: Math.max(messages, first.messages), missed: missed + lost };
  }

  /** What comes next at this place: a message, or rows of a batch from one on; undefined: nothing yet. */
  next({ rows, messages }: Place): { readonly batch: RowBatch; readonly row: number } | TraceEvent | undefined {
    // Who follows is near the end.
    for (let i = this.#first(rows, messages); i < this.#entries.length; i++) {
      const entry = this.#entries[i]!;
      if (entry.kind === 'message' && entry.messages >= messages) return entry.message;
      if (entry.kind === 'rows' && entry.rows + entry.batch.rows > rows)
        return { batch: entry.batch, row: Math.max(0, rows - entry.rows) };
    }
    return undefined;
  }

  /** True when something has come or it has ended, false after so long or at the signal. */
  changed(withinMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (changed: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', give);
        this.#waiting.delete(done);
        resolve(changed);
      };
      const give = () => done(false);
      const timer = setTimeout(give, withinMs).unref();
      signal.addEventListener('abort', give);
      this.#waiting.add(done);
    });
  }

  /** The last entry that begins at a place or before it. */
  #first(rows: number, messages: number): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.#entries[middle]!;
      if (entry.rows <= rows && entry.messages <= messages) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done(true);
  }
}
