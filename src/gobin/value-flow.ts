import type { FlowGraph } from './flow-graph.ts';
import { type DecodedCode, flow, type Location, stackLocation } from './types.ts';

/** Registers that are followed: all that a location list names. */
const registers = 96;

/** Values that are kept of a function, of all its blocks together. */
const mostKept = 1 << 22;

/** Rounds after which the flow of a function counts as not known: real ones take a handful. */
const mostRounds = 40;

/**
 * Which places of a function hold the same value, by its instructions: a move makes another place hold what the first one does, anything else that writes makes a
 * value of its own, and so does a meeting of ways on which a place holds different ones. What other functions and pointers write to the stack is not followed: spilled
 * values have no address.
 */
export class ValueFlow {
  readonly #code: DecodedCode;
  readonly #graph: FlowGraph;
  readonly #handedOver: (instruction: number) => ReadonlySet<Location>;
  /** By location: its column in a state. */
  readonly #columns = new Map<Location, number>();
  /** The state before an instruction that begins a block. */
  readonly #states = new Map<number, Int32Array>();
  readonly #isKnown: boolean;

  /** `handedOver`: the registers in which a call has arguments, or a return results. */
  constructor(code: DecodedCode, graph: FlowGraph, handedOver: (instruction: number) => ReadonlySet<Location>) {
    this.#handedOver = handedOver;
    this.#code = code;
    this.#graph = graph;
    for (let n = 0; n < registers; n++) this.#columns.set(n, n);
    for (let i = 0; i < code.count; i++) {
      const { writes, from } = code.role(i);
      for (const location of from === undefined ? writes : [...writes, from])
        if (!this.#columns.has(location)) this.#columns.set(location, this.#columns.size);
    }
    this.#isKnown = this.#settle();
  }

  /** A number for the value that a place holds before an instruction; undefined where nothing is known of it. */
  before(instruction: number, location: Location): number | undefined {
    if (!this.#isKnown) return undefined;
    const column = this.#columns.get(location);
    // A place that the function does not write holds one value all the time.
    if (column === undefined) return location < stackLocation ? undefined : -location;
    let from = instruction;
    while (from > 0 && !this.#states.has(from)) from--;
    const known = this.#states.get(from);
    if (known === undefined) return undefined;
    // Back from the instruction to the one that has written there.
    let wanted = column;
    for (let i = instruction - 1; i >= from; i--) {
      const { writes, from: source } = this.#code.role(i);
      if (this.#isCall(i) && wanted < registers) return this.#made(i, wanted);
      if (!writes.some((each) => this.#columns.get(each) === wanted)) continue;
      if (source === undefined) return this.#made(i, wanted);
      wanted = this.#columns.get(source)!;
    }
    return known[wanted]!;
  }

  /** The instruction that made it; undefined: it came with the call, or ways met. */
  maker(value: number): number | undefined {
    return value > 0 ? Math.floor((value - 1) / this.#columns.size) : undefined;
  }

  /** Did it become a value of its own where ways met? */
  isMet(value: number): boolean {
    return value < -this.#columns.size;
  }

  /** Does an instruction read this value, and no other? */
  isMadeOf(maker: number, value: number): boolean {
    const { reads } = this.#code.role(maker);
    return reads.length > 0 && reads.every((place) => this.before(maker, place) === value);
  }

  /** Is what a place holds before an instruction read afterwards, on some way, before the place is written again? */
  isRead(instruction: number, location: Location): boolean {
    const { successors } = this.#graph;
    const seen = new Set<number>();
    const work = [instruction];
    while (work.length > 0) {
      const i = work.pop()!;
      if (seen.has(i)) continue;
      seen.add(i);
      const { reads, writes } = this.#code.role(i);
      if (reads.includes(location)) return true;
      const isCall = this.#isCall(i);
      if ((isCall || this.#code.flow[i] === flow.return) && this.#handedOver(i).has(location)) return true;
      if (isCall && location < registers) continue;
      if (!writes.includes(location)) work.push(...successors[i]!);
    }
    return false;
  }

  #made(instruction: number, column: number): number {
    return 1 + instruction * this.#columns.size + column;
  }

  #isCall(i: number): boolean {
    return this.#code.flow[i] === flow.call || this.#code.flow[i] === flow.indirectCall;
  }

  #settle(): boolean {
    const { successors, predecessors, count } = this.#graph;
    const width = this.#columns.size;
    const starts: number[] = [];
    for (let i = 0; i < count; i++) {
      const before = predecessors[i]!;
      if (i === 0 || before.length !== 1 || before[0] !== i - 1 || successors[i - 1]!.length !== 1) starts.push(i);
    }
    if (starts.length * width > mostKept) return false;
    const ends = new Map<number, Int32Array>();
    const first = new Int32Array(width);
    for (let column = 0; column < width; column++) first[column] = -1 - column;
    this.#states.set(0, first);
    for (let round = 0; round < mostRounds; round++) {
      let changed = false;
      for (const [k, start] of starts.entries()) {
        const state = start === 0 ? first : this.#meet(start, ends);
        if (state === undefined) continue;
        const known = this.#states.get(start);
        if (round > 0 && known !== undefined && known.every((value, column) => value === state[column])) continue;
        changed = true;
        this.#states.set(start, state);
        const end = (starts[k + 1] ?? count) - 1;
        ends.set(end, this.#through(state, start, end));
      }
      if (!changed) return true;
    }
    return false;
  }

  /** Undefined: no way there is known yet. */
  #meet(start: number, ends: ReadonlyMap<number, Int32Array>): Int32Array | undefined {
    let state: Int32Array | undefined;
    const width = this.#columns.size;
    for (const before of this.#graph.predecessors[start]!) {
      const end = ends.get(before);
      if (end === undefined) continue;
      if (state === undefined) {
        state = end.slice();
        continue;
      }
      for (let column = 0; column < width; column++)
        if (state[column] !== end[column]) state[column] = -1 - width - start * width - column;
    }
    return state;
  }

  #through(before: Int32Array, start: number, end: number): Int32Array {
    const state = before.slice();
    for (let i = start; i <= end; i++) {
      const { writes, from } = this.#code.role(i);
      if (this.#isCall(i)) for (let column = 0; column < registers; column++) state[column] = this.#made(i, column);
      for (const location of writes) {
        const column = this.#columns.get(location)!;
        state[column] = from === undefined ? this.#made(i, column) : state[this.#columns.get(from)!]!;
      }
    }
    return state;
  }
}
