/** Syscall numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h (arm64) at v6.18. */
export const syscallNumbers = {
  x64: {
    mmap: 9,
    munmap: 11,
    ioctl: 16,
    getsockopt: 55,
    sched_setscheduler: 144,
    sched_setaffinity: 203,
    eventfd2: 290,
    perf_event_open: 298,
    memfd_create: 319,
    bpf: 321,
    pidfd_send_signal: 424,
    pidfd_open: 434,
    openat2: 437,
  },
  arm64: {
    mmap: 222,
    munmap: 215,
    ioctl: 29,
    getsockopt: 209,
    sched_setscheduler: 119,
    sched_setaffinity: 122,
    eventfd2: 19,
    perf_event_open: 241,
    memfd_create: 279,
    bpf: 280,
    pidfd_send_signal: 424,
    pidfd_open: 434,
    openat2: 437,
  },
} as const;
export type SyscallName = keyof typeof syscallNumbers.x64;
