import { type Computation, conjunction, conjuncts, kernelRefusal, leavesOf, mapLeaves } from '../computation/index.ts';
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

/** The parts of a condition on calls that are added up, by when they are decided, or why one cannot be. */
export function groupConditions(
  condition: Computation<ConditionLeaf> | undefined,
): { readonly entry?: KernelCondition; readonly return?: KernelCondition } | string {
  const decided = { entry: [] as KernelCondition[], return: [] as KernelCondition[] };
  for (const part of condition === undefined ? [] : conjuncts(condition)) {
    const sides = new Set(leavesOf(part).map(({ from }) => (from === 'latency' ? 'return' : from)));
    if (sides.has('outcome')) return '$outcome is returned for every call that is added up at its return';
    if (sides.has('entry') && sides.has('return')) return 'what it compares is not known at the same time';
    const refusal = kernelRefusal(part, (leaf) => (leaf.from === 'latency' ? undefined : leafRefusal(leaf)));
    if (refusal !== undefined) return refusal;
    decided[sides.has('return') ? 'return' : 'entry'].push(
      mapLeaves(part, (leaf) => (leaf.from === 'latency' ? latency : (sourceOf(leaf) as SlotSource))),
    );
  }
  const [atEntry, atReturn] = [conjunction(decided.entry), conjunction(decided.return)];
  return { ...(atEntry && { entry: atEntry }), ...(atReturn && { return: atReturn }) };
}

/** The source of a value that the kernel computes, or why it does not. */
export function computedSource(computation: Computation<ResolvedValue>): SlotSource | string {
  const { kind } = computation.type;
  if (kind === 'string' || kind === 'float') return `it computes a ${kind}`;
  const refusal = kernelRefusal(computation, (value) => {
    const source = valueSource(value);
    return typeof source === 'string' ? source : undefined;
  });
  if (refusal !== undefined) return refusal;
  return {
    kind: 'computed',
    as: kind,
    computation: mapLeaves(computation, (value) => valueSource(value) as SlotSource),
  };
}

const latency: SlotSource = { kind: 'int', size: 8, root: { kind: 'latency' }, hops: [] };

function leafRefusal(leaf: ConditionLeaf): string | undefined {
  const source = sourceOf(leaf);
  return typeof source === 'string' ? source : undefined;
}

/** Where a leaf is read, or why it is not read in the kernel. */
function sourceOf(leaf: ConditionLeaf): SlotSource | string {
  if (!('value' in leaf)) return `$${leaf.from} is known behind the return`;
  return valueSource(leaf.value);
}

function valueSource(value: ResolvedValue): SlotSource | string {
  if (!isLeaf(value)) return value.kind === 'missing' ? value.reason : 'it looks into a captured value';
  // To have float registers saved costs more than an event does.
  return slotSource(value, () => 'compared when captured');
}

function isLeaf(value: ResolvedValue): value is LeafValue {
  return !['object', 'missing', 'graph', 'computed', 'part'].includes(value.kind);
}
