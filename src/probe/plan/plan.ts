import type { CaptureLimits, EventLayout } from '#model';
import { type Computation, conjunction, conjuncts, leavesOf, mapLeaves } from '../computation/index.ts';
import type { TypeTable } from '../graph/index.ts';
import type { ConditionLeaf, ResolvedProbe } from '../resolve/index.ts';
import type { ColumnPlan, ConditionShape, ProbePlan } from '../types.ts';
import { decidedInKernel, type KernelCondition } from './condition.ts';
import { LayoutBuilder } from './layout.ts';
import type { SlotSource } from './source.ts';

/** An event's record and, slot by slot, where its values come from. */
export interface EventPlan {
  readonly layout: EventLayout;
  readonly sources: readonly SlotSource[];
  /** Decided in the kernel, before anything is captured. */
  readonly condition?: KernelCondition;
}

/** A probe's plan (what the decoder gets) and the events that its programs send. */
export interface PlannedProbe {
  readonly plan: ProbePlan;
  readonly entry?: EventPlan;
  readonly return?: EventPlan;
}

/** What the values of a probe may be made of. */
export interface PlanContext {
  /** Of all values that are walked over; undefined: there are none. */
  readonly types?: TypeTable | undefined;
  /** Why values in float registers cannot be had, if so; asked only where there is one. */
  readonly noFloats?: () => string | undefined;
  /** Default: `defaultLimits`. */
  readonly limits?: CaptureLimits;
}

/**
 * Second stage: which events are needed and what is in their records. Arguments alone: a row at the entry and no return
 * probe. Results alone: no entry probe. Anything else: both.
 */
export function planProbe(resolved: ResolvedProbe, context: PlanContext = {}): PlannedProbe {
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
      default:
        return { column, source: { kind: each.from } };
    }
  });
  const parts = resolved.condition === undefined ? [] : conjuncts(resolved.condition);
  const sides = new Set(parts.flatMap((part) => leavesOf(part).map((leaf) => leaf.from)));
  const entryOnly =
    resolved.columns.every((each) => each.from === 'entry' || each.from === 'place') &&
    [...sides].every((side) => side === 'entry');
  const endless = !entryOnly && resolved.copy !== undefined && resolved.copy.end === undefined;
  const rowAtEntry = entryOnly || endless;
  const needsEntry =
    rowAtEntry ||
    resolved.columns.some((each) => each.from !== 'return' && each.from !== 'place') ||
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
      columns,
      rowAtEntry,
      ...(shaped === undefined ? {} : { condition: shaped }),
      ...(resolved.copy === undefined ? {} : { nested: true as const }),
      ...(endless ? { endless } : {}),
      ...(walks(entryPlan) || walks(returnPlan) ? { graph: context.types!.graph } : {}),
      ...(entryPlan === undefined ? {} : { entry: entryPlan.layout }),
      ...(returnPlan === undefined ? {} : { return: returnPlan.layout }),
    },
    ...(entryPlan === undefined ? {} : { entry: entryPlan }),
    ...(returnPlan === undefined ? {} : { return: returnPlan }),
  };
}

function walks(plan: EventPlan | undefined): boolean {
  return plan?.layout.walk !== undefined;
}

function withCondition(plan: EventPlan, parts: readonly KernelCondition[]): EventPlan {
  const condition = conjunction(parts);
  return condition === undefined ? plan : { ...plan, condition };
}
