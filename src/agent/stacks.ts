import { setImmediate } from 'node:timers/promises';
import type { Address } from '#base';
import { UserError } from '#door';
import { type GoBinary, type Goroutine, goroutines } from '#gobin';
import { resolveFunctions } from '#probe';
import { addressOfOffset, mappingsOf, openProcessMemory, readMaps, type Sys } from '#sys';
import type { Binaries } from './binaries.ts';
import { type CalledFunction, CalledFunctions } from './called-functions.ts';
import type { Executable } from './executable.ts';
import { findInImages } from './place-of-function.ts';

/** A call of a function that a goroutine is in the midst of, found on its stack. */
export interface StackedCall extends CalledFunction {
  readonly goid: bigint;
  readonly state: Goroutine['state'];
}

export interface Stacked {
  /** Whose calls were looked for. */
  readonly functions: ReadonlySet<string>;
  /** One for every frame of these functions and for each of their inlined copies in others, innermost first in each goroutine. */
  readonly calls: readonly StackedCall[];
  /** All goroutines. */
  readonly goroutines: number;
  /** Goroutines that were on a CPU, whose stacks cannot be read. */
  readonly running: number;
  /** Goroutines whose stacks could not be followed to their bottom: more calls may be further down. */
  readonly cut: number;
}

/** The agent does other things after so long: a process may have a million goroutines. */
const sliceMs = 10;

/**
 * Which goroutines are inside a function now, or those that a pattern stands for, whenever they came there: out of the process's memory,
 * without a probe or a stop. A text instead: why it cannot be told.
 * @throws UserError when the binary has no such function, or more than one of that name.
 */
export async function callsOnStacks(
  sys: Sys,
  binaries: Binaries,
  pid: number,
  name: string,
): Promise<Stacked | string> {
  using held = new DisposableStack();
  const { image, library, value } = findInImages(sys, pid, (image) => {
    const { binary } = held.use(binaries.open(image));
    const found = resolveFunctions({ function: name, columns: [] }, binary);
    return found.ok ? { ok: true, value: { ...found.value, binary } } : found;
  });
  const executable = held.use(image);
  const { functions, names, binary } = value;
  if (library !== undefined)
    throw new UserError(
      `'${name}' is in ${library}, which the process has loaded: the calls of such functions that run now are not told, as stacks are followed in the program's own code; \`px trace\` without --open shows calls that begin`,
    );
  const tables = goroutineTables(binary);
  if (typeof tables === 'string') return tables;
  const { table, allgs, offsets } = tables;
  using memory = openProcessMemory(sys, pid);
  const bias = loadBias(sys, pid, executable, binary);
  if (bias === undefined || !memory) return 'the process has ended, or replaced itself';
  const called = new CalledFunctions(table, functions, names);
  const calls: StackedCall[] = [];
  const counts = { goroutines: 0, running: 0, cut: 0 };
  const read = (at: number, size: number) => memory.read(at, size);
  let sliceEnd = performance.now() + sliceMs;
  for (const { goid, state, frames, complete } of goroutines(read, table, offsets, allgs + bias, bias)) {
    counts.goroutines++;
    if (state === 'running') counts.running++;
    else if (!complete) counts.cut++;
    const inFile = frames.map((pc) => (pc - bias) as Address);
    for (const call of called.on(inFile)) calls.push({ ...call, goid, state });
    if (performance.now() < sliceEnd) continue;
    await setImmediate();
    sliceEnd = performance.now() + sliceMs;
  }
  // Every Go program has goroutines of its runtime.
  if (counts.goroutines === 0 || !memory.read(allgs + bias, 16)) return 'the process has ended, or replaced itself';
  return { functions: new Set(names), calls, ...counts };
}

/** What the walk over goroutines needs to know of a binary; a text: what is not known. */
export function goroutineTables(binary: GoBinary) {
  const { gGoid: goid, gSched: sched, gStatus: status, gSyscallSp: syscallSp, gSyscallPc: syscallPc } = binary.runtime;
  const { functionTable: table, allgs } = binary;
  if (binary.architecture !== 'amd64') return 'stacks are walked on amd64 only';
  if (table === undefined) return 'its binary has no function table that can be read';
  if (goid === undefined || sched === undefined || status === undefined || !syscallSp || !syscallPc)
    return `how Go ${binary.goVersion} keeps goroutines is not known, and its binary has no debug info`;
  if (allgs === undefined) return 'its binary has no symbols, and no code that tells where its goroutines are';
  return { table, allgs, offsets: { goid, sched, status, syscallSp, syscallPc } };
}

/** What is added to the binary's addresses in the process: 0 but for position-independent executables. */
export function loadBias(sys: Sys, pid: number, executable: Executable, binary: GoBinary): number | undefined {
  const maps = readMaps(sys, pid);
  // Where the program begins is code of it in any executable.
  const entry = binary.elf.entry > 0 ? binary.elf.entry : binary.elf.header('.text')?.address;
  if (entry === undefined) return undefined;
  const offset = binary.fileOffset(entry);
  if (!maps || offset === undefined) return undefined;
  const at = addressOfOffset(mappingsOf(sys, pid, maps, sys.fstat(executable.fd)), offset);
  return at === undefined ? undefined : at - entry;
}
