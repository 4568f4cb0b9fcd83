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
export async function sendTable(output: Table, batches: AsyncIterable<RowBatch>, sink: RowSink): Promise<bigint> {
  const { audience, seal, send } = sink;
  const id = randomUUID();
  let relation = output.relation;
  let withNotes = false;
  let announced = false;
  let rows = 0;
  let bytes = 0;

  const data = async (batch: vizier.RowBatchData) => {
    const encrypted = seal && (await seal(vizier.RowBatchData.encode(batch).finish()));
    const value = {
      executionStats: undefined,
      ...(encrypted ? sealed(encrypted) : { batch, encryptedBatch: nothing }),
    };
    await send({ result: { $case: 'data', value } });
  };
  const announce = async () => {
    announced = true;
    if (withNotes) relation = withNotesRelation(relation);
    const value = { relation: encodeRelation(relation, audience), name: output.name, id };
    await send({ result: { $case: 'metaData', value } });
  };
  const forward = async (batch: RowBatch) => {
    const shown = withNotes ? withNotesColumn(output.relation, batch).batch : batch;
    for (const piece of splitBatch(shown, pieces)) {
      if (audience === 'pixie' && piece.rows === 1) requireShort(piece, output.name);
      await data(encodeBatch(piece, relation, id, audience));
    }
  };

  const held: RowBatch[] = [];
  // A stream has no end to be waited for: it has the column in any case.
  withNotes = output.following !== undefined && audience !== 'sonde' && output.notes;
  if (audience === 'sonde' || output.following !== undefined) await announce();
  for await (const batch of batches) {
    rows += batch.rows;
    bytes += textBytes(batch);
    if (announced) await forward(batch);
    else {
      // Another client learns of missing values by a last column, which only a result that has some gets: look before the first row goes.
      held.push(batch);
      withNotes ||= completeNotes(output.relation, batch) !== undefined || rows > heldRows || bytes > heldBytes;
      if (!withNotes) continue;
      await announce();
      for (const early of held.splice(0)) await forward(early);
    }
  }
  if (!announced) {
    await announce();
    for (const early of held) await forward(early);
  }
  await data(endOfTable(relation, id, audience));
  return BigInt(rows);
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
