import { type Address, address } from '#base';
import { SyscallFailed } from '../failed.ts';
import type { Sys } from '../sys.ts';
import { text } from './gone.ts';

export interface FilePages {
  readonly start: Address;
  readonly bytes: number;
}

const head = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ \S+ \d+ +\//;

/**
 * Of proc_pid_smaps(5), the private mappings of files that the process cannot write to and of whose pages none is its own: a page that the loader has
 * relocated, or somebody has put a breakpoint on, is in no file.
 */
export function parseFilePages(smaps: string): FilePages[] {
  const found: FilePages[] = [];
  for (const mapping of smaps.split(/\n(?=[0-9a-f]+-)/)) {
    const match = head.exec(mapping);
    // vsyscall, above what a number holds exactly, is of no file.
    if (!match || !/^Anonymous: +0 kB$/m.test(mapping) || !/^Locked: +0 kB$/m.test(mapping)) continue;
    const start = Number.parseInt(match[1]!, 16);
    found.push({ start: address(start), bytes: Number.parseInt(match[2]!, 16) - start });
  }
  return found;
}

/**
 * Lets go of the pages of the files that this process runs from. The kernel brings in sixteen where one is asked for, so that most have never been
 * needed; those that are come back without a read as long as they are in its cache.
 */
export function releaseFilePages(sys: Sys): void {
  try {
    for (const { start, bytes } of parseFilePages(text(sys.readFile('/proc/self/smaps'))))
      sys.dropFilePages(start, bytes);
  } catch (error) {
    // A sandbox that forbids it costs memory, nothing else.
    if (!(error instanceof SyscallFailed)) throw error;
  }
}
