import type { MapReference, Program } from '#asm';
import { BugError, SondeError } from '#base';
import { bpfCommand, cString, Fd, failedWith, Struct, type Sys, SyscallFailed } from '#sys';
import { type BpfMap, objectName } from './map.ts';

/** `enum bpf_prog_type` and `enum bpf_attach_type` (include/uapi/linux/bpf.h at v6.18). */
const programTypes = { uprobe: 2 /* BPF_PROG_TYPE_KPROBE */, raw_tracepoint: 17 } as const;
export const attachType = { perfEvent: 41, uprobeMulti: 48 } as const;
const license = cString('Dual MIT/GPL');
const pseudoMapFd = 1;
const pseudoMapValue = 2;
/** BPF_F_SLEEPABLE */
const sleepableFlag = 1 << 4;

/** The verifier refused a program: always our own fault (or the limit of one million steps). The whole log is in `log`. */
export class VerifierRejected extends SondeError {
  readonly code = 'bpf.verifier';
  readonly program: string;
  readonly log: string;
  readonly errno: number;

  constructor(program: string, log: string, cause: SyscallFailed) {
    super(`the kernel's verifier refused program ${program} (${cause.errnoName}):\n${tellingLines(log)}`, { cause });
    this.program = program;
    this.log = log;
    this.errno = cause.errno;
  }
}

/** A loaded program. `close` lets go of it; links that use it keep it running until they are closed too. */
export class BpfProgram implements Disposable {
  readonly name: string;
  readonly fd: Fd;
  /** Loaded for uprobe_multi links (a kind of its own for the kernel), not for perf links. */
  readonly multi: boolean;

  constructor(name: string, fd: Fd, multi: boolean) {
    this.name = name;
    this.fd = fd;
    this.multi = multi;
  }

  close(): void {
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export interface LoadOptions {
  /** For uprobe_multi links; must agree with how it will be attached. Ignored for raw tracepoints. */
  readonly multi: boolean;
  /** May fault pages in; kernel 6.0, uprobes only. */
  readonly sleepable?: boolean;
}

/**
 * Loads a program with its maps' descriptors patched in. Throws `VerifierRejected` with the verifier's own words, or
 * `SyscallFailed` when the kernel did not get as far as verifying (no rights, no memory).
 */
export function loadProgram(
  sys: Sys,
  program: Program,
  maps: ReadonlyMap<string, BpfMap>,
  options: LoadOptions,
): BpfProgram {
  const multi = options.multi && program.type === 'uprobe';
  const attr = new Struct(120)
    .u32(0, programTypes[program.type])
    .u32(4, program.instructions.length / 8)
    .pointer(8, patched(program, maps))
    .pointer(16, license)
    .u32(44, options.sleepable ? sleepableFlag : 0)
    .text(48, 16, objectName(program.name))
    .u32(68, multi ? attachType.uprobeMulti : 0);
  try {
    return new BpfProgram(program.name, new Fd(sys, load(sys, attr)), multi);
  } catch (error) {
    // An interrupted verifier has refused nothing, whatever is in its log.
    if (!(error instanceof SyscallFailed) || failedWith(error, 'EPERM', 'ENOMEM', 'EAGAIN', 'EINTR')) throw error;
    const log = verifierLog(sys, attr);
    throw log === '' ? error : new VerifierRejected(program.name, log, error);
  }
}

/** BPF_PROG_LOAD; the verifier gives EAGAIN when a signal interrupts it. */
function load(sys: Sys, attr: Struct): number {
  for (let attempt = 1; ; attempt++) {
    try {
      return sys.bpf(bpfCommand.BPF_PROG_LOAD, attr);
    } catch (error) {
      if (!failedWith(error, 'EAGAIN', 'EINTR') || attempt === 5) throw error;
    }
  }
}

/** Loads again for its log only, with a buffer that grows until the log fits; kernels before 6.4 give ENOSPC, newer ones the tail. */
function verifierLog(sys: Sys, attr: Struct): string {
  const verbose = 1;
  for (let size = 1 << 16; size <= 1 << 24; size *= 8) {
    const buffer = new Uint8Array(size);
    attr.u32(24, verbose).u32(28, size).pointer(32, buffer);
    try {
      new Fd(sys, load(sys, attr)).close();
      return '';
    } catch (error) {
      if (failedWith(error, 'ENOSPC')) continue;
      const end = buffer.indexOf(0);
      return new TextDecoder().decode(buffer.subarray(0, end < 0 ? size : end)).trimEnd();
    }
  }
  return '';
}

/** The last lines that are not statistics: the instruction that was refused, its registers and the reason. */
function tellingLines(log: string, most = 8): string {
  const lines = log.split('\n').filter((line) => !/^(processed \d+ insns|verification time|stack depth)/.test(line));
  return lines.slice(-most).join('\n');
}

function patched(program: Program, maps: ReadonlyMap<string, BpfMap>): Uint8Array {
  const bytes = program.instructions.slice();
  const view = new DataView(bytes.buffer);
  for (const reference of program.maps) patch(view, program.name, reference, maps);
  return bytes;
}

/** `ld_imm64` is two 8-byte pieces: source register in the high half of byte 1, immediates at byte 4 of each. */
function patch(view: DataView, name: string, reference: MapReference, maps: ReadonlyMap<string, BpfMap>): void {
  const at = reference.instruction * 8;
  const map = maps.get(reference.map);
  if (!map) throw new BugError(`program ${name} refers to map ${reference.map}, which was not made`);
  if (at + 16 > view.byteLength || view.getUint8(at) !== 0x18)
    throw new BugError(`program ${name}: instruction ${reference.instruction} is no ld_imm64`);
  const source = reference.kind === 'fd' ? pseudoMapFd : pseudoMapValue;
  view.setUint8(at + 1, (view.getUint8(at + 1) & 0x0f) | (source << 4));
  view.setInt32(at + 4, map.fd.number, true);
  view.setInt32(at + 12, reference.kind === 'fd' ? 0 : reference.offset, true);
}
