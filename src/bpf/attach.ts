import { BugError } from '#base';
import type { Fd, Sys } from '#sys';
import { attachMulti } from './attach-multi.ts';
import { attachPerf } from './attach-perf.ts';
import { AllSitesRefused, type AttachTarget, type RefusedSite, type UprobeAttachment } from './attachment.ts';
import type { BpfProgram } from './program.ts';

/**
 * Attaches a program to instructions of one process: by one uprobe_multi link when the program was loaded for it, else
 * by a perf event a site. A refused instruction does not fail the rest: it is named in `refused`. Throws
 * `AllSitesRefused`, `TooManySites`, or `SyscallFailed` for what has nothing to do with a site (then nothing stays attached).
 */
export function attachUprobes(sys: Sys, program: BpfProgram, target: AttachTarget): UprobeAttachment {
  if (target.sites.length === 0) throw new BugError(`no sites to attach ${program.name} to`);
  const path = executablePath(target.executable);
  const { links, refused } = program.multi
    ? attachMulti(sys, program, path, target)
    : attachPerf(sys, program, path, target);
  if (links.length === 0) throw new AllSitesRefused(refused);
  return new Attachment(links, target.sites.length - refused.length, refused);
}

/** The magic link of an open descriptor leads the kernel to that inode, even if no path does any more. */
function executablePath(executable: Fd | number | string): string {
  if (typeof executable === 'string') return executable;
  return `/proc/self/fd/${typeof executable === 'number' ? executable : executable.number}`;
}

class Attachment implements UprobeAttachment {
  readonly attached: number;
  readonly refused: readonly RefusedSite[];
  readonly #links: readonly Fd[];

  constructor(links: readonly Fd[], attached: number, refused: readonly RefusedSite[]) {
    this.#links = links;
    this.attached = attached;
    this.refused = refused;
  }

  close(): void {
    for (const link of this.#links) link.close();
  }

  async closeInBackground(): Promise<void> {
    // One after the other: the kernel is no quicker at many, and they would fill the pool of threads that files are read on.
    for (const link of this.#links) await link.closeInBackground();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
