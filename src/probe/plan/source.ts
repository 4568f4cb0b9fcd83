import type { Place } from '#gobin';
import { defaultLimits, type Hole } from '#model';
import { type Computation, computationText, leavesOf, mapLeaves } from '../computation/index.ts';
import type { Access, Guard, Hop, ResolvedValue } from '../resolve/index.ts';

/** Where a machine word, or less, of a variable's value lies when the probe is hit. */
export type Root =
  /** Integer register by DWARF number; the wanted bytes begin `shift` bits up. */
  | { readonly kind: 'register'; readonly register: number; readonly shift: number }
  /** At `frameOffset` bytes above the address of the return address. */
  | { readonly kind: 'stack'; readonly frameOffset: number }
  /** The address of the goroutine's `g`. */
  | { readonly kind: 'goroutine' }
  /** The call's latency, which the program of its return has noted. */
  | { readonly kind: 'latency' }
  /** At an address of the file, in the process that plus the load bias. */
  | { readonly kind: 'static'; readonly address: number };

/** The low bytes of a float register, by its DWARF number. */
export interface FloatRoot {
  readonly kind: 'float-register';
  readonly register: number;
}

/** A part of a value that is not in one place; `offset` in the value. */
export interface ValuePart {
  readonly root: Extract<Root, { kind: 'register' | 'stack' }> | FloatRoot;
  readonly offset: number;
  readonly size: number;
}

/** From a root to the wanted bytes: `Access` with places for its variables. */
export interface Way {
  readonly root: Root;
  readonly hops: readonly Hop<ScalarSource>[];
  readonly guards?: readonly Guard<ScalarSource>[];
}

/** A number, bool or address of `size` bytes. */
export interface ScalarSource extends Way {
  readonly kind: 'int' | 'uint' | 'bool' | 'address' | 'float';
  readonly size: number;
}

/** How the emitter fills a slot. */
export type SlotSource =
  | ScalarSource
  | (FloatRoot & { readonly size: number })
  /** Return addresses, from the frame pointers. What begins in the middle of a function (`StackStart`) has none, and its place is left empty. `byId`: kept in the map of stacks, the slot has its number. */
  | { readonly kind: 'stack'; readonly frames: number; readonly byId?: true }
  | { readonly kind: 'cpu' }
  | { readonly kind: 'thread' }
  /** The control map's count of all drops. */
  | { readonly kind: 'drops' }
  /** A word of the goroutine's `runtime.g`. */
  | { readonly kind: 'goroutine'; readonly offset: number }
  /** What is computed of others. */
  | { readonly kind: 'computed'; readonly as: 'int' | 'uint' | 'bool'; readonly computation: Computation<SlotSource> }
  /** A string header (pointer, length) in memory. */
  | (Way & { readonly kind: 'string-header'; readonly maxBytes: number })
  /** A string whose two words lie in places of their own. */
  | { readonly kind: 'string-parts'; readonly pointer: Root; readonly length: Root; readonly maxBytes: number }
  /** A value of any type in memory, `bytes` of it captured. */
  | (Way & { readonly kind: 'graph-memory'; readonly type: number; readonly bytes: number })
  /** A value of any type in registers or in several places on the stack, part by part. */
  | {
      readonly kind: 'graph-parts';
      readonly type: number;
      readonly bytes: number;
      readonly parts: readonly ValuePart[];
      readonly guards?: readonly Guard<ScalarSource>[];
    };

/** Bytes of a string that are a part of a key: what is longer counts as equal if so much is. */
export const keyStringBytes = 64;

/** Most bytes of a value that is itself an argument or result. */
export const maxRootBytes = 2048;

export type LeafValue = Exclude<ResolvedValue, { kind: 'object' | 'missing' | 'graph' | 'computed' | 'part' }>;

/**
 * The source of a leaf value, or why there is none. `noFloats`: why float registers cannot be had, if so; asked only where one is wanted. `stringBytes`: bytes of
 * a string that are captured.
 */
export function slotSource(
  value: LeafValue,
  noFloats: () => string | undefined,
  stringBytes: number = defaultLimits.stringBytes,
): SlotSource | string {
  if (value.kind === 'stack') return { kind: 'stack', frames: value.frames };
  if (value.kind === 'cpu' || value.kind === 'thread' || value.kind === 'drops') return { kind: value.kind };
  if (value.kind === 'goroutine') return { kind: 'goroutine', offset: value.offset };
  const { access } = value;
  const { variable, offset, hops, guards = [] } = access;
  if (value.kind === 'string' && hops.length === 0 && guards.length === 0) {
    const pointer = root(variable, offset, 8);
    const length = root(variable, offset + 8, 8);
    if (typeof pointer === 'string') return pointer;
    if (typeof length === 'string') return length;
    return { kind: 'string-parts', pointer, length, maxBytes: stringBytes };
  }
  if (value.kind === 'float' && hops.length === 0 && 'places' in variable) {
    const place = variable.places.find((each) => each.offset === offset && each.size === value.size);
    if (place?.kind === 'float-register') {
      const reason = noFloats();
      if (reason !== undefined) return `in a float register: ${reason}`;
      return { kind: 'float-register', register: place.register, size: value.size };
    }
  }
  const found = way(access, value.kind === 'string' ? 16 : value.size);
  if (typeof found === 'string') return found;
  if (value.kind === 'string') return { kind: 'string-header', ...found, maxBytes: stringBytes };
  return { kind: value.kind, size: value.size, ...found };
}

