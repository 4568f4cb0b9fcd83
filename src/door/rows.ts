import { randomUUID } from 'node:crypto';
import {
  type Audience,
  type BatchLimits,
  completeNotes,
  encodeBatch,
  encodeRelation,
  endOfTable,
  splitBatch,
  vizier,
  withNotesColumn,
  withNotesRelation,
} from '#api';
import type { Relation, RowBatch } from '#model';
import type { Send } from './answer.ts';
import type { Seal } from './encryption.ts';
import { UserError } from './errors.ts';

/** So many rows or bytes are looked at for missing values before a result for another client begins. */
const heldRows = 50_000;
const heldBytes = 8 << 20;

/** A message of a slow client stays in memory until it is read, as objects much larger than on the wire. */
const pieces: BatchLimits = { rows: 4096, bytes: 256 * 1024 };

/** Pixie's clients refuse messages above 4 MiB; encrypted, a row is a third longer. */
const longestRow = 3_000_000;

/** The result of one `px.display`. */
export interface Table {
  readonly name: string;
  readonly relation: Relation;
  /** Its rows may have notes. */
  readonly notes?: boolean;
  /** Set: it goes on until its client ends it. */
  readonly following?: unknown;
}

/** To whom rows go, and how. */
export interface RowSink {
  readonly audience: Audience;
  readonly seal: Seal | undefined;
  readonly send: Send;
}

/**
 * Sends one table: its columns once, under a fresh id, then its rows in messages that every client takes, then exactly one message that ends it.
 * Gives the number of rows. @throws UserError for a row that no message can hold
 */
export async function sendTable(table: Table, batches: AsyncIterable<RowBatch>, sink: RowSink): Promise<bigint> {
  const sender = new TableSender(table, sink);
  await sender.begin();
  for await (const batch of batches) await sender.add(batch);
  return sender.end();
}

/** `sendTable` for who is given the batches: begin, add each, end. */
export class TableSender {
  readonly #table: Table;
  readonly #sink: RowSink;
  readonly #id = randomUUID();
  /** Another client learns of missing values by a last column, which only a result that has some gets: look before the first row goes. */
  readonly #held: RowBatch[] = [];
  #relation: Relation;
  #withNotes = false;
  #announced = false;
  #rows = 0;
  #bytes = 0;

  constructor(table: Table, sink: RowSink) {
    this.#table = table;
    this.#relation = table.relation;
    this.#sink = sink;
  }

  async begin(): Promise<void> {
    const own = this.#sink.audience === 'sonde';
    const { following, notes = false } = this.#table;
    // A stream has no end to be waited for: it has the column in any case.
    this.#withNotes = following !== undefined && !own && notes;
    if (own || following !== undefined) await this.#announce();
  }

  async add(batch: RowBatch): Promise<void> {
    this.#rows += batch.rows;
    this.#bytes += textBytes(batch);
    if (this.#announced) return this.#forward(batch);
    this.#held.push(batch);
    const many = this.#rows > heldRows || this.#bytes > heldBytes;
    this.#withNotes ||= completeNotes(this.#table.relation, batch) !== undefined || many;
    if (this.#withNotes) await this.#announce();
  }

  async end(): Promise<bigint> {
    if (!this.#announced) await this.#announce();
    await this.#data(endOfTable(this.#relation, this.#id, this.#sink.audience));
    return BigInt(this.#rows);
  }

  async #announce(): Promise<void> {
    this.#announced = true;
    const { relation, name } = this.#table;
    if (this.#withNotes) this.#relation = withNotesRelation(relation);
    const value = { relation: encodeRelation(this.#relation, this.#sink.audience), name, id: this.#id };
    await this.#sink.send({ result: { $case: 'metaData', value } });
    for (const early of this.#held.splice(0)) await this.#forward(early);
  }

  async #forward(batch: RowBatch): Promise<void> {
    const { relation, name } = this.#table;
    const { audience } = this.#sink;
    const shown = this.#withNotes ? withNotesColumn(relation, batch).batch : batch;
    for (const piece of splitBatch(shown, pieces)) {
      if (audience === 'pixie' && piece.rows === 1) requireShort(piece, name);
      await this.#data(encodeBatch(piece, this.#relation, this.#id, audience));
    }
  }

  async #data(batch: vizier.RowBatchData): Promise<void> {
    const { seal, send } = this.#sink;
    const encrypted = seal && (await seal(vizier.RowBatchData.encode(batch).finish()));
    const value = {
      executionStats: undefined,
      ...(encrypted ? sealed(encrypted) : { batch, encryptedBatch: nothing }),
    };
    await send({ result: { $case: 'data', value } });
  }
}

const nothing = new Uint8Array();

function sealed(encryptedBatch: Uint8Array): { batch: undefined; encryptedBatch: Uint8Array } {
  return { batch: undefined, encryptedBatch };
}

function textBytes(batch: RowBatch): number {
  return batch.columns.reduce((sum, column) => sum + (column.type === 'STRING' ? column.values.offsets.at(-1)! : 0), 0);
}

function requireShort(row: RowBatch, table: string): void {
  const size = textBytes(row);
  if (size <= longestRow) return;
  throw new UserError(
    `a row of table ${table} has ${size} bytes of text, and a message to Pixie's clients holds at most ${longestRow}: drop the column, or use \`px run\` of Sonde`,
  );
}
