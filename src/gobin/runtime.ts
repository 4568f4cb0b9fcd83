import { type Address, address } from '#base';
import type { RuntimeOffsets } from './types.ts';

type StructOffsets = Omit<RuntimeOffsets, 'tlsG'>;

/** What the table's entries have in common. */
const defers = { gDefer: 40, deferSp: 8, deferLink: 40 } as const;
const waiting = { gSched: 56, gStatus: 144, gSyscallSp: 112, gSyscallPc: 120 } as const;
const old = { gGoid: 152, gM: 48, mCurg: 192, ...waiting } as const;
const longer = { gGoid: 160, gM: 48, mCurg: 192, ...waiting, gStatus: 152 } as const;
const shorter = { gGoid: 152, gM: 48, mCurg: 184, ...waiting, gSyscallSp: 104, gSyscallPc: 112 } as const;
const panicking = { gPanic: 32, panicSp: 48 } as const;

/**
 * Field offsets by the first minor version of Go 1 that has them, the same on amd64 and arm64; read from the debug info of programs built
 * by 1.17.13, 1.18.10, 1.19.13, 1.20.14, 1.21.13, 1.22.12, 1.23.12, 1.24.11, 1.25.5, 1.26.8 and 1.27.3. They may change in any version, never in a patch release of one.
 */
const byVersion: readonly (readonly [minor: number, offsets: StructOffsets])[] = [
  [17, { ...old, ...defers, deferStarted: 4, gSigcode0: 272, gGopc: 296, gLabels: 360 }],
  [18, { ...old, ...defers, deferStarted: 0, gSigcode0: 272, gGopc: 296, gLabels: 360 }],
  [21, { ...old, ...defers, deferStarted: 0, gSigcode0: 248, gParentGoid: 272, gGopc: 280, gLabels: 344 }],
  [22, { ...old, ...panicking, gParentGoid: 272, gGopc: 280, gLabels: 344 }],
  [23, { ...longer, ...panicking, gParentGoid: 280, gGopc: 288, gLabels: 352 }],
  [25, { ...shorter, ...panicking, gParentGoid: 272, gGopc: 280, gLabels: 344 }],
  [26, { ...shorter, ...panicking, panicSp: 40, gParentGoid: 280, gGopc: 288, gLabels: 352 }],
  [27, { ...shorter, ...panicking, gParentGoid: 280, gGopc: 288, gLabels: 352 }],
];
/** The newest version that was looked at: later ones are not guessed. */
export const newestKnown = 27;

/** Functions of which at least one, in any Go version, loads `g` from thread-local storage (amd64): their code goes to `findTlsG`. */
export const tlsFunctions = [
  'internal/cpu.doinit',
  'runtime.asyncPreempt2',
  'runtime.sigtrampgo',
  'runtime.badmorestackg0',
  'runtime.schedinit',
] as const;

export interface RuntimeInput {
  /** Offset of a field of a struct (`runtime.g`, `goid`) from debug info; undefined: none known. */
  readonly lookupField?: (struct: string, field: string) => number | undefined;
  /** From build info: `go1.26.8`. */
  readonly goVersion?: string | undefined;
  readonly tlsG?: number | undefined;
}

/**
 * Offsets in the runtime's structs: from debug info, which is right for this very binary, else from a table by version. A version that
 * the table does not know gives nothing: no offset is guessed.
 */
export function runtimeOffsets(input: RuntimeInput): RuntimeOffsets {
  const minor = minorVersion(input.goVersion);
  const known =
    minor !== undefined && minor <= newestKnown ? byVersion.findLast(([from]) => from <= minor)?.[1] : undefined;
  const field = (struct: string, name: string): number | undefined => input.lookupField?.(struct, name);
  const gPanic = field('runtime.g', '_panic');
  // Up to Go 1.21 `_panic` has an `sp` too, but recovery takes its own from g.sigcode0; `startSP` came with the new way (Go 1.22).
  const newPanic = field('runtime._panic', 'startSP') !== undefined;
  const found = {
    gGoid: field('runtime.g', 'goid'),
    gM: field('runtime.g', 'm'),
    mCurg: field('runtime.m', 'curg'),
    gParentGoid: field('runtime.g', 'parentGoid'),
    gGopc: field('runtime.g', 'gopc'),
    gLabels: field('runtime.g', 'labels'),
    gSched: field('runtime.g', 'sched'),
    gStatus: field('runtime.g', 'atomicstatus'),
    gSyscallSp: field('runtime.g', 'syscallsp'),
    gSyscallPc: field('runtime.g', 'syscallpc'),
    gPanic: newPanic ? gPanic : undefined,
    panicSp: newPanic ? field('runtime._panic', 'sp') : undefined,
    gSigcode0: newPanic || gPanic === undefined ? undefined : field('runtime.g', 'sigcode0'),
    gDefer: newPanic ? undefined : field('runtime.g', '_defer'),
    deferSp: newPanic ? undefined : field('runtime._defer', 'sp'),
    deferStarted: newPanic ? undefined : field('runtime._defer', 'started'),
    deferLink: newPanic ? undefined : field('runtime._defer', 'link'),
  };
  // All from one source: debug info that knows `g` but not `_panic` leaves what belongs to panics to the table only as a whole.
  const panics = found.gSigcode0 === undefined && found.panicSp === undefined ? known : found;
  // Go up to 1.20 keeps no parent: then debug info that has the rest is right.
  const origin = found.gGopc === undefined ? known : found;
  const walk = found.gStatus === undefined ? known : found;
  return defined({
    gGoid: found.gGoid ?? known?.gGoid,
    gM: found.gM ?? known?.gM,
    mCurg: found.mCurg ?? known?.mCurg,
    gPanic: panics?.gPanic,
    panicSp: panics?.panicSp,
    gSigcode0: panics?.gSigcode0,
    gDefer: panics?.gDefer,
    deferSp: panics?.deferSp,
    deferStarted: panics?.deferStarted,
    deferLink: panics?.deferLink,
    gParentGoid: origin?.gParentGoid,
    gGopc: origin?.gGopc,
    gLabels: found.gLabels ?? known?.gLabels,
    gSched: walk?.gSched,
    gStatus: walk?.gStatus,
    gSyscallSp: walk?.gSyscallSp,
    gSyscallPc: walk?.gSyscallPc,
    tlsG: input.tlsG,
  });
}

