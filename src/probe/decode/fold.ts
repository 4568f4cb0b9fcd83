import { decodeUtf8 } from '#base';
import {
  type AggregateFunction,
  type ColumnData,
  type GrowingColumn,
  implicitColumns,
  type Relation,
  type RowBatch,
  RowBatchBuilder,
} from '#model';
import { bucketOf, bucketText } from '../emit/buckets.ts';
import type { Fold, NumberKind } from '../types.ts';
import { mostTopKeys } from './groups.ts';

/** Groups in a second, as in the kernel; rows of further ones are left out and counted. */
const mostGroups = 65_536;

type Cell = string | bigint | number | boolean | undefined;

/** What of a group's calls one column adds up. */
interface Sum {
  captured: number;
  value: bigint | number | undefined;
  /** Of histograms and top keys: how often, by bucket or by value. */
  readonly counts: Map<bigint | string, number>;
}

interface Group {
  calls: number;
  readonly keys: readonly Cell[];
  readonly note: string | null;
  readonly sums: readonly (Sum | undefined)[];
}

/** Adds rows, one a call, up to rows as `GroupDecoder` makes them: one a group and turn. */
export class RowFolder {
  readonly #fold: Fold;
  readonly #builder: RowBatchBuilder;
  readonly #numbers: readonly NumberKind[];
  #groups = new Map<string, Group>();
  /** All rows are of one process. */
  #upid: { readonly high: bigint; readonly low: bigint } | undefined;

  /** `relation`: the table's. */
  constructor(fold: Fold, relation: Relation) {
    this.#fold = fold;
    this.#builder = new RowBatchBuilder(relation.columns.map(({ type }) => type));
    this.#numbers = fold.rows.columns
      .slice(implicitColumns.length)
      .map(({ type, unsigned }) => (type === 'FLOAT64' ? 'float' : unsigned === true ? 'uint' : 'int'));
  }

