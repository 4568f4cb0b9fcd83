import { setImmediate } from 'node:timers/promises';
import { type Address, address } from '#base';
import { UserError } from '#door';
import { formatSignature, goroutines, type Pclntab } from '#gobin';
import { formatUpid, type Upid } from '#model';
import { openProcessMemory, type Sys } from '#sys';
import type { Binaries } from './binaries.ts';
import { nameMatcher } from './functions.ts';
import type { Processes } from './processes.ts';
import { goImageOf } from './shared-objects.ts';
import { goroutineTables, loadBias } from './stacks.ts';

/** What looking into processes takes. */
export interface ProcessViews {
  readonly sys: Sys;
  readonly binaries: Binaries;
  readonly processes: Processes;
}

type Row = readonly (string | bigint | undefined)[];

/** The agent does other things after so long, in milliseconds. */
const sliceMs = 10;

/** `px.GetGoFunctions(upid, match)`: name, signature, file, line. @throws UserError */
export async function functionRows(
  { sys, binaries, processes }: ProcessViews,
  upid: Upid,
  match: string,
): Promise<Row[]> {
  using executable = goImageOf(sys, running(processes, upid));
  using lease = binaries.open(executable);
  const { binary } = lease;
  const matches = nameMatcher(match);
  const rows: Row[] = [];
  let sliceEnd = performance.now() + sliceMs;
  for (const fn of binary.functions()) {
    if (!matches(fn.name)) continue;
    const source = binary.sourceLine(fn);
    const line = source?.line ? BigInt(source.line) : undefined;
    rows.push([fn.name, formatSignature(binary, fn) || undefined, source?.file || undefined, line]);
    if (performance.now() < sliceEnd) continue;
    await setImmediate();
    sliceEnd = performance.now() + sliceMs;
  }
  return rows;
}

/**
 * `px.GetGoroutines(upid)`: goid, state, the innermost function that is not the runtime's, the function that the goroutine began with, and its stack as
 * JSON, innermost first. Out of the process's memory, without a probe or a stop. @throws UserError
 */
export async function goroutineRows({ sys, binaries, processes }: ProcessViews, upid: Upid): Promise<Row[]> {
  const pid = running(processes, upid);
  using executable = goImageOf(sys, pid);
  using lease = binaries.open(executable);
  const { binary } = lease;
  const tables = goroutineTables(binary);
  if (typeof tables === 'string') throw new UserError(`process ${pid}: ${tables}`);
  const { table, allgs, offsets } = tables;
  using memory = openProcessMemory(sys, pid);
  const bias = loadBias(sys, pid, executable, binary);
  if (bias === undefined || !memory) throw new UserError(`process ${pid} has ended, or replaced itself`);
  const rows: Row[] = [];
  const named = new Map<Address, string | undefined>();
  const read = (at: number, size: number) => memory.read(at, size);
  let sliceEnd = performance.now() + sliceMs;
  for (const { goid, state, frames } of goroutines(read, table, offsets, allgs + bias, bias)) {
    // All but the innermost are addresses to return to: the call is before them.
    const stack = frames
      .map((pc, i) => nameAt(table, address(pc - bias - (i > 0 ? 1 : 0)), named))
      .filter((name) => name !== undefined);
    const own = stack.find((name) => !name.startsWith('runtime.')) ?? stack[0];
    const first = stack.findLast((name) => name !== 'runtime.goexit');
    rows.push([goid, state, own, first, JSON.stringify(stack)]);
    if (performance.now() < sliceEnd) continue;
    await setImmediate();
    sliceEnd = performance.now() + sliceMs;
  }
  return rows;
}

/** A function that was inlined into another stands under that one's name. */
function nameAt(table: Pclntab, at: Address, named: Map<Address, string | undefined>): string | undefined {
  if (named.has(at)) return named.get(at);
  const index = table.findByPc(at);
  const name = index < 0 ? undefined : table.name(index);
  named.set(at, name);
  return name;
}

function running(processes: Processes, upid: Upid): number {
  const process = processes.byUpid(upid);
  if (process === undefined)
    throw new UserError(`there is no Go process ${formatUpid(upid)} here: \`px ps\` lists those that there are`);
  return process.pid;
}