/** The source of a value of any type and what of it cannot be had; a text where that is all. `noFloats` as for `slotSource`. */
export function graphSource(
  value: Extract<ResolvedValue, { kind: 'graph' }>,
  noFloats: () => string | undefined,
): { readonly source: SlotSource; readonly holes: readonly Hole[] } | string {
  const { access, type, size } = value;
  const { variable, offset, hops, guards = [] } = access;
  const bytes = Math.min(size, maxRootBytes);
  const memory = hops.length > 0 || 'address' in variable || onStack(root(variable, offset, size));
  if (size === 0 && hops.length === 0) return { source: { kind: 'graph-parts', type, bytes: 0, parts: [] }, holes: [] };
  if (memory) {
    const found = way(access, size);
    if (typeof found === 'string') return found;
    return { source: { kind: 'graph-memory', type, bytes, ...found }, holes: [] };
  }
  const parts: ValuePart[] = [];
  const holes: Hole[] = [];
  const covered: ValuePart[] = [];
  for (const place of 'places' in variable ? variable.places : []) {
    const part = within(place, offset, size);
    if (part === undefined) continue;
    covered.push(part);
    const reason = place.kind === 'float-register' ? noFloats() : undefined;
    if (reason === undefined) parts.push(part);
    else holes.push({ offset: part.offset, size: part.size, reason: `in a float register: ${reason}` });
  }
  if (parts.length === 0) return holes[0]?.reason ?? 'its place is not known';
  holes.push(...gaps(covered, size));
  try {
    return { source: { kind: 'graph-parts', type, bytes, parts, ...sourcedGuards(guards) }, holes };
  } catch (failure) {
    if (!(failure instanceof NoSource)) throw failure;
    return failure.message;
  }
}

function onStack(found: Root | string): boolean {
  return typeof found !== 'string' && found.kind === 'stack';
}

/** The access with places, for `size` bytes at its end; a text: why there are none. */
function way(access: Access, size: number): Way | string {
  const { variable, offset, hops, guards = [] } = access;
  const start = root(variable, offset, hops.length > 0 ? 8 : size);
  if (typeof start === 'string') return start;
  try {
    return {
      root: start,
      hops: hops.map((hop) => (typeof hop === 'number' ? hop : { ...hop, index: sourced(hop.index) })),
      ...sourcedGuards(guards),
    };
  } catch (failure) {
    if (!(failure instanceof NoSource)) throw failure;
    return failure.message;
  }
}

/** Never leaves this file. */
class NoSource extends Error {}

function sourcedGuards(guards: readonly Guard<ResolvedValue>[]): { guards?: readonly Guard<ScalarSource>[] } {
  return guards.length === 0 ? {} : { guards: guards.map((guard) => ({ ...guard, check: sourced(guard.check) })) };
}

/** A computation that the kernel does itself, with the sources of its leaves. */
function sourced(computation: Computation<ResolvedValue>): Computation<ScalarSource> {
  return mapLeaves(computation, (value) => {
    if (value.kind === 'missing') throw new NoSource(value.reason);
    if (value.kind !== 'int' && value.kind !== 'uint' && value.kind !== 'bool' && value.kind !== 'address') {
      throw new NoSource(`a ${value.kind} is not read here`);
    }
    const source = slotSource(value, () => undefined);
    if (typeof source === 'string') throw new NoSource(source);
    return source as ScalarSource;
  });
}

/** The part of the wanted bytes that lies in a place; `offset` counts from the wanted bytes' start. */
function within(place: Place, offset: number, size: number): ValuePart | undefined {
  const from = Math.max(place.offset, offset);
  const to = Math.min(place.offset + place.size, offset + size);
  if (from >= to) return undefined;
  const piece = { offset: from - offset, size: to - from };
  if (place.kind === 'float-register') return { root: { kind: 'float-register', register: place.register }, ...piece };
  if (place.kind === 'stack')
    return { root: { kind: 'stack', frameOffset: place.frameOffset + from - place.offset }, ...piece };
  return { root: { kind: 'register', register: place.register, shift: (from - place.offset) * 8 }, ...piece };
}

/** Bytes of a value that are in none of its parts: padding, and what the compiler keeps nowhere. */
function gaps(parts: readonly ValuePart[], size: number): Hole[] {
  const found: Hole[] = [];
  let at = 0;
  for (const part of [...parts, { offset: size, size: 0 }].sort((a, b) => a.offset - b.offset)) {
    if (part.offset > at) found.push({ offset: at, size: part.offset - at, reason: 'this part of it is dead here' });
    at = Math.max(at, part.offset + part.size);
  }
  return found;
}