  /** How many rows had no group, and there was no room for another. */
  add(batch: RowBatch): number {
    let leftOut = 0;
    const [upid, , , ...columns] = batch.columns;
    for (let row = 0; row < batch.rows; row++) {
      if (upid?.type === 'UINT128') this.#upid ??= { high: upid.values[2 * row]!, low: upid.values[2 * row + 1]! };
      const cells = columns.map((column) => cellAt(column, row));
      const keys = cells.filter((_, i) => this.#fold.made[i] === 'key');
      const name = JSON.stringify(keys.map((cell) => (cell === undefined ? null : [typeof cell, `${cell}`])));
      let group = this.#groups.get(name);
      if (group === undefined) {
        if (this.#groups.size === mostGroups) {
          leftOut++;
          continue;
        }
        const sums = this.#fold.made.map((made) =>
          made === 'key' || made === 'count' ? undefined : { captured: 0, value: undefined, counts: new Map() },
        );
        group = { calls: 0, keys, note: batch.notes?.[row] ?? null, sums };
        this.#groups.set(name, group);
      }
      group.calls++;
      const { sums } = group;
      cells.forEach((cell, i) => {
        const sum = sums[i];
        if (sum === undefined || cell === undefined || Number.isNaN(cell)) return;
        sum.captured++;
        addUp(sum, cell, this.#fold.made[i] as AggregateFunction, this.#numbers[i]!);
      });
    }
    return leftOut;
  }

  /** The rows of one turn, which ended at `timeNs` (wall clock); undefined: nothing was called. */
  take(timeNs: bigint): RowBatch | undefined {
    if (this.#groups.size === 0) return undefined;
    for (const group of this.#groups.values()) this.#row(group, timeNs);
    this.#groups = new Map();
    return this.#builder.finish();
  }

  #row(group: Group, timeNs: bigint): void {
    const builder = this.#builder;
    const { high, low } = this.#upid!;
    builder.column(0).uint128(high, low);
    builder.column(1).int(timeNs);
    const keys = group.keys.values();
    const notes: Record<string, string> = {};
    this.#fold.made.forEach((made, i) => {
      const cell = builder.column(i + 2);
      const { name } = this.#fold.rows.columns[i + implicitColumns.length]!;
      if (made === 'key') write(cell, keys.next().value);
      else if (made === 'count') cell.int(BigInt(group.calls));
      else this.#sum(cell, made, group.sums[i]!, this.#numbers[i]!);
      const lacking = group.calls - (group.sums[i]?.captured ?? group.calls);
      if (lacking > 0) notes[name] = `of ${lacking} of ${group.calls} calls the value could not be read`;
    });
    const text =
      Object.keys(notes).length > 0 ? { ...keyNotes(group, this.#fold), ...notes } : keyNotes(group, this.#fold);
    builder.endRow(Object.keys(text).length > 0 ? JSON.stringify(text) : null);
  }

  #sum(cell: GrowingColumn, made: AggregateFunction, { value, counts }: Sum, number: NumberKind): void {
    if (made === 'histogram') {
      const sorted = ([...counts] as [bigint, number][]).sort(([a], [b]) => (a < b ? -1 : 1));
      const parts = sorted.map(([bucket, count]) => {
        const { from, to } = bucketText(bucket, number);
        return `{"from":${from},"to":${to},"count":${count}}`;
      });
      cell.text(`[${parts.join(',')}]`);
    } else if (made === 'top_keys') {
      const sorted = ([...counts] as [string, number][]).sort(([, a], [, b]) => b - a).slice(0, mostTopKeys);
      cell.text(`[${sorted.map(([key, count]) => `{"key":${key},"count":${count}}`).join(',')}]`);
    } else write(cell, value);
  }
}

/** What the first call of the group says of its keys. */
function keyNotes({ note }: Group, { rows, made }: Fold): Record<string, string> {
  if (note === null) return {};
  const own = rows.columns.slice(implicitColumns.length).filter((_, i) => made[i] === 'key');
  const isKey = (path: string) =>
    own.some(({ name }) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`));
  return Object.fromEntries(Object.entries(JSON.parse(note) as Record<string, string>).filter(([path]) => isKey(path)));
}

function addUp(sum: Sum, cell: Exclude<Cell, undefined>, made: AggregateFunction, number: NumberKind): void {
  if (made === 'top_keys') {
    const key = typeof cell === 'string' ? JSON.stringify(cell) : `${cell}`;
    sum.counts.set(key, (sum.counts.get(key) ?? 0) + 1);
    return;
  }
  if (typeof cell === 'string') return;
  // A column keeps 64 bits as they are.
  const value =
    typeof cell === 'boolean' ? (cell ? 1n : 0n) : number === 'uint' ? BigInt.asUintN(64, cell as bigint) : cell;
  if (made === 'histogram') {
    const bucket = bucketOf(value);
    sum.counts.set(bucket, (sum.counts.get(bucket) ?? 0) + 1);
  } else if (sum.value === undefined) sum.value = value;
  else if (made === 'min') sum.value = value < sum.value ? value : sum.value;
  else if (made === 'max') sum.value = value > sum.value ? value : sum.value;
  else if (typeof value === 'number') sum.value = (sum.value as number) + value;
  else sum.value = (number === 'uint' ? BigInt.asUintN : BigInt.asIntN)(64, (sum.value as bigint) + value);
}

function cellAt(column: ColumnData, row: number): Cell {
  if (column.valid?.[row] === 0) return undefined;
  switch (column.type) {
    case 'BOOLEAN':
      return column.values[row] !== 0;
    case 'STRING': {
      const { offsets, bytes } = column.values;
      return decodeUtf8(bytes.subarray(offsets[row]!, offsets[row + 1]!));
    }
    default:
      return column.values[row]!;
  }
}

function write(cell: GrowingColumn, value: Cell): void {
  if (value === undefined) cell.missing();
  else if (typeof value === 'string') cell.text(value);
  else if (typeof value === 'number') cell.float(value);
  else if (typeof value === 'boolean') cell.boolean(value);
  else cell.int(value);
}
