import { alignmentOf, UnassignableType } from './abi.ts';
import { experiments, minorVersion, newestKnown } from './runtime.ts';
import type { GoField, GoType, TypeRef } from './types.ts';

/** Where types are made that no descriptor is of. */
export interface TypeMaker {
  make(type: GoType): TypeRef;
  /** One that is made when it is asked for: what refers to itself, or to what is being read. */
  later(make: () => GoType): TypeRef;
  type(ref: TypeRef): GoType;
}

/** How maps lie in memory: in buckets of eight cells, or in groups of eight slots, with keys and elements in turn (`slots`) or each on their own (`split`). */
export type MapForm = 'buckets' | 'slots' | 'split';

/** Larger keys and elements lie behind a pointer (runtime/map.go, internal/abi/map.go: MapMaxKeyBytes, MapMaxElemBytes). */
const mostInline = 128;
const slotCount = 8;

/** By `go1.26.8`, with experiments behind ` X:`; undefined for versions whose runtime is not known. */
export function mapForm(goVersion: string): MapForm | undefined {
  const minor = minorVersion(goVersion);
  if (minor === undefined || minor > newestKnown) return undefined;
  const tried = experiments(goVersion);
  if (minor < 24 || (minor < 26 && tried.has('noswissmap'))) return 'buckets';
  return minor >= 27 && tried.has('mapsplitgroup') ? 'split' : 'slots';
}

/** Bytes of a map's descriptor (`abi.MapType`, `OldMapType`, `SwissMapType` of internal/abi). */
export function mapDescriptorBytes(goVersion: string): number {
  if (mapForm(goVersion) === 'buckets') return 88;
  return (minorVersion(goVersion) ?? newestKnown) < 27 ? 112 : 136;
}

/**
 * The struct that a map points to, with its parts typed, as the linker writes it into debug info (cmd/link/internal/ld/dwarf.go, synthesizemaptypes); of the
 * runtime's own fields those that lead to the entries. `size`: bytes of a bucket or group, where the map's descriptor tells it; a layout of another size is none.
 */
export function mapHeader(
  types: TypeMaker,
  form: MapForm,
  { key, elem }: Pick<GoType & { kind: 'map' }, 'key' | 'elem'>,
  size?: number,
): GoType {
  const suffix = `<${types.type(key).name},${types.type(elem).name}>`;
  const struct = (name: string, members: readonly Member[]) => structOf(`${name}${suffix}`, members, types);
  const array = (of: TypeRef): TypeRef => {
    const { name, size } = types.type(of);
    const type = { kind: 'array', name: `[8]${name}`, size: slotCount * size, elem: of, count: slotCount } as const;
    return types.make(type);
  };
  const { u8, u16, int, u64 } = numbers(types);
  const cells = (name: string, members: (key: TypeRef, elem: TypeRef) => readonly Member[]): TypeRef =>
    types.later(() => {
      try {
        const made = struct(name, members(inline(types, key), inline(types, elem)));
        if (size === undefined || size === made.size) return made;
      } catch (error) {
        if (!(error instanceof UnassignableType)) throw error;
      }
      return { kind: 'unknown', name: `${name}${suffix}`, size: size ?? 0 };
    });
  const pointer = (name: string, elem: TypeRef) => pointerTo(types, `${name}${suffix}`, elem);
  if (form === 'buckets') {
    const bucket: TypeRef = cells('bucket', (key, elem) => [
      ['tophash', array(u8)],
      ['keys', array(key)],
      ['values', array(elem)],
      ['overflow', pointer('bucket', bucket)],
    ]);
    return struct('hash', [
      ['count', int],
      ['flags', u8],
      ['B', u8],
      ['noverflow', u16],
      ['hash0', types.make({ kind: 'uint', name: 'uint32', size: 4 })],
      ['buckets', pointer('bucket', bucket)],
      ['oldbuckets', pointer('bucket', bucket)],
    ]);
  }
  const group = cells('group', (key, elem) => {
    const slot = [
      ['key', key],
      ['elem', elem],
    ] as const;
    return form === 'split'
      ? [
          ['ctrl', u64],
          ['keys', array(key)],
          ['elems', array(elem)],
        ]
      : [
          ['ctrl', u64],
          ['slots', array(types.make(struct('slot', slot)))],
        ];
  });
  const groups = struct('groupReference', [
    ['data', pointer('group', group)],
    ['lengthMask', u64],
  ]);
  const table = types.make(
    struct('table', [
      ['used', u16],
      ['capacity', u16],
      ['growthLeft', u16],
      ['localDepth', u8],
      ['index', int],
      ['groups', types.make(groups)],
    ]),
  );
  return struct('map', [
    ['used', u64],
    ['seed', u64],
    ['dirPtr', pointer('*table', pointer('table', table))],
    ['dirLen', int],
  ]);
}

/** The struct that a channel points to (runtime/chan.go, hchan), up to what is needed of it. */
export function channelHeader(types: TypeMaker, minor: number, elem: TypeRef): GoType {
  const { u16, u32, u64, word } = numbers(types);
  const members: Member[] = [
    ['qcount', u64],
    ['dataqsiz', u64],
    ['buf', word],
    ['elemsize', u16],
    ['closed', u32],
    ...(minor < 23 ? [] : [['timer', word] as const]),
    ['elemtype', word],
    ['sendx', u64],
    ['recvx', u64],
  ];
  return structOf(`hchan<${types.type(elem).name}>`, members, types);
}

type Member = readonly [name: string, type: TypeRef, embedded?: boolean];

/**
 * A struct with its members one behind the other, each at its alignment (Go specification, "Size and alignment guarantees"; cmd/compile/internal/types,
 * CalcStructSize). Throws UnassignableType where the size of one is not known.
 */
export function structOf(
  name: string,
  members: readonly Member[],
  types: Pick<TypeMaker, 'type'>,
): GoType & { kind: 'struct' } {
  const resolve = (ref: TypeRef) => types.type(ref);
  const fields: GoField[] = [];
  let end = 0;
  let strictest = 1;
  let last = 0;
  for (const [name, ref, embedded = false] of members) {
    const type = resolve(ref);
    const alignment = alignmentOf(type, resolve);
    strictest = Math.max(strictest, alignment);
    const offset = roundUp(end, alignment);
    fields.push({ name, offset, type: ref, embedded });
    last = type.size;
    end = offset + last;
  }
  // The address of an empty last field must lie within.
  if (end > 0 && last === 0) end++;
  return { kind: 'struct', name, size: roundUp(end, strictest), fields };
}

/** What lies in a cell: the key or element, or a pointer to it. */
function inline(types: TypeMaker, ref: TypeRef): TypeRef {
  const { size, kind, name } = types.type(ref);
  if (kind === 'unknown') throw new UnassignableType(name);
  return size > mostInline ? pointerTo(types, name, ref) : ref;
}

function pointerTo(types: TypeMaker, name: string, elem: TypeRef): TypeRef {
  return types.make({ kind: 'pointer', name: `*${name}`, size: 8, elem });
}

function numbers(types: TypeMaker) {
  const uint = (bytes: number) => types.make({ kind: 'uint', name: `uint${8 * bytes}`, size: bytes });
  return {
    u8: uint(1),
    u16: uint(2),
    u32: uint(4),
    u64: uint(8),
    int: types.make({ kind: 'int', name: 'int', size: 8 }),
    word: types.make({ kind: 'pointer', name: 'unsafe.Pointer', size: 8, elem: undefined }),
  };
}

function roundUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
