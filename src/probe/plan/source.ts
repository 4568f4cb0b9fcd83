import type { GoVariable, Place } from '#gobin';
import type { Hole } from '#model';
import type { Access, ResolvedValue } from '../resolve/index.ts';

/** Where a machine word, or less, of a variable's value lies when the probe is hit. */
export type Root =
  /** Integer register by DWARF number; the wanted bytes begin `shift` bits up. */
  | { readonly kind: 'register'; readonly register: number; readonly shift: number }
  /** At `frameOffset` bytes above the address of the return address. */
  | { readonly kind: 'stack'; readonly frameOffset: number };

/** The low bytes of a float register, by its DWARF number. */
export interface FloatRoot {
  readonly kind: 'float-register';
  readonly register: number;
}

/** A part of a value in registers; `offset` in the value. */
export interface ValuePart {
  readonly root: Extract<Root, { kind: 'register' }> | FloatRoot;
  readonly offset: number;
  readonly size: number;
}

/** How the emitter fills a slot. Each hop: the 8 bytes so far are a pointer; go `hop` bytes behind where it points. */
export type SlotSource =
  | {
      readonly kind: 'int' | 'uint' | 'bool' | 'address' | 'float';
      readonly size: number;
      readonly root: Root;
      readonly hops: readonly number[];
    }
  | (FloatRoot & { readonly size: number })
  /** A string header (pointer, length) in memory, behind at least one hop. */
  | { readonly kind: 'string-header'; readonly root: Root; readonly hops: readonly number[]; readonly maxBytes: number }
  /** A string whose two words lie in places of their own. */
  | { readonly kind: 'string-parts'; readonly pointer: Root; readonly length: Root; readonly maxBytes: number }
  /** A value of any type in memory, `bytes` of it captured. */
  | {
      readonly kind: 'graph-memory';
      readonly type: number;
      readonly bytes: number;
      readonly root: Root;
      readonly hops: readonly number[];
    }
  /** A value of any type in registers, part by part. */
  | {
      readonly kind: 'graph-parts';
      readonly type: number;
      readonly bytes: number;
      readonly parts: readonly ValuePart[];
    };

/** Bytes of a string that are captured; what is longer is cut, and the row's notes say so. */
export const maxStringBytes = 512;

/** Most bytes of a value that is itself an argument or result. */
export const maxRootBytes = 2048;

/** The source of a leaf value, or why there is none. `noFloats`: why float registers cannot be had, if so; asked only where one is wanted. */
export function slotSource(
  value: Exclude<ResolvedValue, { kind: 'object' | 'missing' | 'graph' }>,
  noFloats: () => string | undefined,
): SlotSource | string {
  const { access } = value;
  const { variable, offset, hops } = access;
  if (value.kind === 'string' && hops.length === 0) {
    const pointer = root(variable, offset, 8);
    const length = root(variable, offset + 8, 8);
    if (typeof pointer === 'string') return pointer;
    if (typeof length === 'string') return length;
    return { kind: 'string-parts', pointer, length, maxBytes: maxStringBytes };
  }
  if (value.kind === 'float' && hops.length === 0) {
    const place = variable.places.find((each) => each.offset === offset && each.size === value.size);
    if (place?.kind === 'float-register') {
      const reason = noFloats();
      if (reason !== undefined) return `in a float register: ${reason}`;
      return { kind: 'float-register', register: place.register, size: value.size };
    }
  }
  const size = value.kind === 'string' ? 16 : value.size;
  const start = root(variable, offset, hops.length > 0 ? 8 : size);
  if (typeof start === 'string') return start;
  if (value.kind === 'string') return { kind: 'string-header', root: start, hops, maxBytes: maxStringBytes };
  return { kind: value.kind, size, root: start, hops };
}

