import { floatBits, floatOfBits } from '#base';
import {
  groupKey,
  groupWord,
  groupWordSize,
  type Relation,
  type RowBatch,
  RowBatchBuilder,
  type Upid,
  upidWords,
} from '#model';
import { controlOffset } from '../emit/control.ts';
import type { GroupColumn, GroupLayout, ProbePlan } from '../types.ts';
import { histogramText, lackingNote, topKeysText } from './aggregates.ts';
import { Notes } from './notes.ts';
import type { RecordBytes } from './record.ts';
import { type BinaryServices, TargetContext } from './target.ts';
import { json, writeValue } from './value.ts';

/** An entry of a map that calls were added up in: its value is that of every CPU, one behind the other. */
export interface GroupEntry {
  readonly key: Uint8Array;
  readonly values: Uint8Array;
}

/** What programs leave beside the entries. */
export interface GroupSources {
  counters(): BigUint64Array;
  readStack?(id: bigint): Uint8Array | undefined;
}

/** Stacks that are remembered: one that is in every second's rows is read once. */
const mostStacks = 4096;

/** Columns before the script's own: upid, time_. */
const implicitCount = 2;

interface Group {
  readonly record: RecordBytes;
  /** Words of its value, of all CPUs together. */
  readonly words: readonly bigint[];
  readonly details: {
    readonly detail: number;
    readonly bucket: bigint;
    readonly record: RecordBytes;
    readonly count: bigint;
  }[];
}

/** Makes rows of what the programs of one tracepoint have added up, a row a group. */
export class GroupDecoder {
  readonly #builder: RowBatchBuilder;
  readonly #plans: readonly ProbePlan[];
  readonly #upid: { readonly high: bigint; readonly low: bigint };
  readonly #target: TargetContext;
  readonly #notes = new Notes();
  readonly #sources: GroupSources;
  /** Calls of bare groups that are in rows, by probe. */
  readonly #counted: bigint[];
  /** Stacks that were in rows, by their number. */
  readonly #stacks = new Map<bigint, RecordBytes>();

  /**
   * `relation`: the table's. `sources`: the words of the control map, and the value of an entry of the map of stacks, if it is there. `services`: what values are
   * named by.
   */
  constructor(
    relation: Relation,
    plans: readonly ProbePlan[],
    upid: Upid,
    sources: GroupSources,
    services?: BinaryServices,
  ) {
    this.#sources = sources;
    this.#counted = plans.map(() => 0n);
    this.#builder = new RowBatchBuilder(relation.columns.map(({ type }) => type));
    this.#plans = plans;
    this.#upid = upidWords(upid);
    this.#target = new TargetContext(services);
  }

  /** The rows of one turn, which ended at `timeNs` (wall clock). */
  rows(entries: readonly GroupEntry[], timeNs: bigint): RowBatch {
    for (const [plan, groups] of this.#groups([...this.#bare(), ...entries])) {
      for (const group of groups) {
        const builder = this.#builder;
        builder.column(0).uint128(this.#upid.high, this.#upid.low);
        builder.column(1).int(timeNs);
        plan.columns.forEach((column, i) => {
          this.#value(implicitCount + i, column, plan, group);
        });
        builder.endRow(this.#notes.take());
      }
    }
    return this.#builder.finish();
  }

  /** What the counts of hits of bare groups have grown by, as entries that one CPU has made. */
  #bare(): GroupEntry[] {
    const words = this.#sources.counters();
    const entries: GroupEntry[] = [];
    this.#plans.forEach(({ group }, probe) => {
      if (group?.bare !== true) return;
      const hits = Atomics.load(words, controlOffset(probe, 'hits') / 8);
      const calls = hits - this.#counted[probe]!;
      if (calls === 0n) return;
      this.#counted[probe] = hits;
      const key = new Uint8Array(group.key.size);
      new DataView(key.buffer).setUint32(groupKey.probe, probe, true);
      const values = new BigUint64Array(group.valueBytes / 8);
      values[0] = calls;
      entries.push({ key, values: new Uint8Array(values.buffer) });
    });
    return entries;
  }

  #stack(id: bigint): RecordBytes | undefined {
    const known = this.#stacks.get(id);
    if (known) return known;
    const bytes = this.#sources.readStack?.(id);
    if (bytes === undefined) return undefined;
    const record = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
    if (this.#stacks.size === mostStacks) this.#stacks.clear();
    this.#stacks.set(id, record);
    return record;
  }

  /** Details find their group by its key, in which kind, bucket and the values of top keys are zero. */
  #groups(entries: readonly GroupEntry[]): Map<GroupLayout, Iterable<Group>> {
    const found = new Map<GroupLayout, Map<string, Group>>();
    const late: (() => void)[] = [];
    for (const { key, values } of entries) {
      const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
      const layout = this.#plans[view.getUint32(groupKey.probe, true)]?.group;
      if (layout === undefined) continue;
      let groups = found.get(layout);
      if (groups === undefined) found.set(layout, (groups = new Map()));
      const into = groups;
      const kind = view.getUint32(groupKey.kind, true);
      const record = { bytes: key, view, offset: 0 };
      const words = total(values, layout);
      const name = groupName(key, layout);
      if (kind === 0) into.set(name, { record, words, details: [] });
      else {
        const bucket = view.getBigInt64(groupKey.bucket, true);
        late.push(() => into.get(name)?.details.push({ detail: kind - 1, bucket, record, count: words[0]! }));
      }
    }
    for (const add of late) add();
    return new Map([...found].map(([layout, groups]) => [layout, groups.values()]));
  }

  #value(index: number, { column, source }: GroupColumn, layout: GroupLayout, group: Group): void {
    const cell = this.#builder.column(index);
    const context = {
      layout: layout.key,
      graph: undefined,
      target: this.#target,
      isKey: true as const,
      stack: (id: bigint) => this.#stack(id),
    };
    switch (source.kind) {
      case 'key':
        writeValue(cell, source.shape, context, group.record, column.name, this.#notes);
        break;
      case 'count':
        cell.int(group.words[0]!);
        break;
      case 'text':
        cell.text(source.text);
        break;
      case 'sum':
      case 'min':
      case 'max': {
        const at = (8 + groupWordSize * source.word) / 8;
        const captured = group.words[at + groupWord.captured / 8]!;
        if (captured < group.words[0]!) {
          this.#notes.add(column.name, lackingNote(group.words[0]! - captured, group.words[0]!, source.number));
        }
        if (captured === 0n) cell.missing();
        else if (source.number === 'float') cell.float(floatOf(source, group.words[at]!));
        else cell.int(decoded(source, group.words[at]!));
        break;
      }
      case 'histogram': {
        const own = group.details.filter(({ detail }) => detail === source.detail);
        cell.text(
          histogramText(
            own.map(({ bucket, count }) => [bucket, count] as const),
            source.number,
          ),
        );
        break;
      }
      case 'top': {
        const { text, note } = topKeysText(
          group.details.filter(({ detail }) => detail === source.detail),
          ({ record }) => json(source.shape, context, record, column.name, this.#notes),
        );
        if (note !== undefined) this.#notes.add(column.name, note);
        cell.text(text);
        break;
      }
      case 'missing':
        cell.missing();
        this.#notes.missing(column.name, source.reason);
    }
  }
}

