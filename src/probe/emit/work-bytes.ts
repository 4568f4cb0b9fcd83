import type { Computation } from '../computation/index.ts';
import type { SlotSource, Way } from '../plan/index.ts';
import { temp } from './compute.ts';
import { frame } from './frame.ts';

/** Bytes below `frame.keys` that computing these values takes: 0 where nothing is computed on the way to any of them. */
export function workBytes(sources: readonly SlotSource[]): number {
  const computed = sources.filter((source) => source.kind === 'computed' || wordsOf(source) > 0);
  if (computed.length === 0) return 0;
  return frame.keys - temp(Math.max(...computed.map(wordsOf)) - 1);
}

/** Words that are under way at once. */
function wordsOf(source: SlotSource): number {
  if (source.kind === 'computed') return wordsOfNode(source.computation);
  const { hops = [], guards = [] } = source as Partial<Way>;
  return Math.max(
    0,
    ...guards.map(({ check }) => wordsOfNode(check)),
    ...hops.map((hop) => (typeof hop === 'number' ? 0 : 1 + wordsOfNode(hop.index))),
  );
}

function wordsOfNode(node: Computation<SlotSource>): number {
  if (node.op === 'leaf') return wordsOf(node.leaf);
  if ('operand' in node) return wordsOfNode(node.operand);
  if (!('left' in node)) return 0;
  return Math.max(wordsOfNode(node.left), 1 + wordsOfNode(node.right));
}