/** The source of a value of any type and what of it cannot be had; a text where that is all. `noFloats` as for `slotSource`. */
export function graphSource(
  value: Extract<ResolvedValue, { kind: 'graph' }>,
  noFloats: () => string | undefined,
): { readonly source: SlotSource; readonly holes: readonly Hole[] } | string {
  const { access, type, size } = value;
  const { variable, offset, hops } = access;
  const bytes = Math.min(size, maxRootBytes);
  if (hops.length > 0) {
    const start = root(variable, offset, 8);
    if (typeof start === 'string') return start;
    return { source: { kind: 'graph-memory', type, bytes, root: start, hops }, holes: [] };
  }
  if (size === 0) return { source: { kind: 'graph-parts', type, bytes: 0, parts: [] }, holes: [] };
  const stacked = root(variable, offset, size);
  if (typeof stacked !== 'string' && stacked.kind === 'stack') {
    return { source: { kind: 'graph-memory', type, bytes, root: stacked, hops: [] }, holes: [] };
  }
  const parts: ValuePart[] = [];
  const holes: Hole[] = [];
  for (const place of variable.places) {
    const part = within(place, offset, size);
    if (part === undefined) continue;
    const reason = place.kind === 'float-register' ? noFloats() : undefined;
    if (reason === undefined) parts.push(part);
    else holes.push({ offset: part.offset, size: part.size, reason: `in a float register: ${reason}` });
  }
  if (parts.length === 0) return holes[0]?.reason ?? 'its place is not known';
  return { source: { kind: 'graph-parts', type, bytes, parts }, holes };
}

/** The part of the wanted bytes that lies in a place; `offset` counts from the wanted bytes' start. */
function within(place: Place, offset: number, size: number): ValuePart | undefined {
  const from = Math.max(place.offset, offset);
  const to = Math.min(place.offset + place.size, offset + size);
  if (from >= to) return undefined;
  const piece = { offset: from - offset, size: to - from };
  if (place.kind === 'float-register') return { root: { kind: 'float-register', register: place.register }, ...piece };
  const register = place.kind === 'stack' ? 0 : place.register;
  return { root: { kind: 'register', register, shift: (from - place.offset) * 8 }, ...piece };
}

function root(variable: GoVariable, offset: number, size: number): Root | string {
  for (const place of variable.places) {
    if (offset < place.offset || offset + size > place.offset + place.size) continue;
    if (place.kind === 'stack') return { kind: 'stack', frameOffset: place.frameOffset + offset - place.offset };
    if (place.kind === 'float-register') return 'in a float register in part';
    return { kind: 'register', register: place.register, shift: (offset - place.offset) * 8 };
  }
  return 'its place is not known';
}

/** Everything that a source reads first. */
export function rootsOf(source: SlotSource): readonly (Root | FloatRoot)[] {
  switch (source.kind) {
    case 'float-register':
      return [source];
    case 'string-parts':
      return [source.pointer, source.length];
    case 'graph-parts':
      return source.parts.map((part) => part.root);
    default:
      return [source.root];
  }
}

/** Does it read memory behind its roots? */
export function followsPointers(source: SlotSource): boolean {
  return (
    source.kind.startsWith('string') || source.kind.startsWith('graph') || ('hops' in source && source.hops.length > 0)
  );
}

/** `rax`-less text of a source, for `px debug compile`. */
export function sourceText(source: SlotSource, registerName: (register: number) => string): string {
  const at = (place: Root | FloatRoot) => {
    if (place.kind === 'stack') return `stack +${place.frameOffset}`;
    const shift = place.kind === 'register' && place.shift !== 0 ? ` >> ${place.shift}` : '';
    return registerName(place.register) + shift;
  };
  if (source.kind === 'float-register') return at(source);
  if (source.kind === 'string-parts') return `${at(source.pointer)}, ${at(source.length)}`;
  if (source.kind === 'graph-parts') return source.parts.map((part) => `+${part.offset} ${at(part.root)}`).join(', ');
  return at(source.root) + source.hops.map((hop) => ` -> +${hop}`).join('');
}

/** The access in the same notation, without places. */
export function accessText(access: Access): string {
  return `${access.variable.name}${access.offset === 0 ? '' : ` +${access.offset}`}${access.hops.map((hop) => ` -> +${hop}`).join('')}`;
}