/** Minor version of `go1.26.8`, `go1.27rc1`, `go1.18.10 X:…`; undefined for development versions and nonsense. */
export function minorVersion(goVersion: string | undefined): number | undefined {
  const match = /^go1\.(\d{1,3})(?![\d])/.exec(goVersion ?? '');
  return match ? Number(match[1]) : undefined;
}

/** What was tried when the program was built (GOEXPERIMENT): `noswissmap` of `go1.24.9 X:noswissmap`. */
export function experiments(goVersion: string): ReadonlySet<string> {
  return new Set(/[ -]X:(\S+)/.exec(goVersion)?.[1]?.split(','));
}

/**
 * Where `g` lies from the thread's FS base, in bytes (negative), by an instruction of amd64 code that loads it into R14: `mov %fs:offset, %r14`;
 * after another linker `mov $offset, %reg` and `mov %fs:(%reg), %r14`. Undefined where the code has none, or the offset is known at load time only.
 */
export function findTlsG(code: Uint8Array): number | undefined {
  for (let at = code.indexOf(0x64); at >= 0; at = code.indexOf(0x64, at + 1)) {
    // 64 4c 8b 34 25 disp32
    if (code[at + 1] === 0x4c && code[at + 2] === 0x8b && code[at + 3] === 0x34 && code[at + 4] === 0x25) {
      return signed32(code, at + 5);
    }
    // 64 4x 8b modrm: mod 00, reg r14, and a base register; before it 4x c7 c0+register imm32.
    const rex = code[at + 1]!;
    const modrm = code[at + 3]!;
    if ((rex & 0xfe) !== 0x4c || code[at + 2] !== 0x8b || (modrm & 0xf8) !== 0x30 || at < 7) continue;
    const base = modrm & 7;
    if (code[at - 7] === (0x48 | (rex & 1)) && code[at - 6] === 0xc7 && code[at - 5] === (0xc0 | base)) {
      return signed32(code, at - 4);
    }
  }
  return undefined;
}

function signed32(code: Uint8Array, at: number): number | undefined {
  if (at + 4 > code.length) return undefined;
  return code[at]! | (code[at + 1]! << 8) | (code[at + 2]! << 16) | (code[at + 3]! << 24);
}

function defined(offsets: { [K in keyof RuntimeOffsets]: RuntimeOffsets[K] | undefined }): RuntimeOffsets {
  return Object.fromEntries(Object.entries(offsets).filter(([, value]) => value !== undefined)) as RuntimeOffsets;
}

/**
 * Address of the slice `runtime.allgs`, by amd64 code that appends to it (`runtime.allgadd`): the only three words one behind the other that it reads or
 * writes (`mov disp(%rip), %reg` or back). Undefined where that is not so.
 */
export function findAllgs(code: Uint8Array, entry: Address): Address | undefined {
  const words = new Set<number>();
  for (let at = 0; at + 7 <= code.length; at++) {
    const isMove = code[at + 1] === 0x8b || code[at + 1] === 0x89;
    if ((code[at]! & 0xf8) === 0x48 && isMove && (code[at + 2]! & 0xc7) === 5)
      words.add(entry + at + 7 + signed32(code, at + 3)!);
  }
  const slices = [...words].filter((each) => words.has(each + 8) && words.has(each + 16));
  return slices.length === 1 ? address(slices[0]!) : undefined;
}
