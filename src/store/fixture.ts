import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Column, type ColumnType, type Relation, type RowBatch, RowBatchBuilder } from '#model';
import { Store, type StoreOptions } from './index.ts';

export const column = (name: string, type: ColumnType, more: Partial<Column> = {}): Column => ({
  name,
  type,
  semantic: 'ST_NONE',
  ...more,
});
export const relation = (...columns: Column[]): Relation => ({ columns });

export type Row = readonly (boolean | bigint | number | string | null | { high: bigint; low: bigint })[];

export function batchOf(of: Relation, rows: readonly Row[], notes: readonly (string | null)[] = []): RowBatch {
  const builder = new RowBatchBuilder(of.columns.map((c) => c.type));
  rows.forEach((row, r) => {
    row.forEach((value, i) => {
      const to = builder.column(i);
      if (value === null) to.missing();
      else if (typeof value === 'boolean') to.boolean(value);
      else if (typeof value === 'bigint') to.int(value);
      else if (typeof value === 'number') to.float(value);
      else if (typeof value === 'string') to.text(value);
      else to.uint128(value.high, value.low);
    });
    builder.endRow(notes[r] ?? null);
  });
  return builder.finish();
}

export function rowsOf(batch: RowBatch): Row[] {
  return Array.from({ length: batch.rows }, (_, r) =>
    batch.columns.map((c) => {
      if (c.valid?.[r] === 0) return null;
      switch (c.type) {
        case 'BOOLEAN':
          return c.values[r] !== 0;
        case 'STRING':
          return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
            c.values.bytes.subarray(c.values.offsets[r], c.values.offsets[r + 1]),
          );
        case 'UINT128':
          return { high: c.values[2 * r]!, low: c.values[2 * r + 1]! };
        default:
          return c.values[r]!;
      }
    }),
  );
}

export const numbers = relation(column('n', 'INT64'));
export const count = relation(column('count', 'INT64'));
export const numbersFrom = (first: number, rows: number) =>
  batchOf(
    numbers,
    Array.from({ length: rows }, (_, i) => [BigInt(first + i)]),
  );

/** A folder for a test's stores; `close` ends them all and removes it. */
export class StoreFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'sonde-store-'));
  readonly #stores: Store[] = [];

  open(more: Partial<StoreOptions> = {}): Store {
    const store = Store.open({ file: join(this.path, 'rows.db'), ...more });
    this.#stores.push(store);
    return store;
  }

  async close(): Promise<void> {
    for (const store of this.#stores) await store.close();
    rmSync(this.path, { recursive: true, force: true });
  }
}

export async function all(
  store: Store,
  sql: string,
  of: Relation,
  notes = false,
): Promise<{ rows: Row[]; notes: (string | null)[] }> {
  const rows: Row[] = [];
  const told: (string | null)[] = [];
  for await (const batch of store.query(sql, of, { notes })) {
    rows.push(...rowsOf(batch));
    told.push(...(batch.notes ?? new Array(batch.rows).fill(null)));
  }
  return { rows, notes: told };
}
export const countOf = async (store: Store, table: string) =>
  (await all(store, `SELECT count(*) FROM "${table}"`, count)).rows[0]![0] as bigint;
