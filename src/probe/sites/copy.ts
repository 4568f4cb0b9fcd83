import { dominators, type FlowGraph, type InstructionRole, nearestCommon } from '#gobin';

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

/** What is known of an inlined copy in the code of the function that has it, by instruction. */
export interface CopyCode {
  /** Is it of the copy, by its place in the source? */
  has(instruction: number): boolean;
  role(instruction: number): InstructionRole;
  isJump(instruction: number): boolean;
  isCall(instruction: number): boolean;
  /** The instruction that the compiler has written down as the place of the call. */
  readonly mark: number | undefined;
}

const mixed = 'the compiler has mixed its code with other code, so that no instruction tells its calls';

/**
 * Finds both in the flow of the function that has the copy. That an instruction has its place in the copy's source does not say that calls run it once: what brings a value
 * is put anywhere, what computes one may be put where it is needed, behind the call, and before a branch that a conditional move has replaced. Calls are told by
 * the compiler's mark of the copy where that is a `nop` of its own; else by what dominates all that computes, if some of that stays where the source has it (jumps, calls, writes)
 * or the mark agrees. A copy's instructions may lie in several pieces with others between; turns of its own loops are no calls, turns of loops around it are.
 * A text says why no instruction tells its calls.
 */
export function copyShape(flow: Flow, copy: CopyCode): CopyShape | string {
  const { graph, dominators: idom } = flow;
  const { count } = graph;
  const isReached = (node: number) => node === 0 || idom[node] !== -1;
  const own: number[] = [];
  for (let i = 0; i < count; i++) if (copy.has(i) && isReached(i)) own.push(i);
  const mark = copy.mark !== undefined && isReached(copy.mark) ? copy.mark : undefined;
  const isFixed = (i: number) => copy.isJump(i) || copy.isCall(i) || copy.role(i).kind === 'effect';
  const fixed = own.filter(isFixed);
  const computing = own.filter((i) => isFixed(i) || copy.role(i).kind !== 'move');
  const core = fixed.length > 0 ? withoutHoisted(flow, fixed, computing, copy) : computing.length > 0 ? computing : own;
  const isMarked = mark !== undefined && copy.role(mark).kind === 'nop';
  if (own.length === 0 && !isMarked) return 'nothing is left of its code there';
  const head = isMarked ? mark : nearestCommon(idom, 0, core);
  if (own.length > 0 && fixed.length === 0) {
    if (!isMarked && (mark === undefined || !isEquivalent(flow, mark, head) || isBeforeLoop(graph, head))) return mixed;
    if (isSelected(graph, own, head, copy)) return 'the compiler has made a conditional move of the branch around it';
  }
  const entry = isMarked ? stretch(graph, head, copy) : entryOf(flow, head, copy);
  if (typeof entry === 'string') return entry;
  const end = endOf(flow, isMarked ? [...core, mark] : core, head, (i) => core.includes(i));
  if (end === undefined) return { entry };
  // Of what computes nothing some may come behind the end.
  const block = blockOf(graph, head);
  const over = block.indexOf(end);
  return { entry: over < 0 ? entry : entry.filter((i) => block.indexOf(i) < over), end };
}

/** Of what computes, that which is in the loops of what stays in its place: from Go 1.27 on the compiler computes before a loop what is the same in each turn. */
function withoutHoisted(
  { graph, dominators: idom }: Flow,
  fixed: readonly number[],
  computing: readonly number[],
  copy: CopyCode,
): readonly number[] {
  const head = nearestCommon(idom, 0, fixed);
  const turns = cycleOf(graph, head);
  if (turns.size === 0) return computing;
  if (copy.has(head) && ownLoop(graph, head, copy).size > 0) return fixed;
  return computing.filter((i) => turns.has(i));
}

/** The instructions that are run between two times of one; none if it is in no loop. */
function cycleOf({ successors, predecessors }: FlowGraph, node: number): ReadonlySet<number> {
  const walk = (next: readonly (readonly number[])[]) => {
    const seen = new Set<number>();
    const work = [node];
    while (work.length > 0) {
      for (const each of next[work.pop()!]!) {
        if (seen.has(each)) continue;
        seen.add(each);
        work.push(each);
      }
    }
    return seen;
  };
  const behind = walk(successors);
  return new Set(behind.has(node) ? [...walk(predecessors)].filter((each) => behind.has(each)) : []);
}

/** Does a loop that it is not in begin behind the straight piece of code that it is in? */
function isBeforeLoop(graph: FlowGraph, node: number): boolean {
  const last = blockOf(graph, node).at(-1)!;
  return graph.successors[last]!.some((next) => {
    const turns = cycleOf(graph, next);
    return turns.size > 0 && !turns.has(node);
  });
}

