/** From include/uapi/linux at v6.18 and asm-generic (the same on x86-64 and arm64). */

/** mman-common.h */
export const protection = { read: 1, write: 2, execute: 4 } as const;
export const mapFlag = { shared: 1, private: 2 } as const;

/** fcntl.h */
export const openFlag = {
  readOnly: 0,
  readWrite: 2,
  cloexec: 0o2000000,
  path: 0o10000000,
  directory: 0o200000,
} as const;

/** openat2.h */
export const resolveFlag = { noMagicLinks: 0x02, beneath: 0x08, inRoot: 0x10 } as const;

/** time.h */
export const clock = { realtime: 0, monotonic: 1, boottime: 7 } as const;

/** `enum bpf_cmd`, bpf.h */
export const bpfCommand = {
  BPF_MAP_CREATE: 0,
  BPF_MAP_LOOKUP_ELEM: 1,
  BPF_MAP_LOOKUP_AND_DELETE_BATCH: 25,
  BPF_MAP_UPDATE_BATCH: 26,
  BPF_MAP_UPDATE_ELEM: 2,
  BPF_MAP_DELETE_ELEM: 3,
  BPF_MAP_GET_NEXT_KEY: 4,
  BPF_PROG_LOAD: 5,
  BPF_OBJ_GET_INFO_BY_FD: 15,
  BPF_RAW_TRACEPOINT_OPEN: 17,
  BPF_LINK_CREATE: 28,
  BPF_ENABLE_STATS: 32,
} as const;

const bpfCommandNames = new Map<number, string>(Object.entries(bpfCommand).map(([name, value]) => [value, name]));

/** `bpf(BPF_PROG_LOAD)` */
export function bpfCallName(command: number): string {
  return `bpf(${bpfCommandNames.get(command) ?? command})`;
}

/** perf_event.h: PERF_EVENT_IOC_ENABLE is _IO('$', 0). */
export const perfIoctl = { enable: 0x2400, disable: 0x2401 } as const;

/** Field offsets of `struct perf_event_attr` (perf_event.h), version 1 with config2: 72 bytes. */
export const perfAttr = {
  size: 72,
  type: 0,
  sizeField: 4,
  config: 8,
  samplePeriod: 16,
  wakeup: 48,
  config1: 56,
  config2: 64,
} as const;
