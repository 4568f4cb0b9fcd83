import { SondeError } from '#base';
import type { Fd, SyscallFailed } from '#sys';

export interface AttachSite {
  /** Of the instruction in the executable file, bytes. */
  readonly offset: number;
  /** What bpf_get_attach_cookie gives the program there. */
  readonly cookie: number;
}

export interface AttachTarget {
  /** The very file that was read and checked: a descriptor (may be of a deleted file) or, for tests, a path. */
  readonly executable: Fd | number | string;
  /** In this process's pid namespace. 0: every process that maps the file. */
  readonly pid: number;
  readonly sites: readonly AttachSite[];
}

/** A site on which the kernel puts no probe. */
export interface RefusedSite {
  readonly site: AttachSite;
  readonly error: SyscallFailed;
}

/** Probes in the kernel. They are gone when it is closed, or when this process ends in whatever way. */
export interface UprobeAttachment extends Disposable {
  /** How many sites have a probe. */
  readonly attached: number;
  readonly refused: readonly RefusedSite[];
  /** Waits for the kernel: some 30 ms for a uprobe_multi link, some 120 ms a site for perf events. */
  close(): void;
  /** On another thread: resolves when all probes are gone. Never rejects. */
  closeInBackground(): Promise<void>;
}

/** More sites than the path without uprobe_multi can let go of in reasonable time (FACTS, rule 11). */
export class TooManySites extends SondeError {
  readonly code = 'bpf.too-many-sites';
  readonly sites: number;
  readonly most: number;

  constructor(sites: number, most: number) {
    super(
      `${sites} probe sites, but without uprobe_multi (kernel 6.6) at most ${most}: there the kernel needs about 0.1 s a site to take probes away. Trace fewer functions, or functions with fewer returns`,
    );
    this.sites = sites;
    this.most = most;
  }
}

/** No site could be probed; `refused` says why for each. */
export class AllSitesRefused extends SondeError {
  readonly code = 'bpf.all-sites-refused';
  readonly refused: readonly RefusedSite[];

  constructor(refused: readonly RefusedSite[]) {
    const first = refused[0];
    super(
      `the kernel refused every one of ${refused.length} probe sites${first ? `; the first, at file offset 0x${first.site.offset.toString(16)}: ${first.error.message}` : ''}`,
      { cause: first?.error },
    );
    this.refused = refused;
  }
}
