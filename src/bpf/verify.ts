import type { Address, FileOffset } from '#base';
import { addressOfOffset, type ProcessMapping, type ProcessMemory, type Sys } from '#sys';

/** An instruction to be probed: where it is in the file, and its bytes there. */
export interface SiteBytes {
  readonly offset: FileOffset;
  readonly bytes: Uint8Array;
}

/**
 * `as-in-file`: may be probed. `own-breakpoint`: one of ours sits there, all else agrees. `foreign-breakpoint`: another
 * tracer's, or a debugger's (FACTS, rule 9). `different`: other bytes, never to be probed. `not-mapped`: no private
 * executable mapping of this file holds it (another inode, packed or remapped text). `unreadable`: the process is gone or
 * has unmapped it.
 */
export type SiteState =
  | 'as-in-file'
  | 'own-breakpoint'
  | 'foreign-breakpoint'
  | 'different'
  | 'not-mapped'
  | 'unreadable';

export interface CheckedSite<Site extends SiteBytes> {
  readonly site: Site;
  readonly state: SiteState;
  /** In the process; undefined for `not-mapped`. */
  readonly address?: Address;
  /** What the process has there, where it was read. */
  readonly found?: Uint8Array;
}

export interface CheckTarget {
  readonly memory: ProcessMemory;
  /** Mappings of the very file that was read: `mappingsOf`. */
  readonly mappings: readonly ProcessMapping[];
  /** Addresses in this process where probes of our own are armed. */
  readonly own: ReadonlySet<number>;
}

/** What the kernel writes over a probed instruction: UPROBE_SWBP_INSN of arch/x86 (int3) and arch/arm64 (brk #5). */
const breakpoints = { x64: [0xcc], arm64: [0xa0, 0x00, 0x20, 0xd4] } as const;

/** Compares each site's bytes in the process with those of the file, before probes are placed (FACTS, rules 8 and 9). */
export function checkSites<Site extends SiteBytes>(
  sys: Sys,
  target: CheckTarget,
  sites: readonly Site[],
): CheckedSite<Site>[] {
  const breakpoint = breakpoints[sys.architecture];
  const memory = new Pages(target.memory, sys.pageSize);
  return sites.map((site) => {
    const address = addressOfOffset(target.mappings, site.offset);
    if (address === undefined) return { site, state: 'not-mapped' };
    const found = memory.read(address, Math.max(site.bytes.length, breakpoint.length));
    if (!found) return { site, state: 'unreadable', address };
    return { site, state: compare(found, site.bytes, address, breakpoint, target.own), address, found };
  });
}

/** Memory of a process read page by page, each once: thousands of sites lie in some hundred pages. */
class Pages {
  readonly #memory: ProcessMemory;
  readonly #size: number;
  readonly #pages = new Map<number, Uint8Array | undefined>();

  constructor(memory: ProcessMemory, size: number) {
    this.#memory = memory;
    this.#size = size;
  }

  /** Undefined when not all bytes are mapped. */
  read(address: Address, length: number): Uint8Array | undefined {
    const start = address % this.#size;
    if (start + length > this.#size) return this.#memory.read(address, length);
    const at = address - start;
    let page = this.#pages.get(at);
    if (page === undefined && !this.#pages.has(at)) {
      page = this.#memory.read(at, this.#size);
      this.#pages.set(at, page);
    }
    return page?.subarray(start, start + length);
  }
}

/** The sites at which no breakpoint is seen in the process: empty means armed. */
export function unarmedSites<Site extends SiteBytes>(
  sys: Sys,
  target: Omit<CheckTarget, 'own'>,
  sites: readonly Site[],
): CheckedSite<Site>[] {
  const checked = checkSites(sys, { ...target, own: new Set() }, sites);
  return checked.filter(({ state }) => state !== 'foreign-breakpoint');
}

function compare(
  found: Uint8Array,
  file: Uint8Array,
  address: Address,
  breakpoint: readonly number[],
  own: ReadonlySet<number>,
): SiteState {
  const masked = found.slice(0, file.length);
  // A breakpoint of ours on an instruction that overlaps counts as the byte of the file.
  for (let at = 0; at < file.length; at++) {
    if (!own.has(address + at) || !matches(found, at, breakpoint)) continue;
    for (let i = at; i < Math.min(at + breakpoint.length, file.length); i++) masked[i] = file[i]!;
  }
  if (equal(masked, file)) return equal(found.subarray(0, file.length), file) ? 'as-in-file' : 'own-breakpoint';
  if (!matches(found, 0, breakpoint)) return 'different';
  const behind = breakpoint.length;
  return equal(masked.subarray(behind), file.subarray(behind)) ? 'foreign-breakpoint' : 'different';
}

function matches(bytes: Uint8Array, at: number, wanted: readonly number[]): boolean {
  return at + wanted.length <= bytes.length && wanted.every((byte, i) => bytes[at + i] === byte);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
