import { bpfCommand, Fd, Struct, type Sys, SyscallFailed } from '#sys';
import type { BpfProgram } from './program.ts';

/** BPF_STATS_RUN_TIME */
const runTime = 0;
/** Field offsets of `struct bpf_prog_info` (include/uapi/linux/bpf.h at v6.18). */
const info = { size: 232, runTimeNs: 192 } as const;

/** While this is open, the kernel measures the running time of all BPF programs of the machine, some 30 ns a run. */
export function openRunTimeStats(sys: Sys): Fd | undefined {
  try {
    return new Fd(sys, sys.bpf(bpfCommand.BPF_ENABLE_STATS, new Struct(4).u32(0, runTime)));
  } catch (error) {
    // CAP_SYS_ADMIN, kernel 5.8.
    if (error instanceof SyscallFailed) return undefined;
    throw error;
  }
}

/** Nanoseconds that a program has run while that was measured; sleeping counts. */
export function runTimeNs(sys: Sys, program: BpfProgram): number {
  const into = new Uint8Array(info.size);
  const attr = new Struct(16).u32(0, program.fd.number).u32(4, info.size).pointer(8, into);
  sys.bpf(bpfCommand.BPF_OBJ_GET_INFO_BY_FD, attr);
  return Number(new DataView(into.buffer).getBigUint64(info.runTimeNs, true));
}