/** The key without what only details have. */
function groupName(key: Uint8Array, layout: GroupLayout): string {
  const plain = key.slice();
  plain.fill(0, groupKey.kind, groupKey.kind + 4);
  plain.fill(0, groupKey.bucket, groupKey.bucket + 8);
  const shared = new Set(
    layout.columns.flatMap(({ source }) => ('shape' in source && source.kind === 'key' ? slotOf(source.shape) : [])),
  );
  for (const { source } of layout.columns) {
    const slot = source.kind === 'top' ? slotOf(source.shape)[0] : undefined;
    if (slot === undefined || shared.has(slot)) continue;
    const { status, offset, ...rest } = layout.key.slots[slot]!;
    plain[status] = 0;
    plain.fill(0, offset, offset + ('maxBytes' in rest ? 8 + ((rest.maxBytes + 7) & ~7) : 8));
  }
  return latin1(plain);
}

function slotOf(shape: { readonly kind: string; readonly slot?: number }): number[] {
  return shape.slot === undefined ? [] : [shape.slot];
}

/** Bytes as the text whose characters have these numbers. */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Of all CPUs together: counts and sums are added, the words of minima and maxima are compared. */
function total(values: Uint8Array, layout: GroupLayout): bigint[] {
  const words = new BigUint64Array(values.buffer, values.byteOffset, values.byteLength / 8);
  const size = layout.valueBytes / 8;
  const compared = new Set<number>();
  const floats = new Set<number>();
  for (const { source } of layout.columns) {
    if (source.kind !== 'sum' && source.kind !== 'min' && source.kind !== 'max') continue;
    const at = (8 + groupWordSize * source.word + groupWord.value) / 8;
    if (source.kind !== 'sum') compared.add(at);
    else if (source.number === 'float') floats.add(at);
  }
  const result = new Array<bigint>(size).fill(0n);
  for (let from = 0; from + size <= words.length; from += size) {
    for (let i = 0; i < size; i++) {
      const word = words[from + i]!;
      if (floats.has(i)) result[i] = floatBits(floatOfBits(result[i]!) + floatOfBits(word));
      else if (!compared.has(i)) result[i] = BigInt.asUintN(64, result[i]! + word);
      else if (word > result[i]!) result[i] = word;
    }
  }
  return result;
}

type SumSource = Extract<GroupColumn['source'], { kind: 'sum' | 'min' | 'max' }>;

/** A sum; or, of minima and maxima, what the program has turned into an order of unsigned words. */
function floatOf({ kind }: SumSource, word: bigint): number {
  if (kind === 'sum') return floatOfBits(word);
  const ordered = kind === 'min' ? BigInt.asUintN(64, ~word) : word;
  return floatOfBits(BigInt.asUintN(64, ordered >> 63n === 1n ? ordered ^ (1n << 63n) : ~ordered));
}

/** A sum as the column's 64 bits; of minima and maxima what the program has turned into an order of unsigned words. */
function decoded({ kind, number }: SumSource, word: bigint): bigint {
  if (kind === 'sum') return BigInt.asIntN(64, word);
  const ordered = kind === 'min' ? BigInt.asUintN(64, ~word) : word;
  return BigInt.asIntN(64, number === 'uint' ? ordered : ordered ^ (1n << 63n));
}
