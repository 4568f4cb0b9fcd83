import { type Assembler, fp, immediate, type Label, r0, r1, r2, r3, r4 } from '#asm';
import type { ProcessFilter } from '../types.ts';
import { frame } from './frame.ts';

/**
 * Goes to `out` unless the hit is of the process. The kernel hangs a uprobe on a file, and a vfork child shares the
 * memory: the link's own pid filter is not enough (FACTS, rule 8).
 */
export function filterProcess(asm: Assembler, filter: ProcessFilter, out: Label): void {
  const { namespace } = filter;
  if (namespace === undefined) {
    asm.call('get_current_pid_tgid');
    asm.alu('rsh', r0, immediate(32));
    asm.jumpIf('ne', r0, immediate(filter.tgid), out);
    return;
  }
  asm.loadConstant(r1, namespace.device);
  asm.loadConstant(r2, namespace.inode);
  asm.mov(r3, fp);
  asm.alu('add', r3, immediate(frame.scratch));
  asm.mov(r4, immediate(8));
  asm.call('get_ns_current_pid_tgid');
  asm.jumpIf('ne', r0, immediate(0), out);
  // struct bpf_pidns_info { u32 pid; u32 tgid; }
  asm.load(4, r1, fp, frame.scratch + 4);
  asm.jumpIf('ne', r1, immediate(filter.tgid), out);
}
