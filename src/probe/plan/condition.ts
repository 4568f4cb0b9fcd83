import { type Computation, kernelRefusal, mapLeaves } from '../computation/index.ts';
import type { ConditionLeaf, ResolvedValue } from '../resolve/index.ts';
import { type LeafValue, type SlotSource, slotSource } from './source.ts';

/** A condition with the sources of its leaves. */
export type KernelCondition = Computation<SlotSource>;

/** The condition as the kernel decides it; undefined where it cannot. */
export function decidedInKernel(condition: Computation<ConditionLeaf>): KernelCondition | undefined {
  if (kernelRefusal(condition, leafRefusal) !== undefined) return undefined;
  return mapLeaves(condition, (leaf) => sourceOf(leaf) as SlotSource);
}

/** Why the kernel cannot decide a condition; undefined: it can. */
export function conditionRefusal(condition: Computation<ConditionLeaf>): string | undefined {
  return kernelRefusal(condition, leafRefusal);
}

function leafRefusal(leaf: ConditionLeaf): string | undefined {
  const source = sourceOf(leaf);
  return typeof source === 'string' ? source : undefined;
}

/** Where a leaf is read, or why it is not read in the kernel. */
function sourceOf(leaf: ConditionLeaf): SlotSource | string {
  if (!('value' in leaf)) return `$${leaf.from} is known behind the return`;
  const { value } = leaf;
  if (!isLeaf(value)) return value.kind === 'missing' ? value.reason : 'it looks into a captured value';
  // To have float registers saved costs more than an event does.
  return slotSource(value, () => 'compared when captured');
}

function isLeaf(value: ResolvedValue): value is LeafValue {
  return !['object', 'missing', 'graph', 'computed', 'part'].includes(value.kind);
}
