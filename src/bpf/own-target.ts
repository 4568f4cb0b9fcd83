import { Fd, type Mapping, mapFlag, protection, type Sys } from '#sys';

/**
 * `void run(int64 n)`: calls a small function n times. Hand-made, for there may be no compiler. In that function lie two
 * instructions to probe, one that the kernel emulates and one that it single-steps.
 */
const code = {
  x64: {
    bytes: [
      ...[0xe8, 0x1b, 0x00, 0x00, 0x00], // 00: call 20
      ...[0x48, 0xff, 0xcf], //             05: dec rdi
      ...[0x75, 0xf6], //                   08: jne 00
      0xc3, //                              0a: ret
      ...Array<number>(0x15).fill(0xcc),
      ...[0x76, 0x00], //                   20: jbe 22, as at a stack check
      ...[0x48, 0x39, 0xe4], //             22: cmp rsp, rsp
      ...[0xeb, 0x00], //                   25: jmp 27
      0xc3, //                              27: ret
    ],
    emulated: 0x20,
    stepped: 0x22,
    emulatedLater: 0x25,
    return: 0x27,
    /** int3: no probe is put on it. */
    refused: 0x10,
  },
  arm64: {
    bytes: words(
      0xa9bf7bfd, // 00: stp x29, x30, [sp, #-16]!
      0x94000006, // 04: bl 1c
      0xf1000400, // 08: subs x0, x0, #1
      0x54ffffc1, // 0c: b.ne 04
      0xa8c17bfd, // 10: ldp x29, x30, [sp], #16
      0xd65f03c0, // 14: ret
      0xd4200000, // 18: brk #0
      0x14000001, // 1c: b 20
      0xaa0103e1, // 20: mov x1, x1
      0xd65f03c0, // 24: ret
    ),
    emulated: 0x1c,
    stepped: 0x20,
    emulatedLater: 0x24,
    return: 0x24,
    refused: 0x18,
  },
} as const;

function words(...values: number[]): number[] {
  return values.flatMap((value) => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24]);
}

/** Machine code in this very process, backed by a file in memory, to try probes on. Nobody else's process is touched. */
export class OwnTarget implements Disposable {
  /** The file: attach through it. */
  readonly executable: Fd;
  /** File offsets of instructions, in the order in which a call comes by. */
  readonly emulated: number;
  readonly stepped: number;
  readonly emulatedLater: number;
  /** Single-stepped on x64, emulated (simulated) on arm64: there the same as `emulatedLater`. */
  readonly return: number;
  /** Not come by. */
  readonly refused: number;
  readonly #sys: Sys;
  readonly #mapping: Mapping;

  /** Throws SyscallFailed where executable memory of this kind is forbidden (vm.memfd_noexec, SELinux). */
  constructor(sys: Sys) {
    this.#sys = sys;
    const { bytes, ...offsets } = code[sys.architecture];
    this.emulated = offsets.emulated;
    this.stepped = offsets.stepped;
    this.emulatedLater = offsets.emulatedLater;
    this.return = offsets.return;
    this.refused = offsets.refused;
    this.executable = new Fd(sys, sys.memfd('sonde-own-target', Uint8Array.from(bytes)));
    try {
      const readExecute = protection.read | protection.execute;
      this.#mapping = sys.mmap(this.executable.number, sys.pageSize, readExecute, mapFlag.private, 0);
    } catch (error) {
      this.executable.close();
      throw error;
    }
  }

  /** `times` at least 1. */
  run(times: number): void {
    this.#sys.callNative(this.#mapping.address, times);
  }

  /** On another thread. */
  runElsewhere(times: number): Promise<void> {
    return this.#sys.callNativeInThread(this.#mapping.address, times);
  }

  /** Only when nothing runs in it any more. */
  close(): void {
    this.#mapping.unmap();
    this.executable.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
