import type { GoVariable } from '#gobin';
import type { Access, ResolvedValue } from '../resolve/index.ts';

/** Where a machine word, or less, of a variable's value lies when the probe is hit. */
export type Root =
  /** Integer register by DWARF number; the wanted bytes begin `shift` bits up. */
  | { readonly kind: 'register'; readonly register: number; readonly shift: number }
  /** At `frameOffset` bytes above the address of the return address. */
  | { readonly kind: 'stack'; readonly frameOffset: number };

/** How the emitter fills a slot. Each hop: the 8 bytes so far are a pointer; go `hop` bytes behind where it points. */
export type SlotSource =
  | {
      readonly kind: 'int' | 'uint' | 'bool' | 'address' | 'float';
      readonly size: number;
      readonly root: Root;
      readonly hops: readonly number[];
    }
  /** The low bytes of a float register, by its DWARF number. */
  | { readonly kind: 'float-register'; readonly register: number; readonly size: number }
  /** A string header (pointer, length) in memory, behind at least one hop. */
  | { readonly kind: 'string-header'; readonly root: Root; readonly hops: readonly number[]; readonly maxBytes: number }
  /** A string whose two words lie in places of their own. */
  | { readonly kind: 'string-parts'; readonly pointer: Root; readonly length: Root; readonly maxBytes: number };

/** Bytes of a string that are captured; what is longer is cut, and the row's notes say so. */
export const maxStringBytes = 512;

/** The source of a leaf value, or why there is none. `noFloats`: why float registers cannot be had, if so; asked only where one is wanted. */
export function slotSource(
  value: Exclude<ResolvedValue, { kind: 'object' | 'missing' }>,
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

function root(variable: GoVariable, offset: number, size: number): Root | string {
  for (const place of variable.places) {
    if (offset < place.offset || offset + size > place.offset + place.size) continue;
    if (place.kind === 'stack') return { kind: 'stack', frameOffset: place.frameOffset + offset - place.offset };
    if (place.kind === 'float-register') return 'in a float register in part';
    return { kind: 'register', register: place.register, shift: (offset - place.offset) * 8 };
  }
  return 'its place is not known';
}

/** `rax`-less text of a source, for `px debug compile`. */
export function sourceText(source: SlotSource, registerName: (register: number) => string): string {
  const at = (place: Root) =>
    place.kind === 'register'
      ? registerName(place.register) + (place.shift === 0 ? '' : ` >> ${place.shift}`)
      : `stack +${place.frameOffset}`;
  if (source.kind === 'float-register') return registerName(source.register);
  if (source.kind === 'string-parts') return `${at(source.pointer)}, ${at(source.length)}`;
  return at(source.root) + source.hops.map((hop) => ` -> +${hop}`).join('');
}

/** The access in the same notation, without places. */
export function accessText(access: Access): string {
  return `${access.variable.name}${access.offset === 0 ? '' : ` +${access.offset}`}${access.hops.map((hop) => ` -> +${hop}`).join('')}`;
}
