import { dominators, type FlowGraph, nearestCommon } from '#gobin';

/** Where an inlined copy begins and ends, by instruction. */
export interface CopyShape {
  /** Instructions of which every call of the copy runs each exactly once, first one first. */
  readonly entry: readonly number[];
  /** The one that is run when a call is over, and once a call; undefined: there is no such one. */
  readonly end?: number;
}

/** A function's flow, with what is derived of it once for all copies in it. */
export interface Flow {
  readonly graph: FlowGraph;
  /** Immediate dominators. */
  readonly dominators: Int32Array;
  /** Immediate post-dominators, with a node `count` behind all returns: ways that end in a panic are not seen by it. */
  readonly postDominators: Int32Array;
}

export function flowOf(graph: FlowGraph): Flow {
  const { count, successors, predecessors, exits } = graph;
  const isExit = new Set(exits);
  return {
    graph,
    dominators: dominators(
      count,
      0,
      (node) => successors[node]!,
      (node) => predecessors[node]!,
    ),
    postDominators: dominators(
      count + 1,
      count,
      (node) => (node === count ? exits : predecessors[node]!),
      (node) => (node === count ? [] : isExit.has(node) ? [...successors[node]!, count] : successors[node]!),
    ),
  };
}

/**
 * Finds both in the flow of the function that has the copy: the instruction that dominates all of the copy's, and the one behind it that post-dominates
 * them. A copy's instructions may lie in several pieces with others between; turns of its own loops are no calls, turns of loops around it are.
 * A text says why no instruction tells its calls.
 */
export function copyShape(flow: Flow, inCopy: (instruction: number) => boolean): CopyShape | string {
  const { graph, dominators: idom } = flow;
  const { count } = graph;
  const isReached = (node: number) => node === 0 || idom[node] !== -1;
  const own: number[] = [];
  for (let i = 0; i < count; i++) if (inCopy(i) && isReached(i)) own.push(i);
  if (own.length === 0) return 'nothing is left of its code there';
  const head = nearestCommon(idom, 0, own);
  const entry = entryOf(graph, head, inCopy);
  if (typeof entry === 'string') return entry;
  const end = endOf(flow, own, head, inCopy);
  return end === undefined ? { entry } : { entry, end };
}

function entryOf(graph: FlowGraph, head: number, inCopy: (node: number) => boolean): number[] | string {
  const { successors, predecessors } = graph;
  if (!inCopy(head)) {
    // An instruction of the caller decides where in the copy it goes on: it counts calls if every way from it leads there.
    if (!alwaysEnters(graph, head, inCopy)) return 'its code is entered at several places';
    return [head];
  }
  const turns = backTo(graph, head, inCopy);
  if (turns.size === 0) return straightFrom(graph, head, inCopy);
  // The first instruction is the head of a loop of the copy's own: what runs right before the loop tells a call.
  const before = predecessors[head]!.filter((node) => !turns.has(node));
  if (before.length === 1 && successors[before[0]!]!.length === 1) return [before[0]!];
  return 'its first instruction is the head of a loop';
}

/** Predecessors of `head` from which a turn of a loop inside the copy comes back to it. */
function backTo({ successors, predecessors }: FlowGraph, head: number, inCopy: (node: number) => boolean): Set<number> {
  const seen = new Set<number>();
  const work = [head];
  while (work.length > 0) {
    for (const next of successors[work.pop()!]!) {
      if (seen.has(next) || !inCopy(next)) continue;
      seen.add(next);
      work.push(next);
    }
  }
  return new Set(seen.has(head) ? predecessors[head]!.filter((node) => seen.has(node)) : []);
}

/** `head` and what of the copy always follows it: nothing else leads there. */
function straightFrom(
  { successors, predecessors }: FlowGraph,
  head: number,
  inCopy: (node: number) => boolean,
): number[] {
  const found = [head];
  for (let at = head; successors[at]!.length === 1; ) {
    at = successors[at]![0]!;
    if (predecessors[at]!.length !== 1 || !inCopy(at) || found.includes(at)) break;
    found.push(at);
  }
  return found;
}

/** Does every way from `head` that does not end in a panic come to the copy, before it comes back to `head` or leaves the function? */
function alwaysEnters({ successors, exits }: FlowGraph, head: number, inCopy: (node: number) => boolean): boolean {
  const leaves = new Set(exits);
  const seen = new Set<number>();
  const work = [head];
  while (work.length > 0) {
    const node = work.pop()!;
    if (leaves.has(node)) return false;
    for (const next of successors[node]!) {
      if (next === head) return false;
      if (inCopy(next) || seen.has(next)) continue;
      seen.add(next);
      work.push(next);
    }
  }
  return true;
}

function endOf(
  { graph, postDominators: ipdom }: Flow,
  own: readonly number[],
  head: number,
  inCopy: (node: number) => boolean,
): number | undefined {
  const { successors, count: leave } = graph;
  let end = nearestCommon(ipdom, leave, own);
  while (end >= 0 && end !== leave && inCopy(end)) end = ipdom[end]!;
  if (end < 0 || end === leave || end === head) return undefined;
  // Once a call, and not before its last instruction: no way leads from it back into the copy but through the head.
  const seen = new Set<number>([end]);
  const work = [end];
  while (work.length > 0) {
    for (const next of successors[work.pop()!]!) {
      if (next === head || seen.has(next)) continue;
      // Ways to it without a call do no harm: a return without an entry is none.
      if (inCopy(next)) return undefined;
      seen.add(next);
      work.push(next);
    }
  }
  return end;
}