function root(variable: Access['variable'], offset: number, size: number): Root | string {
  if ('goroutine' in variable) return { kind: 'goroutine' };
  if ('address' in variable) return { kind: 'static', address: variable.address + offset };
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
    case 'stack':
    case 'cpu':
    case 'thread':
    case 'drops':
    case 'goroutine':
      return [];
    case 'computed':
      return leavesOf(source.computation).flatMap(rootsOf);
    case 'string-parts':
      return [source.pointer, source.length];
    case 'graph-parts':
      return [
        ...source.parts.map((part) => part.root),
        ...computations(source).flatMap((each) => leavesOf(each).flatMap(rootsOf)),
      ];
    default:
      return [source.root, ...computations(source).flatMap((each) => leavesOf(each).flatMap(rootsOf))];
  }
}

/** What is computed on the way. */
function computations({ hops = [], guards = [] }: Partial<Way>): Computation<ScalarSource>[] {
  return [...hops.flatMap((hop) => (typeof hop === 'number' ? [] : hop.index)), ...guards.map(({ check }) => check)];
}

/** Does one of them read the goroutine's `runtime.g`? */
export function readGoroutine(sources: readonly SlotSource[]): boolean {
  return sources.some(
    (source) => source.kind === 'goroutine' || rootsOf(source).some(({ kind }) => kind === 'goroutine'),
  );
}

/** Does it read memory behind its roots? */
export function followsPointers(source: SlotSource): boolean {
  if (source.kind === 'computed') return leavesOf(source.computation).some(followsPointers);
  return (
    source.kind.startsWith('string') ||
    source.kind.startsWith('graph') ||
    ('hops' in source &&
      (source.hops.length > 0 || computations(source).some((each) => leavesOf(each).some(followsPointers))))
  );
}

/** `rax`-less text of a source, for `px debug compile`. */
export function sourceText(source: SlotSource, registerName: (register: number) => string): string {
  const at = (place: Root | FloatRoot) => {
    if (place.kind === 'stack') return `stack +${place.frameOffset}`;
    if (place.kind === 'latency') return 'latency';
    if (place.kind === 'goroutine') return 'g';
    if (place.kind === 'static') return `0x${place.address.toString(16)}`;
    const shift = place.kind === 'register' && place.shift !== 0 ? ` >> ${place.shift}` : '';
    return registerName(place.register) + shift;
  };
  if (source.kind === 'float-register') return at(source);
  if (source.kind === 'stack') return `up to ${source.frames} return addresses`;
  if (source.kind === 'cpu' || source.kind === 'thread') return `its ${source.kind}`;
  if (source.kind === 'drops') return 'drops so far';
  if (source.kind === 'goroutine') return `g +${source.offset}`;
  if (source.kind === 'computed') {
    return computationText(source.computation, (leaf) => `[${sourceText(leaf, registerName)}]`);
  }
  if (source.kind === 'string-parts') return `${at(source.pointer)}, ${at(source.length)}`;
  if (source.kind === 'graph-parts') return source.parts.map((part) => `+${part.offset} ${at(part.root)}`).join(', ');
  const inner = (each: Computation<ScalarSource>) =>
    computationText(each, (leaf) => `[${sourceText(leaf, registerName)}]`);
  const hops = source.hops.map((hop) =>
    typeof hop === 'number' ? ` -> +${hop}` : ` +${hop.offset} + ${inner(hop.index)} * ${hop.stride}`,
  );
  const guards = source.guards?.map(({ check, otherwise }) => ` if ${inner(check)} else ${otherwise}`) ?? [];
  return [at(source.root), ...hops, ...guards].join('');
}

/** The access in the same notation, without places. */
export function accessText(access: Access): string {
  const hops = access.hops.map((hop) =>
    typeof hop === 'number'
      ? ` -> +${hop}`
      : ` +${hop.offset} + ${computationText(hop.index, valueText)} * ${hop.stride}`,
  );
  const guards = access.guards?.map(({ check }) => ` if ${computationText(check, valueText)}`) ?? [];
  return [access.variable.name, access.offset === 0 ? '' : ` +${access.offset}`, ...hops, ...guards].join('');
}

/** A value in the same notation. */
export function valueText(value: ResolvedValue): string {
  switch (value.kind) {
    case 'missing':
      return `not captured: ${value.reason}`;
    case 'object':
      return `{${value.fields.map((field) => `${field.name}: ${valueText(field.value)}`).join(', ')}}`;
    case 'string':
      return `string ${accessText(value.access)}`;
    case 'stack':
      return `up to ${value.frames} return addresses`;
    case 'cpu':
    case 'thread':
    case 'drops':
      return value.kind;
    case 'goroutine':
      return `g +${value.offset}`;
    case 'graph':
      return `${value.name} ${accessText(value.access)}`;
    case 'computed':
      return computationText(value.computation, (leaf) => `[${valueText(leaf)}]`);
    case 'part':
      return `${value.steps.map((step) => step.kind).join(', ')} of ${valueText(value.whole)}`;
    default:
      return `${value.kind}${value.size * 8} ${accessText(value.access)}`;
  }
}
