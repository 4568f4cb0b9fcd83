import type { Address } from '#base';
import { failedWith } from '../failed.ts';
import { Fd } from '../fd.ts';
import type { Sys } from '../sys.ts';
import { unlessGone } from './gone.ts';

/**
 * Reads another process's memory through /proc/PID/mem, without stopping it. Bound to the address space that the
 * process had when it was opened: after an exec it reads nothing. Needs CAP_SYS_PTRACE for other users' processes.
 */
export class ProcessMemory implements Disposable {
  readonly #sys: Sys;
  readonly #fd: Fd;

  constructor(sys: Sys, fd: Fd) {
    this.#sys = sys;
    this.#fd = fd;
  }

  /** Exactly `length` bytes; undefined when not all of them are mapped, or the process is gone. */
  read(address: Address | number, length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    try {
      let done = 0;
      while (done < length) {
        const count = this.#sys.pread(this.#fd.number, bytes.subarray(done), BigInt(address) + BigInt(done));
        if (count === 0) return undefined;
        done += count;
      }
      return bytes;
    } catch (error) {
      if (failedWith(error, 'EIO', 'EFAULT', 'ESRCH')) return undefined;
      throw error;
    }
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Undefined when the process is gone. Throws SyscallFailed (EACCES) without the right to look into it. */
export function openProcessMemory(sys: Sys, pid: number): ProcessMemory | undefined {
  const fd = unlessGone(() => sys.open(`/proc/${pid}/mem`, 0));
  return fd === undefined ? undefined : new ProcessMemory(sys, new Fd(sys, fd));
}

/** One read on its own; undefined when it is not mapped or the process is gone. */
export function readProcessBytes(
  sys: Sys,
  pid: number,
  address: Address | number,
  length: number,
): Uint8Array | undefined {
  using memory = openProcessMemory(sys, pid);
  return memory?.read(address, length);
}
