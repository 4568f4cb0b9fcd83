import type { Address } from '#base';
import { type DecodedCode, flow } from './types.ts';

/** Where a function's control flow enters, turns and leaves. Numbers are instruction indices; -1: there is none. */
export interface CodeShape {
  /** The stack check's own conditional jump: the last one of the prologue that leads to `runtime.morestack*` and back to the entry. */
  readonly check: number;
  /** First and last instruction of what comes between the check's call of morestack and the jump back to the entry; undefined where there is no check. */
  readonly resume?: readonly [first: number, last: number];
  /** Something in the function other than the stack check's way back jumps to the first instruction: no site tells a call from a turn of the loop. */
  readonly loopHead: boolean;
  /** Instructions [0, straight) run in order, once a call (but for the stack check's way back); nothing jumps to one of them but the first. */
  readonly straight: number;
  /** Every `ret`. */
  readonly returns: readonly number[];
  /** Direct jumps out of the function, conditional ones too (assembly has them). */
  readonly tails: readonly number[];
  /** Computed jumps: switch tables in compiled code (Go ≥ 1.19), anything in assembly. */
  readonly indirectJumps: readonly number[];
}

export interface ShapeInput {
  /** Does `runtime.morestack`, `runtime.morestack_noctxt` or `runtime.morestackc` start at this address? */
  readonly isMorestack: (address: Address) => boolean;
  /**
   * Offsets from the entry that computed jumps may lead to (switch tables). Undefined: not known; then, where there is a computed
   * jump and no stack check, only the first instruction counts as straight.
   */
  readonly tableTargets?: readonly number[] | undefined;
}

/** Longest way looked along from a conditional jump's target to the call of morestack and back: spills and reloads of all registers. */
const mostBlock = 128;

/** Finds the shape of a function's code. Linear in its instructions. */
export function analyse(code: DecodedCode, input: ShapeInput): CodeShape {
  const size = code.offsets[code.count]!;
  const returns: number[] = [];
  const tails: number[] = [];
  const indirectJumps: number[] = [];
  /** Lowest offset above 0 that is jumped to, and the jumps to offset 0. */
  let lowest = Number.POSITIVE_INFINITY;
  const backToEntry: number[] = [];
  for (let i = 0; i < code.count; i++) {
    const kind = code.flow[i];
    if (kind === flow.return) returns.push(i);
    else if (kind === flow.indirectJump) indirectJumps.push(i);
    else if (kind === flow.jump || kind === flow.conditional) {
      const target = code.targets[i]!;
      // A jump to the end is a jump out: undecoded bytes follow, or another function.
      if (!(target >= 0 && target < endOf(code, size))) tails.push(i);
      else if (target === 0) backToEntry.push(i);
      else lowest = Math.min(lowest, target);
    } else if (kind === flow.call) {
      // A call of one's own inside (position-independent assembly) enters there too.
      const target = code.targets[i]!;
      if (target > 0) lowest = Math.min(lowest, target);
    }
  }
  for (const target of input.tableTargets ?? []) {
    if (target === 0) backToEntry.push(-1);
    else lowest = Math.min(lowest, target);
  }
  const { check, ways, resume } = findCheck(code, input.isMorestack);
  const tablesUnknown = indirectJumps.length > 0 && input.tableTargets === undefined;
  return {
    check,
    ...(resume && { resume }),
    loopHead: backToEntry.some((jump) => !ways.has(jump)),
    straight: tablesUnknown && check < 0 ? Math.min(1, code.count) : straightLength(code, lowest, check),
    returns,
    tails,
    indirectJumps,
  };
}

/** End of the function's bytes, which is behind the end of what was decoded when something could not be. */
function endOf(code: DecodedCode, size: number): number {
  return code.invalidAt < 0 ? size : code.bytes.length;
}

function straightLength(code: DecodedCode, lowestTarget: number, check: number): number {
  for (let i = 0; i < code.count; i++) {
    if (i > 0 && code.offsets[i]! >= lowestTarget) return i;
    const kind = code.flow[i];
    // Up to the stack check both of its jumps only lead back here.
    if (kind !== flow.next && !(kind === flow.conditional && i <= check)) return i + 1;
  }
  return code.count;
}

/** The stack check, and the jumps by which morestack's blocks go back to the entry. */
function findCheck(
  code: DecodedCode,
  isMorestack: (address: Address) => boolean,
): { check: number; ways: ReadonlySet<number>; resume: CodeShape['resume'] } {
  const ways = new Set<number>();
  let resume: CodeShape['resume'];
  let check = -1;
  for (let i = 0; i < code.count; i++) {
    const kind = code.flow[i];
    if (kind === flow.next) continue;
    if (kind !== flow.conditional) break;
    const way = wayBack(code, code.targets[i]!, isMorestack);
    // The first conditional jump that is not the check's ends the prologue.
    if (way === undefined) break;
    resume = way;
    ways.add(way[1]);
    check = i;
  }
  return { check, ways, resume };
}

/** From offset `start`: straight on to a call of morestack, straight on to a jump to the entry. The instruction behind that call, and that jump. */
function wayBack(code: DecodedCode, start: number, isMorestack: (address: Address) => boolean): CodeShape['resume'] {
  let behindCall = -1;
  const first = indexAt(code, start);
  if (first < 0) return undefined;
  for (let i = first; i < Math.min(code.count, first + mostBlock); i++) {
    const kind = code.flow[i];
    const target = code.targets[i]!;
    if (kind === flow.call) {
      if (behindCall >= 0 || !isMorestack((code.entry + target) as Address)) return undefined;
      behindCall = i + 1;
    } else if (kind === flow.jump) return behindCall >= 0 && target === 0 ? [behindCall, i] : undefined;
    else if (kind !== flow.next) return undefined;
  }
  return undefined;
}

/** Index of the instruction that starts at `offset`; -1 when none does. */
export function indexAt(code: DecodedCode, offset: number): number {
  let low = 0;
  let high = code.count - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const at = code.offsets[middle]!;
    if (at === offset) return middle;
    if (at < offset) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
