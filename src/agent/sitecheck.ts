import type { FileOffset } from '#base';
import { type CheckTarget, checkSites, type SiteState, unarmedSites } from '#bpf';
import { MachineError, UserError } from '#door';
import type { Site } from '#probe';
import {
  addressOfOffset,
  mappingsOf,
  openProcessMemory,
  type ProcessMapping,
  type ProcessMemory,
  readMaps,
  type Sys,
} from '#sys';
import type { Executable } from './executable.ts';

/**
 * Where probes of this agent are armed: pid → offset in the executable → how many tracepoints probe it. Not by address: when a process
 * replaces itself by the same program, the kernel places the probes that are there in the new image by itself, at other addresses.
 */
const armed = new Map<number, Map<FileOffset, number>>();

/** Remembers breakpoints of ours, until they are gone and it is disposed of. */
function remember(pid: number, offsets: readonly FileOffset[]): Disposable {
  const counts = armed.get(pid) ?? new Map<FileOffset, number>();
  armed.set(pid, counts);
  for (const offset of offsets) counts.set(offset, (counts.get(offset) ?? 0) + 1);
  return {
    [Symbol.dispose]() {
      for (const offset of offsets) {
        const count = counts.get(offset)! - 1;
        if (count > 0) counts.set(offset, count);
        else counts.delete(offset);
      }
      if (counts.size === 0) armed.delete(pid);
    },
  };
}

/**
 * The bytes of a tracepoint's sites in the process, against those of the file: before probes are placed they must agree, and
 * behind it the breakpoints must be seen. A probe on a wrong byte would kill the target (FACTS, "A probe on the wrong byte").
 */
export class SiteCheck implements Disposable {
  readonly #sys: Sys;
  readonly sites: readonly Site[];
  readonly #mappings: readonly ProcessMapping[];
  readonly #memory: ProcessMemory;
  readonly #pid: number;
  /** Sites that another tracer has a breakpoint on (FACTS, rule 9). Known after `before`. */
  foreign: readonly Site[] = [];
  /** Text pages that our probes make private copies of: those that no probe has done so to yet. Known after `before`. */
  newPages = 0;

  constructor(sys: Sys, pid: number, executable: Executable, sites: readonly Site[]) {
    this.#sys = sys;
    this.#pid = pid;
    this.sites = sites;
    const maps = readMaps(sys, pid);
    if (!maps) throw new UserError(`process ${pid} has ended`);
    this.#mappings = mappingsOf(sys, pid, maps, sys.fstat(executable.fd));
    const memory = openProcessMemory(sys, pid);
    if (!memory) throw new UserError(`process ${pid} has ended`);
    this.#memory = memory;
  }

  /** @throws when a site must not be probed. */
  before(): void {
    const foreign: Site[] = [];
    const pageOf = (address: number) => Math.floor(address / this.#sys.pageSize);
    const target = this.#target();
    const copied = new Set([...target.own].map(pageOf));
    const pages = new Set<number>();
    for (const { site, state, address } of checkSites(this.#sys, target, this.sites)) {
      if (state !== 'as-in-file' && state !== 'own-breakpoint' && state !== 'foreign-breakpoint')
        throw this.#refusal(site, state);
      if (state === 'foreign-breakpoint') {
        foreign.push(site);
        copied.add(pageOf(address!));
      } else pages.add(pageOf(address!));
    }
    this.foreign = foreign;
    this.newPages = [...pages].filter((page) => !copied.has(page)).length;
  }

  /** The probes are attached, as long as the result is not disposed of. */
  attached(): Disposable {
    return remember(
      this.#pid,
      this.sites.map(({ offset }) => offset),
    );
  }

  /** After `attached`. @throws when a breakpoint is not there. */
  placed(): void {
    const missing = unarmedSites(this.#sys, this.#target(), this.sites)[0];
    if (missing) throw this.#refusal(missing.site, missing.state === 'as-in-file' ? 'not-mapped' : missing.state);
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }

  #target(): CheckTarget {
    const own = [...(armed.get(this.#pid)?.keys() ?? [])].map((offset) => addressOfOffset(this.#mappings, offset));
    return {
      memory: this.#memory,
      mappings: this.#mappings,
      own: new Set(own.filter((address) => address !== undefined)),
    };
  }

  #refusal(site: Site, state: SiteState): Error {
    const where = `\`${site.text}\` at 0x${site.address.toString(16)} of process ${this.#pid}`;
    switch (state) {
      case 'different':
        return new MachineError(
          `no probe is placed on ${where}: the process has other bytes there than its executable file`,
        );
      case 'not-mapped':
        return new MachineError(
          `no probe is placed on ${where}: its executable is not mapped from the file that /proc shows (packed, remapped, or another inode)`,
        );
      default:
        return new UserError(`process ${this.#pid} has ended, or its memory cannot be read`);
    }
  }
}
