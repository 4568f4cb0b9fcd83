import { type BigIntStats, closeSync, fstatSync, readSync } from 'node:fs';

/**
 * A process's executable, held by one open descriptor: parsed, compared and attached to through it, so that all three see the
 * same inode, also when the file was deleted or replaced meanwhile, and in other mount namespaces. The reader's thread uses it too: nothing is
 * imported here that it would have to load.
 */
export class Executable {
  readonly fd: number;
  readonly size: number;
  readonly isFile: boolean;
  /** Equal for the same unchanged file; for caches only (overlay mounts may give one inode two identities). */
  readonly identity: string;
  /** The process that runs it; 0 for a file that was opened otherwise. */
  readonly pid: number;
  #open = true;

  constructor(fd: number, pid = 0) {
    this.fd = fd;
    this.pid = pid;
    const stat: BigIntStats = fstatSync(fd, { bigint: true });
    this.isFile = stat.isFile();
    this.size = Number(stat.size);
    this.identity = `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
  }

  /** Path by which the kernel can be told this very inode. */
  get path(): string {
    return `/proc/self/fd/${this.fd}`;
  }

  /** `length` bytes from `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(this.fd, bytes, done, bytes.length - done, offset + done);
      if (count === 0) return bytes.subarray(0, done);
      done += count;
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }
}
