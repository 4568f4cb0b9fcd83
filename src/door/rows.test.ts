import { expect, test } from 'vitest';
import { type Audience, vizier } from '#api';
import { type Relation, type RowBatch, RowBatchBuilder } from '#model';
import type { PlanOutput } from '#planner';
import { sendTable } from './rows.ts';

const relation: Relation = {
  columns: [
    { name: 'n', type: 'INT64', semantic: 'ST_NONE' },
    { name: 's', type: 'STRING', semantic: 'ST_NONE' },
  ],
};
const output = { name: 'out', relation } as PlanOutput;

function batchOf(rows: readonly (readonly [bigint | undefined, string])[]): RowBatch {
  const builder = new RowBatchBuilder(['INT64', 'STRING']);
  for (const [n, s] of rows) {
    if (n === undefined) builder.column(0).missing();
    else builder.column(0).int(n);
    builder.column(1).text(s);
    builder.endRow();
  }
  return builder.finish();
}

async function sent(
  batches: readonly RowBatch[],
  audience: Audience,
  seal?: (plain: Uint8Array) => Promise<Uint8Array>,
) {
  const parts: Partial<vizier.ExecuteScriptResponse>[] = [];
  async function* source() {
    yield* batches;
  }
  const send = async (part: Partial<vizier.ExecuteScriptResponse>) => void parts.push(part);
  const rows = await sendTable(output, source(), { audience, seal, send });
  const columns = parts.flatMap(({ result }) =>
    result?.$case === 'metaData' ? result.value.relation!.columns.map(({ columnName }) => columnName) : [],
  );
  const data = parts.flatMap(({ result }) => (result?.$case === 'data' ? [result.value] : []));
  return { rows, columns, data, first: parts[0]!.result!.$case };
}

test('a missing value in a late row still gets its column, for the announcement waits', async () => {
  const early = batchOf(Array.from({ length: 1000 }, (_, i) => [BigInt(i), 'x']));
  const { rows, columns, data } = await sent([early, batchOf([[undefined, 'y']])], 'pixie');
  expect([rows, columns]).toEqual([1001n, ['n', 's', 'notes_']]);
  expect(data.reduce((sum, { batch }) => sum + Number(batch!.numRows), 0)).toBe(1001);
  const last = data.at(-2)!.batch!.cols[2]!.colData!.value.data.at(-1) as Uint8Array;
  expect(new TextDecoder().decode(last)).toBe('{"n":"missing"}');
  expect((await sent([early], 'pixie')).columns).toEqual(['n', 's']);
});

test('no more than 8 MiB of text is held back for that', async () => {
  const wide = batchOf(Array.from({ length: 90 }, (_, i) => [BigInt(i), 'x'.repeat(100_000)]));
  expect((await sent([wide], 'pixie')).columns).toEqual(['n', 's', 'notes_']);
});

test('a row that no message to Pixie’s clients can hold is a fault; Sonde’s px gets it', async () => {
  const giant = batchOf([[1n, 'x'.repeat(3_000_001)]]);
  await expect(sent([giant], 'pixie')).rejects.toThrow(
    /^a row of table out has 3000001 bytes of text, and a message to Pixie's clients holds at most 3000000: drop the column/,
  );
  expect((await sent([giant], 'sonde')).rows).toBe(1n);
  const largest = await sent([batchOf([[1n, 'x'.repeat(3_000_000)]])], 'pixie');
  expect(vizier.RowBatchData.encode(largest.data[0]!.batch!).finish().length).toBeLessThan((4_194_304 * 3) / 4 - 1024);
});

test('rows and the end are sealed when there is a key, in order', async () => {
  const sealed: vizier.RowBatchData[] = [];
  const seal = async (plain: Uint8Array) => {
    sealed.push(vizier.RowBatchData.decode(plain));
    return Uint8Array.of(sealed.length);
  };
  const { data, first } = await sent([batchOf([[1n, 'a']])], 'pixie', seal);
  expect(first).toBe('metaData');
  expect(data.map(({ batch, encryptedBatch }) => [batch, ...encryptedBatch])).toEqual([
    [undefined, 1],
    [undefined, 2],
  ]);
  expect(sealed.map(({ numRows, eos, eow }) => [numRows, eos, eow])).toEqual([
    [1n, false, false],
    [0n, true, true],
  ]);
});