/** Are both run equally often, each once between two times of the other? */
export function isEquivalent({ graph, dominators: idom, postDominators: ipdom }: Flow, a: number, b: number): boolean {
  const { count } = graph;
  const [first, second] = nearestCommon(idom, 0, [a, b]) === a ? [a, b] : [b, a];
  if (nearestCommon(idom, 0, [a, b]) !== first || nearestCommon(ipdom, count, [a, b]) !== second) return false;
  return !comesBack(graph, first, second) && !comesBack(graph, second, first);
}

/** Is there a way from `node` back to it that does not pass `other`? */
export function comesBack({ successors }: FlowGraph, node: number, other: number): boolean {
  if (node === other) return false;
  const seen = new Set<number>();
  const work = [node];
  while (work.length > 0) {
    for (const next of successors[work.pop()!]!) {
      if (next === node) return true;
      if (next === other || seen.has(next)) continue;
      seen.add(next);
      work.push(next);
    }
  }
  return false;
}

/** Copies of so few instructions may be computed whether or not they are called (cmd/compile/internal/ssa, branchelim.go: two values). */
const mostSelected = 4;

/** Does a conditional move behind the copy, by a comparison that is none of the copy's, choose between its result and another? */
function isSelected(graph: FlowGraph, own: readonly number[], head: number, copy: CopyCode): boolean {
  if (own.length > mostSelected) return false;
  const block = blockOf(graph, head);
  let isOwn = false;
  for (const i of block) {
    const { kind, setsFlags } = copy.role(i);
    if (kind === 'select' && i > head && !isOwn) return true;
    if (setsFlags && kind !== 'select') isOwn = copy.has(i);
  }
  return false;
}

/** The instructions that are run one after the other with this one, calls among them. */
export function blockOf({ successors, predecessors }: FlowGraph, node: number): number[] {
  const block = [node];
  for (let at = node; predecessors[at]!.length === 1; block.unshift(at)) {
    at = predecessors[at]![0]!;
    if (successors[at]!.length !== 1 || block.includes(at)) break;
  }
  for (let at = node; successors[at]!.length === 1; block.push(at)) {
    at = successors[at]![0]!;
    if (predecessors[at]!.length !== 1 || block.includes(at)) break;
  }
  return block;
}

/** `node`, then what is run with it: up to the copy's last instruction there, then what of the copy comes right before. */
function stretch(graph: FlowGraph, node: number, copy: CopyCode): number[] {
  const block = blockOf(graph, node);
  const at = block.indexOf(node);
  const last = block.findLastIndex((i, k) => k >= at && copy.has(i));
  const before = block.slice(0, at).reverse();
  const others = before.findIndex((i) => !copy.has(i) || copy.isCall(i));
  return [...block.slice(at, Math.max(at, last) + 1), ...(others < 0 ? before : before.slice(0, others))];
}

function entryOf({ graph, dominators: idom }: Flow, head: number, copy: CopyCode): number[] | string {
  if (!copy.has(head)) {
    // An instruction of the caller decides where in the copy it goes on: it counts calls if every way from it leads there.
    if (!alwaysEnters(graph, head, copy.has)) return 'its code is entered at several places';
    return [head];
  }
  const loop = ownLoop(graph, head, copy);
  if (loop.size === 0) return stretch(graph, head, copy);
  // A loop of the copy's own: what runs right before it tells a call.
  let before = head;
  while (before >= 0 && loop.has(before)) before = idom[before]!;
  if (before >= 0 && alwaysEnters(graph, before, (i) => loop.has(i))) return stretch(graph, before, copy);
  return 'its first instruction is the head of a loop';
}

/** The instructions of a loop of the copy's own that `head` is in, one whose jumps are the copy's; none: it is in none. */
function ownLoop(graph: FlowGraph, head: number, copy: CopyCode): ReadonlySet<number> {
  const { successors, predecessors } = graph;
  const reached = new Set<number>();
  const work = [head];
  while (work.length > 0) {
    const at = work.pop()!;
    if (copy.isJump(at) && !copy.has(at)) continue;
    for (const next of successors[at]!) {
      if (reached.has(next)) continue;
      if (!copy.has(next) && !blockOf(graph, next).some(copy.has)) continue;
      reached.add(next);
      work.push(next);
    }
  }
  if (!reached.has(head)) return new Set();
  const loop = new Set([head]);
  work.push(head);
  while (work.length > 0) {
    for (const before of predecessors[work.pop()!]!) {
      if (!reached.has(before) || loop.has(before)) continue;
      loop.add(before);
      work.push(before);
    }
  }
  return loop;
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
