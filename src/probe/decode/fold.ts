import { decodeUtf8 } from '#base';
import {
  type AggregateFunction,
  type ColumnData,
  type GrowingColumn,
  implicitColumns,
  mostGroups,
  type Relation,
  type RowBatch,
  RowBatchBuilder,
} from '#model';
import { bucketOf } from '../emit/buckets.ts';
import type { Fold, NumberKind } from '../types.ts';
import { histogramText, lackingNote, topKeysText } from './aggregates.ts';
import { floatJson } from './float.ts';

type Cell = string | bigint | number | boolean | undefined;

/** What of a group's calls one column adds up. */
interface Sum {
  captured: bigint;
  value: bigint | number | undefined;
  /** Of histograms how often by bucket, of top keys by value as JSON. */
  readonly buckets: Map<bigint, bigint>;
  readonly keys: Map<string, bigint>;
}

interface Group {
  calls: bigint;
  readonly keys: readonly Cell[];
  readonly note: string | null;
  readonly sums: readonly (Sum | undefined)[];
}

interface OwnColumn {
  readonly name: string;
  readonly made: Fold['made'][number];
  readonly number: NumberKind;
  /** Of a float. */
  readonly size: 4 | 8;
}

/** Adds rows, one a call, up to rows as `GroupDecoder` makes them: one a group and turn. */
export class RowFolder {
  readonly #columns: readonly OwnColumn[];
  readonly #builder: RowBatchBuilder;
  #groups = new Map<string, Group>();
  /** Groups, buckets and keys, as the kernel counts entries. */
  #entries = 0;
  /** All rows are of one process. */
  #upid: { readonly high: bigint; readonly low: bigint } | undefined;

