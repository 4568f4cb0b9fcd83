import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { Assembler, immediate, type MapSpec, type Program, r0, r1, r2, r3, r6, r7 } from '#asm';
import { goFixture } from './go-fixtures.ts';
import { type RunningProcess, startProcess } from './process.ts';

/** Reads a line `N`, calls `main.hit` N times on two goroutines, answers `done`. */
const source = `package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"sync"
)

//go:noinline
func inner(n int64) int64 { return n*3 + 1 }

//go:noinline
func hit(n int64) int64 { return inner(n) + 1 }

func main() {
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for in.Scan() {
		n, _ := strconv.ParseInt(in.Text(), 10, 64)
		var done sync.WaitGroup
		for part := int64(0); part < 2; part++ {
			done.Add(1)
			go func(from int64) {
				defer done.Done()
				for i := from; i < n; i += 2 {
					hit(i)
				}
			}(part)
		}
		done.Wait()
		fmt.Println("done", n)
	}
}
`;

/** A running Go program to try probes on, and where its functions lie in the file. */
export class KernelTarget {
  readonly path: string;
  readonly process: RunningProcess;
  /** Symbol → file offset of its first instruction. */
  readonly functions: ReadonlyMap<string, number>;
  readonly #file: Buffer;
  #answers = 0;

  constructor(path: string, process: RunningProcess, functions: ReadonlyMap<string, number>) {
    this.path = path;
    this.process = process;
    this.functions = functions;
    this.#file = readFileSync(path);
  }

  get pid(): number {
    return this.process.pid;
  }

  /** File offset of the `push %rbp` behind the function's stack check; undefined where it does not begin in exactly that way. */
  pushSite(name: string): number | undefined {
    const at = this.functions.get(name);
    if (at === undefined) return undefined;
    const code = this.#file.subarray(at, at + 24);
    // cmp 0x10(%r14),%rsp or lea …(%rsp),%r12; cmp 0x10(%r14),%r12; then jbe, near or short.
    const start = ['493b6610', '4c8d6424..4d3b6610', '4c8da424........4d3b6610'];
    const pattern = new RegExp(`^(?:${start.join('|')})(?:76..|0f86........)(?=55)`);
    const found = pattern.exec(code.toString('hex'));
    return found ? at + found[0].length / 2 : undefined;
  }

  /** Those of all functions, `main.hit`'s first. */
  pushSites(): number[] {
    const names = [...this.functions.keys()].filter((name) => name !== 'main.hit');
    return ['main.hit', ...names].flatMap((name) => this.pushSite(name) ?? []);
  }

  bytes(offset: number, length: number): Uint8Array {
    return Uint8Array.from(this.#file.subarray(offset, offset + length));
  }

  /** Resolves when `main.hit` has been called `times` times. */
  async call(times: number): Promise<void> {
    const wanted = ++this.#answers;
    this.process.write(`${times}\n`);
    await this.process.until('its answer', () => this.process.lines.length > wanted, 50_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.kill();
  }
}

/** amd64 only: sites are found by the bytes of the stack check. */
export async function startKernelTarget(): Promise<KernelTarget> {
  const path = await goFixture({ source: { 'main.go': source } });
  const { stdout } = await promisify(execFile)('go', ['tool', 'nm', path], { maxBuffer: 1 << 26 });
  const toOffset = loadedRanges(readFileSync(path));
  const functions = new Map<string, number>();
  for (const line of stdout.split('\n')) {
    const match = /^ *([0-9a-f]+) [Tt] (.+)$/.exec(line);
    const offset = match && toOffset(Number.parseInt(match[1]!, 16));
    if (offset !== undefined && offset !== null) functions.set(match![2]!, offset);
  }
  return new KernelTarget(path, await startProcess(path, { ready: /ready\n/ }), functions);
}

function loadedRanges(file: Buffer): (address: number) => number | undefined {
  const headers = Number(file.readBigUInt64LE(32));
  const ranges = Array.from({ length: file.readUInt16LE(56) }, (_, i) => headers + i * file.readUInt16LE(54))
    .filter((at) => file.readUInt32LE(at) === 1)
    .map((at) => [8, 16, 32].map((field) => Number(file.readBigUInt64LE(at + field))) as [number, number, number]);
  return (address) => {
    const found = ranges.find(([, start, size]) => address >= start && address < start + size);
    return found && address - found[1] + found[0];
  };
}

export const counters: MapSpec = { name: 'counters', type: 'array', keySize: 4, valueSize: 64, maxEntries: 1 };

/** Adds one to word 0 of `counters`. */
export function countingProgram(): Program {
  const asm = new Assembler();
  asm.mov(r1, immediate(1));
  asm.loadMapValue(r2, counters.name, 0);
  asm.atomicAdd(r2, 0, r1);
  asm.mov(r0, immediate(0));
  asm.exit();
  return asm.program('counting');
}

export function ringSpec(size: number): MapSpec {
  return { name: 'ring', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: size };
}

/** Size of a record of `eventProgram`: RAX, then the cookie, then zeros up to it. */
export const eventSize = 40;

/** Sends one record a hit; word 0 of `counters` counts hits, word 1 those for which the ring had no room. */
export function eventProgram(): Program {
  const asm = new Assembler();
  const full = asm.newLabel();
  asm.mov(r6, r1);
  asm.mov(r1, immediate(1));
  asm.loadMapValue(r2, counters.name, 0);
  asm.atomicAdd(r2, 0, r1);
  asm.loadMapFd(r1, 'ring');
  asm.mov(r2, immediate(eventSize));
  asm.mov(r3, immediate(0));
  asm.call('ringbuf_reserve');
  asm.jumpIf('eq', r0, immediate(0), full);
  asm.mov(r7, r0);
  const axOfPtRegs = 80;
  asm.load(8, r1, r6, axOfPtRegs);
  asm.store(8, r7, 0, r1);
  asm.mov(r1, r6);
  asm.call('get_attach_cookie');
  asm.store(8, r7, 8, r0);
  for (let at = 16; at < eventSize; at += 8) asm.store(8, r7, at, immediate(0));
  asm.mov(r1, r7);
  asm.mov(r2, immediate(0));
  asm.call('ringbuf_submit');
  asm.mov(r0, immediate(0));
  asm.exit();
  asm.label(full);
  asm.mov(r1, immediate(1));
  asm.loadMapValue(r2, counters.name, 8);
  asm.atomicAdd(r2, 0, r1);
  asm.mov(r0, immediate(0));
  asm.exit();
  return asm.program('events');
}
