import type { Sys } from '../sys.ts';
import { readProcessStatus } from './process.ts';

/** Bit numbers (include/uapi/linux/capability.h) of what Sonde uses, with what for. */
export const capabilities = {
  CAP_BPF: { bit: 39, use: 'load eBPF programs' },
  CAP_PERFMON: { bit: 38, use: 'attach them and read memory from them' },
  CAP_SYS_PTRACE: { bit: 19, use: "read other processes' memory and executables" },
} as const;
export type Capability = keyof typeof capabilities;
const sysAdmin = 21n;

/** Which of them this process lacks. CAP_SYS_ADMIN stands for the first two, as in the kernel. */
export function missingCapabilities(sys: Sys): Capability[] {
  const effective = readProcessStatus(sys, sys.pid)?.effectiveCapabilities ?? 0n;
  const has = (bit: bigint): boolean => ((effective >> bit) & 1n) === 1n;
  return (Object.keys(capabilities) as Capability[]).filter(
    (name) => !has(BigInt(capabilities[name].bit)) && !(name !== 'CAP_SYS_PTRACE' && has(sysAdmin)),
  );
}