  /** `relation`: the table's. */
  constructor({ rows, made, single }: Fold, relation: Relation) {
    this.#builder = new RowBatchBuilder(relation.columns.map(({ type }) => type));
    this.#columns = rows.columns.slice(implicitColumns.length).map(({ name, type, unsigned }, i) => ({
      name,
      made: made[i]!,
      number: type === 'FLOAT64' ? 'float' : unsigned === true ? 'uint' : 'int',
      size: single[i] === true ? 4 : 8,
    }));
  }

  /** How many rows were left out, in whole or in part, because there was no room for another group, bucket or key. */
  add(batch: RowBatch): number {
    let leftOut = 0;
    const [upid, , , ...data] = batch.columns;
    for (let row = 0; row < batch.rows; row++) {
      if (upid?.type === 'UINT128') this.#upid ??= { high: upid.values[2 * row]!, low: upid.values[2 * row + 1]! };
      const cells = data.map((column, i) => cellAt(column, row, this.#columns[i]!.number));
      const group = this.#group(cells, batch.notes?.[row] ?? null);
      if (group === undefined || !this.#addTo(group, cells)) leftOut++;
    }
    return leftOut;
  }

  #group(cells: readonly Cell[], note: string | null): Group | undefined {
    const keys = cells.filter((_, i) => this.#columns[i]!.made === 'key');
    const name = JSON.stringify(keys.map((cell) => (cell === undefined ? null : [typeof cell, `${cell}`])));
    const known = this.#groups.get(name);
    if (known !== undefined || !this.#takeEntry()) return known;
    const sums = this.#columns.map(({ made }): Sum | undefined =>
      made === 'key' || made === 'count'
        ? undefined
        : { captured: 0n, value: undefined, buckets: new Map(), keys: new Map() },
    );
    const group = { calls: 0n, keys, note, sums };
    this.#groups.set(name, group);
    return group;
  }

  #takeEntry(): boolean {
    if (this.#entries === mostGroups) return false;
    this.#entries++;
    return true;
  }

  #addTo(group: Group, cells: readonly Cell[]): boolean {
    let whole = true;
    group.calls++;
    cells.forEach((cell, i) => {
      const sum = group.sums[i];
      if (sum === undefined || cell === undefined || Number.isNaN(cell)) return;
      const { made, size } = this.#columns[i]!;
      sum.captured++;
      if (made === 'top_keys') whole &&= this.#count(sum.keys, keyJson(cell, size));
      else if (typeof cell !== 'string') {
        const value = typeof cell === 'boolean' ? (cell ? 1n : 0n) : cell;
        if (made === 'histogram') whole &&= this.#count(sum.buckets, bucketOf(value));
        else sum.value = combined(sum.value, value, made as AggregateFunction);
      }
    });
    return whole;
  }

  #count<Key>(counts: Map<Key, bigint>, key: Key): boolean {
    const known = counts.get(key);
    if (known === undefined && !this.#takeEntry()) return false;
    counts.set(key, (known ?? 0n) + 1n);
    return true;
  }

  /** The rows of one turn, which ended at `timeNs` (wall clock); undefined: nothing was called. `dropped`: events of the turn that did not come. */
  take(timeNs: bigint, dropped: bigint): RowBatch | undefined {
    if (this.#groups.size === 0) return undefined;
    for (const group of this.#groups.values()) this.#row(group, timeNs, dropped);
    this.#groups = new Map();
    this.#entries = 0;
    return this.#builder.finish();
  }

  #row(group: Group, timeNs: bigint, dropped: bigint): void {
    const builder = this.#builder;
    const { high, low } = this.#upid!;
    builder.column(0).uint128(high, low);
    builder.column(1).int(timeNs);
    const keys = group.keys.values();
    const notes = this.#keyNotes(group);
    this.#columns.forEach(({ name, made, number }, i) => {
      const cell = builder.column(i + 2);
      const sum = group.sums[i];
      if (made === 'key') write(cell, keys.next().value);
      else if (sum === undefined) {
        cell.int(group.calls);
        if (dropped > 0n) notes[name] = `${dropped} events of this turn were dropped, of these or other calls`;
      } else {
        const more = writeSum(cell, sum, made, number);
        const lacking = group.calls - sum.captured;
        if (more !== undefined) notes[name] = more;
        if (lacking > 0n) notes[name] = lackingNote(lacking, group.calls, number);
      }
    });
    builder.endRow(Object.keys(notes).length > 0 ? JSON.stringify(notes) : null);
  }

  /** What the first call of the group says of its keys. */
  #keyNotes({ note }: Group): Record<string, string> {
    if (note === null) return {};
    const keys = this.#columns.filter(({ made }) => made === 'key');
    const isKey = (path: string) =>
      keys.some(({ name }) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`));
    const all = Object.entries(JSON.parse(note) as Record<string, string>);
    return Object.fromEntries(all.filter(([path]) => isKey(path)));
  }
}

function combined(sum: bigint | number | undefined, value: bigint | number, made: AggregateFunction): bigint | number {
  if (sum === undefined) return value;
  if (made === 'min') return value < sum ? value : sum;
  if (made === 'max') return value > sum ? value : sum;
  // A column keeps the low 64 bits.
  return typeof value === 'number' ? (sum as number) + value : (sum as bigint) + value;
}

/** What is to be said of it, if something is. */
function writeSum(cell: GrowingColumn, sum: Sum, made: Fold['made'][number], number: NumberKind): string | undefined {
  if (made === 'histogram') cell.text(histogramText(sum.buckets, number));
  else if (made === 'top_keys') {
    const entries = [...sum.keys].map(([key, count]) => ({ key, count }));
    const { text, note } = topKeysText(entries, ({ key }) => key);
    cell.text(text);
    return note;
  } else write(cell, sum.value);
  return undefined;
}

function keyJson(cell: Exclude<Cell, undefined>, size: 4 | 8): string {
  if (typeof cell === 'number') return floatJson(cell, size);
  return typeof cell === 'string' ? JSON.stringify(cell) : `${cell}`;
}

function cellAt(column: ColumnData, row: number, number: NumberKind): Cell {
  if (column.valid?.[row] === 0) return undefined;
  switch (column.type) {
    case 'BOOLEAN':
      return column.values[row] !== 0;
    case 'STRING': {
      const { offsets, bytes } = column.values;
      return decodeUtf8(bytes.subarray(offsets[row]!, offsets[row + 1]!));
    }
    case 'INT64': {
      const value = column.values[row]!;
      return number === 'uint' ? BigInt.asUintN(64, value) : value;
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
