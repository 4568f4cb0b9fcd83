import { BugError } from '#base';
import type { CaptureLimits, EventLayout } from '#model';
import { type Computation, conjunction, conjuncts, leavesOf, mapLeaves } from '../computation/index.ts';
import type { TypeTable } from '../graph/index.ts';
import type {
  CodeRange,
  ConditionLeaf,
  DictionaryTest,
  ResolvedColumn,
  ResolvedProbe,
  ResolvedSelection,
  TreePart,
} from '../resolve/index.ts';
import type { CopyPlace } from '../sites/index.ts';
import type { ColumnPlan, ConditionShape, PanicShape, ProbePlan } from '../types.ts';
import { decidedInKernel, type KernelCondition } from './condition.ts';
import { type GroupPlan, planGroup } from './group.ts';
import { LayoutBuilder } from './layout.ts';
import { keyStringBytes, type SlotSource } from './source.ts';

/** An event's record and, slot by slot, where its values come from. */
export interface EventPlan {
  readonly layout: EventLayout;
  readonly sources: readonly SlotSource[];
  /** Decided in the kernel, before anything is captured. */
  readonly condition?: KernelCondition;
}

/** Which calls are kept: see `CallSelection`. Addresses of the file. */
export interface SelectionPlan {
  /** What was counted is the probe's as it was written: the same number for all of its functions, copies and processes. */
  readonly counter: number;
  /** As in `ResolvedSelection`. */
  readonly within?: readonly CodeRange[];
  readonly sample?: number;
  readonly rate?: number;
  readonly first?: number;
  /** The key, laid out from byte 0. */
  readonly per?: EventPlan;
}

/** A probe's plan (what the decoder gets) and the events that its programs send. */
export interface PlannedProbe {
  readonly plan: ProbePlan;
  readonly entry?: EventPlan;
  readonly return?: EventPlan;
  readonly selection?: SelectionPlan;
  readonly group?: GroupPlan;
  readonly dictionary?: DictionaryTest;
}

/** What the values of a probe may be made of. */
export interface PlanContext {
  /** Of all values that are walked over; undefined: there are none. */
  readonly types?: TypeTable | undefined;
  /** Why values in float registers cannot be had, if so; asked only where there is one. */
  readonly noFloats?: () => string | undefined;
  /** What calls were left by a panic with; a text: why that is not known. */
  readonly panic?: PanicShape | string | undefined;
  /** Default: `defaultLimits`. */
  readonly limits?: CaptureLimits;
  /** `SelectionPlan.counter`. Default: 0. */
  readonly counter?: number;
}

/**
 * Second stage: which events are needed and what is in their records. Arguments alone: a row at the entry and no return
 * probe. Results alone: no entry probe. Anything else: both.
 */
