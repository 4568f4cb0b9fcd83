import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Relation, type RowBatch, RowBatchBuilder } from '#model';
import { type PlanOutput, type QueryPlan, tableFunctionRelations } from '#planner';
import { Store } from '#store';

/** A value of a result; UINT128 as one number, a missing value as null. */
export type Cell = boolean | bigint | number | string | null;

/** A store of its own to run compiled PxL on; `close` removes it. */
export class PxlEngine {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sonde-pxl-'));
  readonly #store = Store.open({ file: join(this.#folder, 'rows.db') });

  async table(name: string, relation: Relation, rows: readonly (readonly Cell[])[]): Promise<void> {
    await this.#store.createTable(name, relation);
    await this.#store.append(name, batchOf(relation, rows));
  }

  async drop(name: string): Promise<void> {
    await this.#store.dropTable(name);
  }

  /** The rows of a plan's first output; table functions give none. */
  async first({ inputs, outputs }: QueryPlan): Promise<Cell[][]> {
    for (const { table, function: name } of inputs) {
      const relation = tableFunctionRelations[name]!;
      await this.#store.putTemporary(table, relation, batchOf(relation, []));
    }
    try {
      return await this.rows(outputs[0]!);
    } finally {
      for (const { table } of inputs) await this.#store.dropTemporary(table);
    }
  }

  async rows(output: Pick<PlanOutput, 'sql' | 'relation' | 'notes'>): Promise<Cell[][]> {
    const rows: Cell[][] = [];
    for await (const batch of this.batches(output)) rows.push(...cellsOf(batch));
    return rows;
  }

  batches({ sql, relation, notes }: Pick<PlanOutput, 'sql' | 'relation' | 'notes'>): AsyncIterable<RowBatch> {
    return this.#store.query(sql, relation, { notes });
  }

  async close(): Promise<void> {
    await this.#store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function batchOf(relation: Relation, rows: readonly (readonly Cell[])[]): RowBatch {
  const builder = new RowBatchBuilder(relation.columns.map((column) => column.type));
  for (const row of rows) {
    row.forEach((value, i) => {
      const column = builder.column(i);
      if (value === null) column.missing();
      else if (typeof value === 'boolean') column.boolean(value);
      else if (typeof value === 'number') column.float(value);
      else if (typeof value === 'string') column.text(value);
      else if (relation.columns[i]!.type === 'UINT128') column.uint128(value >> 64n, BigInt.asUintN(64, value));
      else column.int(value);
    });
    builder.endRow();
  }
  return builder.finish();
}

function cellsOf(batch: RowBatch): Cell[][] {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return Array.from({ length: batch.rows }, (_, r) =>
    batch.columns.map((column): Cell => {
      if (column.valid?.[r] === 0) return null;
      switch (column.type) {
        case 'BOOLEAN':
          return column.values[r] !== 0;
        case 'STRING':
          return decoder.decode(column.values.bytes.subarray(column.values.offsets[r], column.values.offsets[r + 1]));
        case 'UINT128':
          return (column.values[2 * r]! << 64n) | column.values[2 * r + 1]!;
        default:
          return column.values[r]!;
      }
    }),
  );
}
