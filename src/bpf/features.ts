import { Assembler, fp, immediate, type Program, r0, r1, r2, r3, r4 } from '#asm';
import { flagSetting, SondeError } from '#base';
import { failedWith, readNamespace, type Sys } from '#sys';
import { attachUprobes } from './attach.ts';
import type { UprobeAttachment } from './attachment.ts';
import { makeMap } from './map.ts';
import { OwnTarget } from './own-target.ts';
import { loadProgram } from './program.ts';

export interface Feature {
  readonly present: boolean;
  /** Why it is missing, with what to do where something can be done; undefined when present. */
  readonly reason?: string;
}

/** What this kernel and our rights offer, found by trying, never by version. Plain data. */
export interface KernelFeatures {
  /** Maps can be made at all. When missing, the rest is missing for the same reason. */
  readonly bpf: Feature;
  /** Kernel 5.8. */
  readonly ringBuffer: Feature;
  /** Kernel 5.15: bpf_get_attach_cookie. */
  readonly attachCookie: Feature;
  /** bpf_get_ns_current_pid_tgid, kernel 5.7. */
  readonly namespacePid: Feature;
  /** Attached by perf event and BPF link (5.15) to code of our own, hit, cookie seen. */
  readonly perfLink: Feature;
  /** The same with a uprobe_multi link (6.6), hit from another thread too: before 6.10 its filter took one thread only. */
  readonly uprobeMulti: Feature;
  /** `may_goto`, kernel 6.9: loops that the verifier need not follow turn by turn. */
  readonly mayGoto: Feature;
  /** Sleepable uprobe programs, kernel 6.0: they can wait for a page. */
  readonly sleepable: Feature;
  /** /sys/kernel/btf/vmlinux is there. */
  readonly btf: Feature;
}

const present: Feature = { present: true };
const cookie = 0x5e;
/** How long a hit from another thread may take before it counts as not coming. */
const otherThreadMs = 500;

/**
 * Tries everything on this process itself: some 50 ms, no other process is touched. Blocks meanwhile. With
 * SONDE_NO_UPROBE_MULTI=1 in the environment uprobe_multi counts as missing.
 */
export function kernelFeatures(sys: Sys): KernelFeatures {
  const bpf = tried(() =>
    makeMap(sys, { name: 'try', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 }).close(),
  );
  const btf = tried(() => void sys.stat('/sys/kernel/btf/vmlinux'));
  if (!bpf.present) {
    return {
      bpf,
      ringBuffer: bpf,
      attachCookie: bpf,
      namespacePid: bpf,
      perfLink: bpf,
      uprobeMulti: bpf,
      mayGoto: bpf,
      sleepable: bpf,
      btf,
    };
  }
  const size = sys.pageSize;
  const attachCookie = tried(() => loadsAlone(sys, cookieProgram()));
  return {
    bpf,
    ringBuffer: tried(() =>
      makeMap(sys, { name: 'try', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: size }).close(),
    ),
    attachCookie,
    namespacePid: tried(() => loadsAlone(sys, namespaceProgram(sys))),
    perfLink: tried(() => hits(sys, false)),
    uprobeMulti: flagSetting('SONDE_NO_UPROBE_MULTI', process.env.SONDE_NO_UPROBE_MULTI)
      ? { present: false, reason: 'switched off by SONDE_NO_UPROBE_MULTI=1' }
      : tried(() => hits(sys, true)),
    mayGoto: tried(() => loadsAlone(sys, loopProgram())),
    sleepable: tried(() => loadsAlone(sys, sleepingProgram(), true)),
    btf,
  };
}

/** An attempt that got through without an error of the kernel, but did not do what it should. */
class DidNotWork extends SondeError {
  readonly code = 'bpf.did-not-work';
}

function tried(attempt: () => void): Feature {
  try {
    attempt();
    return present;
  } catch (error) {
    if (!(error instanceof SondeError)) throw error;
    return { present: false, reason: reasonOf(error) };
  }
}

