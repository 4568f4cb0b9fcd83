import { BugError, encodeUtf8 } from '#base';
import { header, headerFlags, type RowBatch, RowBatchBuilder, type Upid, upidWords } from '#model';
import { evaluate, Unknown, type Value } from '../computation/index.ts';
import type { TreePart } from '../resolve/index.ts';
import type { ColumnPlan, ProbePlan } from '../types.ts';
import { valueOfShape } from './computed.ts';
import type { Ending } from './ending.ts';
import { logLine, panicText } from './log.ts';
import { Notes } from './notes.ts';
import type { RecordBytes } from './record.ts';
import { type BinaryServices, TargetContext } from './target.ts';
import type { TreePlace } from './tree.ts';
import { writeValue } from './value.ts';

/** One process: whose rows these are. */
export interface RowTarget {
  readonly upid: Upid;
  readonly words: { readonly high: bigint; readonly low: bigint };
  readonly context: TargetContext;
}

export function rowTarget(upid: Upid, services?: BinaryServices): RowTarget {
  return { upid, words: upidWords(upid), context: new TargetContext(services) };
}

/** Columns before the script's own: upid, time_, goid_. */
const implicitCount = 3;

/** Makes rows of entry and return records. */
export class RowWriter {
  readonly #builder: RowBatchBuilder;
  readonly #notes = new Notes();
  /** REALTIME − MONOTONIC, nanoseconds. */
  clockOffset = 0n;

  constructor(columns: readonly { readonly type: RowBatchBuilder['types'][number] }[]) {
    this.#builder = new RowBatchBuilder(columns.map((column) => column.type));
  }

  get rows(): number {
    return this.#builder.rows;
  }

  finish(): RowBatch {
    return this.#builder.finish();
  }

  /**
   * Appends the row of a call: `entry` and `exit` are its records, as far as there are any (`any` is one of them, or a record
   * that has a header only), `end` the CLOCK_MONOTONIC nanoseconds of its end. Nothing is written where the plan's condition does not hold
   * or cannot be decided.
   */
  write(
    target: RowTarget,
    plan: ProbePlan,
    any: RecordBytes,
    entry: RecordBytes | undefined,
    exit: RecordBytes | undefined,
    end: bigint,
    ending: Ending,
    place?: TreePlace,
  ): 'written' | 'unwanted' | 'undecided' {
    if (plan.condition !== undefined) {
      const holds = this.#decide(plan.condition, target, plan, entry, exit, end, ending);
      if (holds !== true) return holds === false ? 'unwanted' : 'undecided';
    }
    const builder = this.#builder;
    builder.column(0).uint128(target.words.high, target.words.low);
    builder.column(1).int(end + this.clockOffset);
    if ((any.view.getUint32(any.offset + header.flags, true) & headerFlags.goid) !== 0) {
      builder.column(2).int(any.view.getBigInt64(any.offset + header.goid, true));
    } else {
      builder.column(2).missing();
      this.#notes.missing('goid_', 'the goroutine is not known here');
    }
    for (let i = 0; i < plan.columns.length; i++) {
      this.#value(i, target, plan, plan.columns[i]!, entry, exit, end, ending, place);
    }
    builder.endRow(this.#notes.take());
    return 'written';
  }

  /** What the kernel has left to be decided. */
  #decide(
    condition: NonNullable<ProbePlan['condition']>,
    { context }: RowTarget,
    plan: ProbePlan,
    entry: RecordBytes | undefined,
    exit: RecordBytes | undefined,
    end: bigint,
    ending: Ending,
  ): Value | Unknown {
    const { graph } = plan;
    const holds = evaluate(
      condition,
      (leaf): Value | Unknown => {
        switch (leaf.from) {
          case 'latency':
            return ending.seen && entry !== undefined
              ? end - entry.view.getBigInt64(entry.offset + header.ktime, true)
              : new Unknown(ending.reason);
          case 'outcome': {
            const bytes = encodeUtf8(ending.outcome);
            return { bytes, length: bytes.length };
          }
          default: {
            const [record, layout] = leaf.from === 'entry' ? [entry, plan.entry] : [exit, plan.return];
            if (record === undefined || layout === undefined) return new Unknown(ending.reason);
            return valueOfShape(leaf.shape, { layout, graph, target: context }, record, this.#notes);
          }
        }
      },
      context.bias,
    );
    // What was noted on the way is of no row.
    this.#notes.take();
    return holds;
  }

  #value(
    index: number,
    { context }: RowTarget,
    plan: ProbePlan,
    { column, source }: ColumnPlan,
    entry: RecordBytes | undefined,
    exit: RecordBytes | undefined,
    end: bigint,
    ending: Ending,
    place: TreePlace | undefined,
  ): void {
    const cell = this.#builder.column(implicitCount + index);
    const { graph } = plan;
    const notes = this.#notes;
    switch (source.kind) {
      case 'entry':
        if (entry === undefined || plan.entry === undefined)
          throw new BugError('an entry column without an entry record');
        writeValue(cell, source.shape, { layout: plan.entry, graph, target: context }, entry, column.name, notes);
        break;
      case 'return':
        if (exit !== undefined && plan.return !== undefined) {
          writeValue(cell, source.shape, { layout: plan.return, graph, target: context }, exit, column.name, notes);
        } else {
          cell.missing();
          notes.missing(column.name, ending.reason);
        }
        break;
      case 'log':
        cell.text(logLine(source.parts, plan, context, { entry, exit, end, ending }, column.name, notes));
        break;
      case 'latency':
        if (ending.seen && entry !== undefined) {
          cell.int(end - entry.view.getBigInt64(entry.offset + header.ktime, true));
          if (ending.outcome !== 'returned') notes.add(column.name, ending.reason);
        } else {
          cell.missing();
          notes.missing(column.name, ending.reason);
        }
        break;
      case 'panic': {
        const text = panicText(plan, ending, context, column.name, notes);
        if (text === undefined) cell.missing();
        else cell.text(text);
        break;
      }
      case 'call-id':
      case 'parent-call-id':
      case 'own-time':
        writePlace(cell, source.kind, place, column.name, notes);
        break;
      case 'place':
        cell.text(plan.names?.[source.part] ?? '');
        if (source.part === 'typeArguments' && plan.shapesOnly !== undefined) notes.add(column.name, plan.shapesOnly);
        break;
      case 'outcome':
        cell.text(ending.outcome);
        if (ending.outcome === 'lost') notes.add(column.name, ending.reason);
    }
  }
}

function writePlace(
  cell: ReturnType<RowBatchBuilder['column']>,
  part: TreePart,
  place: TreePlace | undefined,
  column: string,
  notes: Notes,
): void {
  if (place === undefined) throw new BugError('a place in the tree without an entry');
  const { id, parent, doubt, own } = place;
  switch (part) {
    case 'call-id':
      cell.int(id);
      break;
    case 'parent-call-id':
      if (parent === undefined) cell.missing();
      else cell.int(parent);
      if (doubt !== '') notes.add(column, doubt);
      break;
    default:
      if (typeof own === 'bigint') cell.int(own);
      else {
        cell.missing();
        notes.missing(column, own);
      }
  }
}
