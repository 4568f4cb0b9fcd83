import type { Program } from '#asm';
import { SondeError } from '#base';
import { Fd, failedWith, type Mapping, mapFlag, protection, type Sys } from '#sys';
import { attachUprobes } from './attach.ts';
import type { UprobeAttachment } from './attachment.ts';
import { type Btf, readKernelBtf } from './btf.ts';
import { type Kickers, kicksName } from './kickers.ts';
import { makeMap } from './map.ts';
import { loadProgram } from './program.ts';

/** Where the kernel keeps the saved float registers of a thread, and how it says that they are saved. Byte offsets. */
export interface FloatState {
  /** In `task_struct`: `thread_info.flags`. */
  readonly flags: number;
  /** From a `task_struct` to the pointer to its `fpstate`. */
  readonly fpstate: number;
  /** In `fpstate`: the XSAVE area. */
  readonly area: number;
  /** Number of the bit of `flags` that is set if and only if the area holds the registers (TIF_NEED_FPU_LOAD). */
  readonly savedBit: number;
}

/** What was found out, with what a hit costs beyond the trap. */
export interface FloatsFound {
  readonly state: FloatState;
  /** Nanoseconds from asking for the registers to having them, median on this machine as it was. */
  readonly saveNs: number;
}

export interface FloatTrials {
  readonly multi: boolean;
  /**
   * A program that saves flags, registers and nanoseconds into the map `floatTrial`, as the programs of tracepoints do it: with kicks,
   * or without to see what the kernel has when nobody asked.
   */
  readonly program: (place: Omit<FloatState, 'savedBit'>, kick: boolean) => Program;
}

/** Map of a trial program: u64 words. */
export const floatTrial = {
  map: 'float_trial',
  hits: 0,
  flags: 1,
  ns: 2,
  /** Low 8 bytes of XMM0, XMM1, … */
  registers: 3,
  count: 15,
} as const;

/** Floats in registers cannot be read here, and why. */
export class NoFloats extends SondeError {
  readonly code = 'bpf.no-floats';
}

/** Hits of each kind: enough that a bit of chance does not stay. */
const trials = 24;

/**
 * Finds out on this process itself, with values that are known: some 50 ms, nobody else is touched. Throws `NoFloats` or another
 * SondeError with the reason.
 */
export function findFloats(sys: Sys, kickers: Kickers, options: FloatTrials): FloatsFound {
  if (sys.architecture !== 'x64') throw new NoFloats('floats in registers are read on x86-64 only');
  const place = findPlace(sys);
  using target = new FloatTarget(sys);
  const unasked = observe(sys, kickers, target, options, options.program(place, false));
  const asked = observe(sys, kickers, target, options, options.program(place, true));
  const all = [...unasked, ...asked];
  const right = all.filter((hit) => hit.right);
  if (right.length < trials / 2) {
    throw new NoFloats(`the kernel saved the registers in ${right.length} of ${asked.length} trials only`);
  }
  const bits = [...Array(31).keys()].filter((bit) =>
    all.every((hit) => ((hit.flags >> BigInt(bit)) & 1n) === (hit.right ? 1n : 0n)),
  );
  const [savedBit] = bits;
  if (savedBit === undefined || bits.length > 1) {
    throw new NoFloats(
      `${bits.length} bits of the thread's flags could say whether registers are saved: one would be right`,
    );
  }
  const times = asked.map((hit) => hit.ns).sort((a, b) => a - b);
  return { state: { ...place, savedBit }, saveNs: times[times.length >>> 1]! };
}

/** `fpu` lies behind `task_struct` (6.16), or in it as `thread.fpu`; `fpstate` is a pointer since 5.16. */
function findPlace(sys: Sys): Omit<FloatState, 'savedBit'> {
  let btf: Btf;
  try {
    btf = readKernelBtf(sys);
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) throw error;
    throw new NoFloats("it takes the kernel's type information, which is not there (CONFIG_DEBUG_INFO_BTF)");
  }
  const flags = btf.fieldOffset('task_struct', 'thread_info.flags');
  const fpu = btf.fieldOffset('task_struct', 'thread.fpu') ?? btf.structSize('task_struct');
  const fpstate = btf.fieldOffset('fpu', 'fpstate');
  const area = btf.fieldOffset('fpstate', 'regs');
  if (flags === undefined || fpu === undefined || fpstate === undefined || area === undefined) {
    throw new NoFloats(
      "the kernel's type information does not tell where it saves float registers (it takes Linux 5.16)",
    );
  }
  return { flags, fpstate: fpu + fpstate, area };
}

interface Hit {
  readonly flags: bigint;
  readonly ns: number;
  /** The kernel's area held the registers as they were. */
  readonly right: boolean;
}

let nextSeed = 1;

/** Hits the program with other values each time, so that what was saved before is never taken for right. */
function observe(sys: Sys, kickers: Kickers, target: FloatTarget, { multi }: FloatTrials, program: Program): Hit[] {
  const valueSize = 8 * (floatTrial.registers + floatTrial.count);
  using trial = makeMap(sys, { name: floatTrial.map, type: 'array', keySize: 4, valueSize, maxEntries: 1 });
  const maps = new Map([
    [floatTrial.map, trial],
    [kicksName, kickers.map],
  ]);
  const { cpus } = kickers;
  let attachment: UprobeAttachment | undefined;
  try {
    using loaded = loadProgram(sys, program, maps, { multi, sleepable: true });
    const sites = [{ offset: target.site, cookie: 0 }];
    attachment = attachUprobes(sys, loaded, { executable: target.executable, pid: sys.pid, sites });
    return Array.from({ length: trials }, (_, i): Hit => {
      const seed = nextSeed++;
      target.run(seed, cpus[i % cpus.length]!);
      const { words } = trial;
      if (words[floatTrial.hits] !== BigInt(i + 1)) throw new NoFloats('a sleepable probe was placed but did not fire');
      const right = Array.from({ length: floatTrial.count }, (_, n) => words[floatTrial.registers + n]).every(
        (value, n) => value === BigInt(seed + n),
      );
      return { flags: words[floatTrial.flags]!, ns: Number(words[floatTrial.ns]), right };
    });
  } finally {
    void attachment?.closeInBackground();
  }
}

