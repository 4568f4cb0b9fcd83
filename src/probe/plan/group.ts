import { BugError } from '#base';
import { groupKeyHeader, groupWordSize } from '#model';
import { leavesOf } from '../computation/index.ts';
import type { ResolvedProbe } from '../resolve/index.ts';
import type { GroupColumn, GroupLayout, NumberKind } from '../types.ts';
import { groupConditions, type KernelCondition } from './condition.ts';
import { LayoutBuilder } from './layout.ts';
import type { EventPlan, PlanContext } from './plan.ts';
import { keyStringBytes } from './source.ts';

/** When something of a call is read: its arguments at the entry, its results at the return. */
export type When = 'entry' | 'return';

/** What the programs of a probe with aggregates add up. */
export interface GroupPlan {
  readonly layout: GroupLayout;
  /** Key columns and values of `top_keys`, laid out as `GroupLayout.key`; when each slot is filled, undefined: for an entry of its own only. */
  readonly key: EventPlan;
  readonly keyWhen: readonly (When | undefined)[];
  /** The numbers that are added up, laid out from byte 0. */
  readonly values: EventPlan;
  readonly valuesWhen: readonly When[];
  /** One for each `groupWord` of a group's value; `slot` is one of `values`, undefined: the latency. */
  readonly words: readonly {
    readonly slot?: number;
    readonly operation: 'sum' | 'min' | 'max';
    readonly number: NumberKind;
  }[];
  /** One for each of `GroupLayout.details`: a value as in `words`, whose bucket counts, or it itself. */
  readonly details: readonly {
    readonly slot?: number;
    /** Of a `top_keys`: where its value stands in the key; undefined of a histogram. */
    readonly keySlot?: number;
    readonly number: NumberKind;
  }[];
  /** Which calls are added up: decided at the entry, and at the return. */
  readonly conditions: { readonly entry?: KernelCondition; readonly return?: KernelCondition };
  /** A call is added up at its return … */
  readonly atReturn: boolean;
  /** … and something is known at its entry alone, which is kept until then. */
  readonly both: boolean;
  /** Why something of it cannot be added up in the kernel, which could be of rows. */
  readonly unfit?: string;
}

/** Most bytes of a key and of the numbers: both lie on the stack. */
const mostKeyBytes = 176;
const mostValueBytes = 152;
const mostWords = 6;

const keyIsFull = `the key is full: it has ${mostKeyBytes} bytes, a string takes ${keyStringBytes + 16} of them`;

/** Waiting for the scheduler to save float registers costs more than a row a call does. */
const inRegister =
  'it is in a float register, and floats are added up from memory only: take rows, and add up in the query';

/** Why the condition of a probe with aggregates cannot be decided where they are made. */
export function groupRefusal({ columns, condition }: ResolvedProbe): string | undefined {
  const found = columns.some(({ from }) => from === 'aggregate') ? groupConditions(condition) : undefined;
  return typeof found === 'string' ? found : undefined;
}

export function planGroup(resolved: ResolvedProbe, planned: PlanContext): GroupPlan | undefined {
  if (!resolved.columns.some(({ from }) => from === 'aggregate')) return undefined;
  let unfit: string | undefined;
  const context = {
    ...planned,
    noFloats: () => {
      unfit ??= inRegister;
      return inRegister;
    },
  };
  const key = new LayoutBuilder(context, { start: groupKeyHeader, stringBytes: keyStringBytes, most: mostKeyBytes });
  const values = new LayoutBuilder(context, { start: 0, stringBytes: keyStringBytes, most: mostValueBytes });
  const keyWhen: (When | undefined)[] = [];
  const valuesWhen: When[] = [];
  const words: GroupPlan['words'][number][] = [];
  const details: GroupPlan['details'][number][] = [];
  let latency = false;
  const columns = resolved.columns.map((each): GroupColumn => {
    const { column } = each;
    if (each.from === 'place') return { column, source: { kind: 'text', text: resolved.names[each.part] } };
    if (each.from === 'entry' || each.from === 'return') {
      const shape = key.addAt(each.from, each.value);
      if (shape.kind === 'slot' || shape.kind === 'frames') {
        keyWhen[shape.slot] = each.from;
      }
      return { column, source: { kind: 'key', shape } };
    }
    const { function: fn, of, number } = each.from === 'aggregate' ? each.aggregate : { function: 'count' as const };
    if (fn === 'count' || of === undefined || number === undefined) return { column, source: { kind: 'count' } };
    if (of.from === 'latency') latency = true;
    let slot: { slot?: number } = {};
    if (of.from !== 'latency') {
      const shape = values.addAt(of.from, of.value);
      if (shape.kind !== 'slot') {
        return { column, source: { kind: 'missing', reason: shape.kind === 'missing' ? shape.reason : 'no number' } };
      }
      valuesWhen[shape.slot] = of.from;
      slot = { slot: shape.slot };
      if (fn === 'top_keys') {
        const place = key.addAt(of.from, of.value);
        if (place.kind !== 'slot') {
          unfit ??= keyIsFull;
          return { column, source: { kind: 'missing', reason: keyIsFull } };
        }
        const detail = details.push({ ...slot, keySlot: place.slot, number }) - 1;
        return { column, source: { kind: 'top', detail, shape: place } };
      }
    }
    if (fn === 'histogram' || fn === 'top_keys') {
      const detail = details.push({ ...slot, number }) - 1;
      return { column, source: { kind: 'histogram', detail, number } };
    }
    if (words.length === mostWords) {
      unfit ??= `there are more than ${mostWords} sums, minima and maxima`;
      return { column, source: { kind: 'missing', reason: unfit } };
    }
    const word = words.push({ ...slot, operation: fn, number }) - 1;
    return { column, source: { kind: fn, word, number } };
  });
  if (key.isFull) unfit ??= keyIsFull;
  if (values.isFull) unfit ??= `numbers take more than ${mostValueBytes} bytes`;
  const keyPlan = key.finish();
  const conditions = groupConditions(resolved.condition);
  if (typeof conditions === 'string') throw new BugError(`a condition beside aggregates: ${conditions}`);
  const times = [...keyWhen, ...valuesWhen, ...(Object.keys(conditions) as When[])];
  const ofReturn = conditions.return === undefined ? [] : leavesOf(conditions.return);
  latency ||= ofReturn.some((source) => 'root' in source && source.root.kind === 'latency');
  const atReturn = latency || times.includes('return');
  const bare = resolved.calls === undefined && !atReturn && times.length + words.length + details.length === 0;
  return {
    layout: {
      key: keyPlan.layout,
      valueBytes: 8 + groupWordSize * words.length,
      details: details.length,
      bare,
      columns,
    },
    key: keyPlan,
    keyWhen,
    values: values.finish(),
    valuesWhen,
    words,
    details,
    conditions,
    atReturn,
    both: atReturn && (latency || times.includes('entry')),
    ...(unfit === undefined ? {} : { unfit }),
  };
}