function reasonOf(error: SondeError): string {
  if (failedWith(error, 'EINVAL')) return `this kernel does not know it (${error.message})`;
  return error.message;
}

function loadsAlone(sys: Sys, program: Program, sleepable = false): void {
  using counter = makeMap(sys, tryMap);
  loadProgram(sys, program, new Map([[tryMap.name, counter]]), { multi: false, sleepable }).close();
}

const tryMap = { name: 'try', type: 'array', keySize: 4, valueSize: 16, maxEntries: 1 } as const;

/** Attaches to our own code, calls it from this thread and from another, and looks at what the program wrote. */
function hits(sys: Sys, multi: boolean): void {
  const target = new OwnTarget(sys);
  using counter = makeMap(sys, tryMap);
  let elsewhere: Promise<void> | undefined;
  let attachment: UprobeAttachment | undefined;
  try {
    using program = loadProgram(sys, cookieProgram(), new Map([[tryMap.name, counter]]), { multi });
    const sites = [{ offset: target.emulated, cookie }];
    attachment = attachUprobes(sys, program, { executable: target.executable, pid: sys.pid, sites });
    target.run(1);
    const words = counter.words;
    if (Atomics.load(words, 0) !== 1n) throw new DidNotWork('the probe was placed but did not fire');
    if (words[1] !== BigInt(cookie)) throw new DidNotWork('the probe fired but its cookie was wrong');
    // The other thread runs by itself; only its result would need the event loop that is blocked here.
    elsewhere = target.runElsewhere(1);
    if (!becomes(words, 2n)) {
      throw new DidNotWork(`it fires on one thread of the process only${multi ? ' (mended in kernel 6.10)' : ''}`);
    }
  } finally {
    void attachment?.closeInBackground();
    // Its memory must not go while the other thread is in it.
    if (elsewhere) void elsewhere.finally(() => target.close());
    else target.close();
  }
}

function becomes(words: BigUint64Array, value: bigint): boolean {
  const nap = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; waited < otherThreadMs; waited++) {
    if (Atomics.load(words, 0) === value) return true;
    Atomics.wait(nap, 0, 0, 1);
  }
  return false;
}

/** Counts in word 0, leaves the cookie in word 1. */
function cookieProgram(): Program {
  const asm = new Assembler();
  asm.call('get_attach_cookie');
  asm.loadMapValue(r2, tryMap.name, 8);
  asm.store(8, r2, 0, r0);
  asm.mov(r1, immediate(1));
  asm.loadMapValue(r2, tryMap.name, 0);
  asm.atomicAdd(r2, 0, r1);
  asm.mov(r0, immediate(0));
  asm.exit();
  return asm.program('try_cookie');
}

/** A loop without end but for `may_goto`. */
function loopProgram(): Program {
  const asm = new Assembler();
  const [again, out] = [asm.newLabel(), asm.newLabel()];
  asm.label(again);
  asm.mayGoto(out);
  asm.jump(again);
  asm.label(out);
  asm.mov(r0, immediate(0));
  asm.exit();
  return asm.program('try_loop');
}

/** Reads a byte, for which it may wait. */
function sleepingProgram(): Program {
  const asm = new Assembler();
  asm.mov(r1, fp);
  asm.alu('add', r1, immediate(-8));
  asm.mov(r2, immediate(1));
  asm.mov(r3, immediate(0));
  asm.call('copy_from_user');
  asm.mov(r0, immediate(0));
  asm.exit();
  return asm.program('try_sleep');
}

function namespaceProgram(sys: Sys): Program {
  const namespace = readNamespace(sys, 'self') ?? { device: 0n, inode: 0n };
  const asm = new Assembler();
  asm.loadConstant(r1, namespace.device);
  asm.loadConstant(r2, namespace.inode);
  asm.mov(r3, fp);
  asm.alu('add', r3, immediate(-8));
  asm.mov(r4, immediate(8));
  asm.call('get_ns_current_pid_tgid');
  asm.mov(r0, immediate(0));
  asm.exit();
  return asm.program('try_namespace');
}
