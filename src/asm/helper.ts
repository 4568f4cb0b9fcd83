/** The kernel's helpers that Sonde calls, by number (include/uapi/linux/bpf.h, ___BPF_FUNC_MAPPER), with the oldest kernel. */
export const helpers = {
  /** 4.1 */
  map_lookup_elem: 1,
  map_update_elem: 2,
  map_delete_elem: 3,
  /** 4.1, CLOCK_MONOTONIC nanoseconds. */
  ktime_get_ns: 5,
  /** 4.1. Stays the same in a uprobe program: it cannot migrate. */
  get_smp_processor_id: 8,
  /** 4.2, tgid << 32 | pid of the host's pid namespace. */
  get_current_pid_tgid: 14,
  /** 4.8 */
  get_current_task: 35,
  /** 5.5, never faults a page in. */
  probe_read_user: 112,
  /** 5.5 */
  probe_read_kernel: 113,
  /** 5.7 */
  get_ns_current_pid_tgid: 120,
  /** 5.8 */
  ringbuf_output: 130,
  ringbuf_reserve: 131,
  ringbuf_submit: 132,
  ringbuf_discard: 133,
  ringbuf_query: 134,
  /** 5.10, sleepable programs only. */
  copy_from_user: 148,
  /** 5.11: as `get_current_task`, but known to the verifier, which lets its fields be read. Needs the kernel's BTF. */
  get_current_task_btf: 158,
  /** 5.15 */
  get_attach_cookie: 174,
  /** 5.18, sleepable programs only. */
  copy_from_user_task: 191,
} as const;
export type Helper = keyof typeof helpers;

/** Helpers that may sleep: never between a reserve and its submit (FACTS, rule 18). */
export const sleepingHelpers: ReadonlySet<Helper> = new Set<Helper>(['copy_from_user', 'copy_from_user_task']);

const names = new Map<number, Helper>(Object.entries(helpers).map(([name, id]) => [id, name as Helper]));

export function helperName(id: number): Helper | undefined {
  return names.get(id);
}
