import { type DecodedCode, flow } from './types.ts';

/**
 * How control may pass from instruction to instruction in one function. Calls of functions that never return end it, as
 * returns and undefined instructions do.
 */
export interface FlowGraph {
  readonly count: number;
  readonly successors: readonly (readonly number[])[];
  readonly predecessors: readonly (readonly number[])[];
  /** Instructions by which the function returns: `ret`s and jumps out of it. */
  readonly exits: readonly number[];
}

/** `isNoReturn`: of the function at an offset from the code's entry. `tables`: where computed jumps lead; undefined: not known, and then the graph is not either. */
export function flowGraph(
  code: DecodedCode,
  tables: readonly number[] | undefined,
  isNoReturn: (offset: number) => boolean,
): FlowGraph | undefined {
  if (code.invalidAt >= 0) return undefined;
  const index = new Map<number, number>();
  for (let i = 0; i < code.count; i++) index.set(code.offsets[i]!, i);
  const successors: number[][] = Array.from({ length: code.count }, () => []);
  const predecessors: number[][] = Array.from({ length: code.count }, () => []);
  const exits: number[] = [];
  const add = (from: number, to: number) => {
    successors[from]!.push(to);
    predecessors[to]!.push(from);
  };
  for (let i = 0; i < code.count; i++) {
    const kind = code.flow[i];
    const target = code.targets[i]!;
    const next = i + 1 < code.count ? i + 1 : undefined;
    switch (kind) {
      case flow.return:
        exits.push(i);
        break;
      case flow.jump:
      case flow.conditional: {
        const to = index.get(target);
        if (to !== undefined) add(i, to);
        else if (target >= 0 && target < code.bytes.length) return undefined;
        else exits.push(i);
        if (kind === flow.conditional && next !== undefined && next !== to) add(i, next);
        break;
      }
      case flow.indirectJump: {
        if (tables === undefined) return undefined;
        for (const offset of tables) {
          const to = index.get(offset);
          if (to === undefined) return undefined;
          add(i, to);
        }
        break;
      }
      case flow.other:
        break;
      case flow.call:
        if (next !== undefined && !isNoReturn(target)) add(i, next);
        break;
      default:
        if (next !== undefined) add(i, next);
    }
  }
  return { count: code.count, successors, predecessors, exits };
}

/**
 * The immediate dominator of every node that is reached from `root`, -1 for others and for the root (Cooper, Harvey, Kennedy: A Simple, Fast
 * Dominance Algorithm).
 */
export function dominators(
  count: number,
  root: number,
  successors: (node: number) => readonly number[],
  predecessors: (node: number) => readonly number[],
): Int32Array {
  const order = new Int32Array(count).fill(-1);
  const postorder: number[] = [];
  const state: { node: number; next: number }[] = [{ node: root, next: 0 }];
  const seen = new Uint8Array(count);
  seen[root] = 1;
  while (state.length > 0) {
    const top = state.at(-1)!;
    const following = successors(top.node);
    if (top.next < following.length) {
      const node = following[top.next++]!;
      if (seen[node] === 0) {
        seen[node] = 1;
        state.push({ node, next: 0 });
      }
    } else {
      order[top.node] = postorder.length;
      postorder.push(top.node);
      state.pop();
    }
  }
  const idom = new Int32Array(count).fill(-1);
  idom[root] = root;
  for (let changed = true; changed; ) {
    changed = false;
    for (let k = postorder.length - 2; k >= 0; k--) {
      const node = postorder[k]!;
      let found = -1;
      for (const before of predecessors(node)) {
        if (order[before] === -1 || idom[before] === -1) continue;
        found = found < 0 ? before : common(idom, order, before, found);
      }
      if (idom[node] !== found) {
        idom[node] = found;
        changed = true;
      }
    }
  }
  idom[root] = -1;
  return idom;
}

function common(idom: Int32Array, order: Int32Array, a: number, b: number): number {
  let left = a;
  let right = b;
  while (left !== right) {
    while (order[left]! < order[right]!) left = idom[left]!;
    while (order[right]! < order[left]!) right = idom[right]!;
  }
  return left;
}

/** The nearest node that dominates all of `nodes`; -1: there is none. Nodes that the tree does not have are left out. */
export function nearestCommon(idom: Int32Array, root: number, nodes: Iterable<number>): number {
  const depth = (node: number): number => {
    let steps = 0;
    for (let at = node; at !== root && at >= 0; at = idom[at]!) steps++;
    return steps;
  };
  let found = -1;
  for (const node of nodes) {
    if (node !== root && idom[node] === -1) continue;
    if (found < 0) {
      found = node;
      continue;
    }
    let [a, b] = [found, node];
    let [deepA, deepB] = [depth(a), depth(b)];
    for (; deepA > deepB; deepA--) a = idom[a]!;
    for (; deepB > deepA; deepB--) b = idom[b]!;
    while (a !== b) [a, b] = [idom[a]!, idom[b]!];
    found = a;
  }
  return found;
}