export function planProbe(resolved: ResolvedProbe, context: PlanContext = {}): PlannedProbe {
  const group = planGroup(resolved, context);
  const selection =
    resolved.calls === undefined ? {} : { selection: planSelection(resolved.calls, resolved.copy, context) };
  if (group !== undefined) {
    const columns = group.layout.columns.map(({ column }): ColumnPlan => ({ column, source: { kind: 'outcome' } }));
    const plan = { function: resolved.function.name, columns, rowAtEntry: !group.atReturn, group: group.layout };
    return { plan, group, ...selection };
  }
  const entry = new LayoutBuilder(context);
  const exit = new LayoutBuilder(context);
  const columns = resolved.columns.map((each): ColumnPlan => {
    const { column } = each;
    switch (each.from) {
      case 'entry':
        return { column, source: { kind: 'entry', shape: entry.add(each.value) } };
      case 'return':
        return { column, source: { kind: 'return', shape: exit.add(each.value) } };
      case 'place':
        return { column, source: { kind: 'place', part: each.part } };
      case 'log':
        return {
          column,
          source: {
            kind: 'log',
            parts: each.parts.map((part) => {
              if (!('value' in part)) return part;
              return {
                from: part.from,
                text: part.text,
                shape: (part.from === 'entry' ? entry : exit).add(part.value),
              };
            }),
          },
        };
      case 'aggregate':
        throw new BugError('an aggregate outside of a group');
      default:
        return { column, source: { kind: each.from } };
    }
  });
  const tree = resolved.columns.some(({ from }) => isTreePart(from))
    ? { entry: dropsSlot(entry), return: dropsSlot(exit) }
    : undefined;
  const wanted = resolved.columns.flatMap((each): readonly { readonly from: string }[] =>
    each.from === 'log' ? each.parts : [each],
  );
  const parts = resolved.condition === undefined ? [] : conjuncts(resolved.condition);
  const sides = new Set(parts.flatMap((part) => leavesOf(part).map((leaf) => leaf.from)));
  const ofEntry = (from: string) => from === 'entry' || from === 'text' || from === 'place';
  const entryOnly = wanted.every(({ from }) => ofEntry(from)) && [...sides].every((side) => side === 'entry');
  const endless = !entryOnly && resolved.copy !== undefined && resolved.copy.end === undefined;
  const rowAtEntry = entryOnly || endless;
  const needsEntry =
    rowAtEntry ||
    resolved.dictionary !== undefined ||
    wanted.some(({ from }) => !['return', 'text', 'place'].includes(from)) ||
    [...sides].some((side) => side !== 'return');
  const decided = { entry: [] as KernelCondition[], return: [] as KernelCondition[] };
  const rest: Computation<ConditionLeaf>[] = [];
  for (const part of parts) {
    const own = leavesOf(part);
    const side = own.every((leaf) => leaf.from === 'return') && !needsEntry ? 'return' : 'entry';
    const found = own.every((leaf) => leaf.from === side) ? decidedInKernel(part) : undefined;
    if (found !== undefined) decided[side].push(found);
    else rest.push(part);
  }
  const condition = conjunction(rest);
  const shaped =
    condition &&
    mapLeaves(condition, (leaf): ConditionShape => {
      if (!('value' in leaf)) return leaf;
      return { from: leaf.from, shape: (leaf.from === 'entry' ? entry : exit).add(leaf.value) };
    });
  const entryPlan = needsEntry ? withCondition(entry.finish(), decided.entry) : undefined;
  const returnPlan = rowAtEntry ? undefined : withCondition(exit.finish(), decided.return);
  return {
    plan: {
      function: resolved.function.name,
      names: resolved.names,
      ...(resolved.shapesOnly === undefined ? {} : { shapesOnly: resolved.shapesOnly }),
      columns,
      rowAtEntry,
      ...(shaped === undefined ? {} : { condition: shaped }),
      ...(resolved.copy === undefined ? {} : { nested: true as const, frameBytes: resolved.copy.frameBytes.entry }),
      ...(endless ? { endless } : {}),
      ...(tree === undefined ? {} : { tree }),
      ...(context.panic === undefined || !wanted.some(({ from }) => from === 'panic') ? {} : { panic: context.panic }),
      ...(walks(entryPlan) || walks(returnPlan) ? { graph: context.types!.graph } : {}),
      ...(entryPlan === undefined ? {} : { entry: entryPlan.layout }),
      ...(returnPlan === undefined ? {} : { return: returnPlan.layout }),
    },
    ...(entryPlan === undefined ? {} : { entry: entryPlan }),
    ...(returnPlan === undefined ? {} : { return: returnPlan }),
    ...(resolved.dictionary === undefined ? {} : { dictionary: resolved.dictionary }),
    ...selection,
  };
}

/** Most bytes of a key: it is built on the stack. */
const mostKeyBytes = 256;

/** Of a copy or a line (`place`) the place itself may be within. */
function planSelection(
  { within, per, ...counts }: ResolvedSelection,
  place: CopyPlace | undefined,
  context: PlanContext,
): SelectionPlan {
  const key = new LayoutBuilder(context, { start: 0, stringBytes: keyStringBytes, most: mostKeyBytes });
  if (per !== undefined) key.add(per);
  return {
    counter: context.counter ?? 0,
    ...counts,
    ...(within === undefined || isWithin(place, within) ? {} : { within }),
    ...(per === undefined ? {} : { per: key.finish() }),
  };
}

function isWithin(place: CopyPlace | undefined, ranges: readonly CodeRange[]): boolean {
  // A copy is in what it was inlined into. Without a mark it is not known to be in more than its entry is in.
  const at = place?.stackStart?.at ?? place?.entry.address;
  return at !== undefined && ranges.some(({ start, end }) => at >= start && at < end);
}

function isTreePart(from: ResolvedColumn['from']): from is TreePart {
  return from === 'call-id' || from === 'parent-call-id' || from === 'own-time';
}

function dropsSlot(builder: LayoutBuilder): number {
  const shape = builder.add({ kind: 'drops' });
  if (shape.kind !== 'slot') throw new BugError('no room for the count of drops');
  return shape.slot;
}

function walks(plan: EventPlan | undefined): boolean {
  return plan?.layout.walk !== undefined;
}

function withCondition(plan: EventPlan, parts: readonly KernelCondition[]): EventPlan {
  const condition = conjunction(parts);
  return condition === undefined ? plan : { ...plan, condition };
}