/** Set before the instruction to probe: XMM0 = seed, XMM1 = seed + 1, … XMM14. */
function loadRegisters(): number[] {
  const code: number[] = [];
  for (let n = 0; n < floatTrial.count; n++) {
    // movq xmmN, rdi (REX.W, REX.R for the upper eight); inc rdi
    code.push(0x66, 0x48 | ((n >> 3) << 2), 0x0f, 0x6e, 0xc7 | ((n & 7) << 3), 0x48, 0xff, 0xc7);
  }
  return code;
}

/**
 * `void *run(block)`: makes a bare thread on a given CPU that comes by the probe with known registers, and waits for its end. The C library registers its
 * own threads for restartable sequences, for which the kernel sets another flag at every switch of context; Go's threads are bare too.
 */
const start = [
  0x53, //                                                push rbx
  ...[0x48, 0x89, 0xfb], //                               mov rbx, rdi
  ...[0x31, 0xff], //                                     xor edi, edi
  ...[0xbe, 0x00, 0x04, 0x00, 0x00], //                   mov esi, 1024
  ...[0x48, 0x8d, 0x93, 0x00, 0x04, 0x00, 0x00], //       lea rdx, [rbx + cpus]
  ...[0xb8, 0xcb, 0x00, 0x00, 0x00], //                   mov eax, 203 (sched_setaffinity)
  ...[0x0f, 0x05], //                                     syscall
  ...[0xc7, 0x43, 0x08, 0x01, 0x00, 0x00, 0x00], //       mov dword [rbx + alive], 1
  // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, CHILD_CLEARTID
  ...[0xbf, 0x00, 0x0f, 0x25, 0x00], //                   mov edi, 0x250f00
  ...[0x48, 0x8d, 0xb3, 0xf0, 0x0f, 0x00, 0x00], //       lea rsi, [rbx + 4080]
  ...[0x31, 0xd2], //                                     xor edx, edx
  ...[0x4c, 0x8d, 0x53, 0x08], //                         lea r10, [rbx + alive]
  ...[0x45, 0x31, 0xc0], //                               xor r8d, r8d
  ...[0xb8, 0x38, 0x00, 0x00, 0x00], //                   mov eax, 56 (clone)
  ...[0x0f, 0x05], //                                     syscall
  ...[0x85, 0xc0], //                                     test eax, eax
  ...[0x74, 0x21], //                                     je child
  ...[0x78, 0x1d], //                                     js out
  ...[0x83, 0x7b, 0x08, 0x00], //                         wait: cmp dword [rbx + alive], 0
  ...[0x74, 0x17], //                                     je out
  ...[0x48, 0x8d, 0x7b, 0x08], //                         lea rdi, [rbx + alive]
  ...[0x31, 0xf6], //                                     xor esi, esi (FUTEX_WAIT)
  ...[0xba, 0x01, 0x00, 0x00, 0x00], //                   mov edx, 1
  ...[0x45, 0x31, 0xd2], //                               xor r10d, r10d
  ...[0xb8, 0xca, 0x00, 0x00, 0x00], //                   mov eax, 202 (futex)
  ...[0x0f, 0x05], //                                     syscall
  ...[0xeb, 0xe3], //                                     jmp wait
  0x5b, //                                                out: pop rbx
  0xc3, //                                                ret
  ...[0x48, 0x8b, 0x3b], //                               child: mov rdi, [rbx + seed]
] as const;

/** Then the probed instruction, and the bare thread's end. */
const end = [
  0x55, //                                                push rbp
  ...[0x31, 0xff], //                                     xor edi, edi
  ...[0xb8, 0x3c, 0x00, 0x00, 0x00], //                   mov eax, 60 (exit)
  ...[0x0f, 0x05], //                                     syscall
] as const;

/** Machine code in this process that comes by a probe with known float registers. x86-64. */
class FloatTarget implements Disposable {
  readonly executable: Fd;
  /** File offset of the instruction to probe. */
  readonly site: number;
  readonly #sys: Sys;
  readonly #code: Mapping;
  readonly #block: Mapping;
  readonly #owned: DisposableStack;

  constructor(sys: Sys) {
    using stack = new DisposableStack();
    this.#sys = sys;
    const before = [...start, ...loadRegisters()];
    this.site = before.length;
    this.executable = stack.use(new Fd(sys, sys.memfd('sonde-float-target', Uint8Array.from([...before, ...end]))));
    const readExecute = protection.read | protection.execute;
    this.#code = stack.use(sys.mmap(this.executable.number, sys.pageSize, readExecute, mapFlag.private, 0));
    using file = new Fd(sys, sys.memfd('sonde-float-block', new Uint8Array(sys.pageSize)));
    const readWrite = protection.read | protection.write;
    this.#block = stack.use(sys.mmap(file.number, sys.pageSize, readWrite, mapFlag.shared, 0));
    this.#owned = stack.move();
  }

  /** On a CPU below 8192. */
  run(seed: number, cpu: number): void {
    new BigUint64Array(this.#block.buffer)[0] = BigInt(seed);
    const cpus = new Uint8Array(this.#block.buffer, 1024, 1024).fill(0);
    cpus[cpu >>> 3] = 1 << (cpu & 7);
    this.#sys.startThread(this.#code.address, this.#block.address).join();
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}
