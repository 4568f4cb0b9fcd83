import { BugError } from '#base';
import { type CaptureLimits, mostReferences } from '#model';
import { chained, followed, heldDeeper } from './followed.ts';
import { directPart, type GraphType, type TypeGraph } from './types.ts';

/**
 * The types as the kernel's walker reads them: entries of `entryBytes`. A type has a header entry, then one for each reference in one of
 * its elements, then `end`. Entry 0 is an `end` of its own, with which the walk begins.
 */
export const entryBytes = 32;

/** Byte offsets in an entry. Of a header only `offset` counts: the bytes from one element to the next. */
export const entryField = {
  /** u8, one of `reference`. */
  kind: 0,
  /** u8: how much deeper its target is (0: a part of the same value, as a string's bytes). */
  deeper: 1,
  /** u8: bytes from `offset` on that must have been captured. */
  need: 2,
  /** u8: added to a count, subtracted from an exponent. */
  adjust: 3,
  /** u32: where in the element the pointer is. */
  offset: 4,
  /** u32: byte offset of the target type's header. */
  type: 8,
  /** u32: bytes of one target. */
  size: 12,
  /** u32: where in the element the count is (u64; for `power` a u8); for `node` a count itself. */
  count: 16,
  /** u32: most targets that are captured. */
  most: 20,
  /** u32 each: type and size of the one target where the count is 0 (`directory`), of an inner node (`node`). */
  otherType: 24,
  otherSize: 28,
} as const;

export const reference = {
  end: 0,
  /** A pointer to one target. */
  pointer: 1,
  /** A pointer to as many targets as the count says. */
  counted: 2,
  /** As many as 2 to the power of the count (buckets of a map up to Go 1.23). */
  power: 3,
  /** As `counted`, but where the count is 0 the pointer is to one target of another type (a map's directory from Go 1.24 on). */
  directory: 4,
  /** Type word or itab, then the data word. */
  eface: 5,
  iface: 6,
  /** `size` bytes that are made zero. */
  redacted: 7,
  /** A pointer to what begins with the address of code: what there is of that code in the map of dynamic types is its target. */
  closure: 8,
  /**
   * A pointer to a node of a trie, whose first byte says which of two structs it is: an inner node (`otherType`), of which no more than
   * `most` are copied, or an entry, of which no more than `count` are: the contents of some are more use than all nodes of a large trie.
   */
  node: 9,
} as const;

/** An entry of the map of dynamic types: descriptor's address, or that of a closure's code → u32 type header, u32 size of what the data word points to. */
export const dynamicKeyBytes = 8;
export const dynamicValueBytes = 8;

/** Elements of an array inside a value whose references are followed. */
const mostInline = 64;
/** Most references of one type. */
const mostInType = 512;
/** A header's stride for elements without references: one step skips them all. */
const wholeChunk = 0x4000_0000;
/** Most bytes that are copied of one object, or of one slice: a sixth of the event, and the longest string. */
function mostChunkBytes({ eventBytes, stringBytes }: CaptureLimits): number {
  return Math.max(Math.floor(eventBytes / 48) * 8, align8(stringBytes));
}

/** Everything about types that a compilation has. */
export interface TypeTable {
  readonly graph: TypeGraph;
  readonly bytes: Uint8Array;
  /** Type by the address of its descriptor in the file: header, and bytes of what the data word points to. */
  readonly dynamic: readonly { readonly address: number; readonly entry: number; readonly size: number }[];
  /** What the walk from a value of the type may take, at most. */
  need(type: number): WalkNeed;
}

export interface WalkNeed {
  /** Bytes of chunks behind the root's own, `Infinity` where the types set no bound. */
  readonly bytes: number;
  readonly references: number;
  /** Largest chunk. */
  readonly chunk: number;
}

interface Reference {
  readonly kind: number;
  readonly offset: number;
  readonly deeper?: number;
  readonly need?: number;
  readonly adjust?: number;
  readonly type?: number;
  readonly size?: number;
  readonly count?: number;
  readonly most?: number;
  readonly otherType?: number;
  readonly otherSize?: number;
}

export function layTable(
  types: readonly GraphType[],
  dynamicTypes: readonly { readonly address: number; readonly type: number }[],
  closures: TypeGraph['closures'],
  limits: CaptureLimits,
  hiddenNames: readonly string[] = [],
): TypeTable {
  const references = types.map((_, index) => referencesOf(types, index, limits));
  const entries: number[] = [];
  let at = entryBytes;
  for (const list of references) {
    entries.push(at);
    at += entryBytes * (list.length + 2);
  }
  const bytes = new Uint8Array(at);
  const view = new DataView(bytes.buffer);
  references.forEach((list, index) => {
    const header = entries[index]!;
    view.setUint32(header + entryField.offset, list.length === 0 ? wholeChunk : types[index]!.size, true);
    list.forEach((each, i) => {
      const entry = header + entryBytes * (i + 1);
      bytes[entry + entryField.kind] = each.kind;
      bytes[entry + entryField.deeper] = each.deeper ?? 0;
      bytes[entry + entryField.need] = each.need ?? 8;
      bytes[entry + entryField.adjust] = each.adjust ?? 0;
      view.setUint32(entry + entryField.offset, each.offset, true);
      view.setUint32(entry + entryField.type, entries[each.type ?? 0]!, true);
      view.setUint32(entry + entryField.size, each.size ?? 0, true);
      view.setUint32(entry + entryField.count, each.count ?? 0, true);
      view.setUint32(entry + entryField.most, each.most ?? 0, true);
      view.setUint32(entry + entryField.otherType, entries[each.otherType ?? 0]!, true);
      view.setUint32(entry + entryField.otherSize, each.otherSize ?? 0, true);
    });
  });
  const graph: TypeGraph = { types, entries, dynamic: dynamicTypes, closures, limits, hiddenNames };
  const dynamic = dynamicTypes.map(({ address, type }) => {
    const part = directPart(types, type);
    const target = part === undefined ? type : targetOf(types, part);
    if (target === undefined || types[type]!.redacted === true) return { address, entry: entries[0]!, size: 0 };
    if (target === codePointer) return { address, ...codeTarget };
    return { address, entry: entries[target]!, size: types[target]!.size };
  });
  const funcs = (closures ?? []).map(({ address, type }) => ({
    address,
    entry: entries[type]!,
    size: types[type]!.size,
  }));
  return { graph, bytes, dynamic: [...dynamic, ...funcs], need: needOf(references, limits, funcs.length > 0) };
}

/** What a func in an interface points to: the address of its code. */
const codePointer = -1;
/** That as bytes, in the map of dynamic types: no other type is told by the first header, which is that of `byte`, and this size. */
export const codeTarget = { entry: entryBytes, size: 8 } as const;

/** The type that a pointer-shaped value points to. */
function targetOf(types: readonly GraphType[], index: number): number | undefined {
  const type = types[index]!;
  if (type.kind === 'pointer') return type.elem;
  if (type.kind === 'map' || type.kind === 'chan') return type.header;
  return type.kind === 'func' ? codePointer : undefined;
}

function referencesOf(types: readonly GraphType[], index: number, limits: CaptureLimits): Reference[] {
  const found: Reference[] = [];
  collect(types, index, 0, limits, found, 0);
  return found;
}

function collect(
  types: readonly GraphType[],
  index: number,
  at: number,
  limits: CaptureLimits,
  found: Reference[],
  nesting: number,
): void {
  const type = types[index];
  if (type === undefined) throw new BugError(`type ${index} is not in the graph`);
  if (found.length >= mostInType || nesting > 50) return;
  if (type.redacted === true) {
    if (type.size > 0) found.push({ kind: reference.redacted, offset: at, size: type.size, need: 0 });
    return;
  }
  const sizeOf = (target: number) => types[target]!.size;
  switch (type.kind) {
    case 'pointer':
      found.push({ kind: reference.pointer, offset: at, deeper: 1, type: type.elem, size: sizeOf(type.elem) });
      break;
    case 'map':
    case 'chan':
      found.push({ kind: reference.pointer, offset: at, deeper: 1, type: type.header, size: sizeOf(type.header) });
      break;
    case 'func':
      found.push(
        { kind: reference.pointer, offset: at, type: 0, size: 8 },
        { kind: reference.closure, offset: at, deeper: 1 },
      );
      break;
    case 'string':
      found.push({ kind: reference.counted, offset: at, need: 16, size: 1, count: at + 8, most: limits.stringBytes });
      break;
    case 'slice': {
      const { elem } = type;
      const isBytes = isByte(types[elem]!);
      found.push({
        kind: reference.counted,
        offset: at,
        need: 16,
        deeper: isBytes ? 0 : 1,
        type: elem,
        size: sizeOf(elem),
        count: at + 8,
        most: isBytes ? limits.stringBytes : limits.elements,
      });
      break;
    }
    case 'interface':
      found.push(interfaceReference(types, index, at));
      break;
    case 'array':
      for (let i = 0; i < Math.min(type.count, mostInline); i++) {
        const before = found.length;
        collect(types, type.elem, at + i * sizeOf(type.elem), limits, found, nesting + 1);
        if (found.length === before) break;
      }
      break;
    case 'struct':
      if (type.role !== undefined) runtimeReferences(types, type, at, limits, found);
      else {
        const only = followed[type.name];
        const from = found.length;
        for (const field of type.fields) {
          if (only !== undefined && !only.includes(field.name)) continue;
          const deeper = heldDeeper[type.name]?.[field.name];
          if (deeper !== undefined && types[field.type]?.kind === 'interface') {
            found.push({ ...interfaceReference(types, field.type, at + field.offset), deeper });
          } else if (field.redacted === true) {
            const size = sizeOf(field.type);
            if (size > 0) found.push({ kind: reference.redacted, offset: at + field.offset, size, need: 0 });
          } else collect(types, field.type, at + field.offset, limits, found, nesting + 1);
        }
        // Pointers to more of the same value.
        const near = chained[type.name.replace(/\[.*/, '')];
        for (let i = from; near !== undefined && i < found.length; i++) {
          const { kind, offset } = found[i]!;
          const holder = type.fields.findLast((field) => at + field.offset <= offset);
          if (kind === reference.pointer && near.includes(holder?.name ?? '')) found[i] = { ...found[i]!, deeper: 0 };
        }
        ownReferences(type, at, limits, found);
      }
  }
}

/** References that no field's type tells: a text in two words, and a value that is held as in an interface. */
function ownReferences(
  type: Extract<GraphType, { kind: 'struct' }>,
  at: number,
  limits: CaptureLimits,
  found: Reference[],
): void {
  const offset = (name: string) => at + fieldOffset(type, name);
  if (type.name === 'log/slog.Value') {
    // Where `any` holds a stringptr it points to the bytes, and `num` is their count (log/slog/value.go).
    const [pointer, count] = [offset('any') + 8, offset('num')];
    found.push({ kind: reference.counted, offset: pointer, size: 1, count, most: limits.stringBytes });
  } else if (type.name === 'reflect.Value') {
    // Its type, then a word as in an interface (reflect/value.go); the type's name tells the rest.
    found.push({ kind: reference.eface, offset: at, need: 16, deeper: 1 });
  }
}

function fieldOffset(type: Extract<GraphType, { kind: 'struct' }>, name: string): number {
  return type.fields.find((field) => field.name === name)?.offset ?? 0;
}

function interfaceReference(types: readonly GraphType[], index: number, at: number): Reference {
  const type = types[index]!;
  const empty = type.kind === 'interface' && type.empty;
  return { kind: empty ? reference.eface : reference.iface, offset: at, need: 16, deeper: 1 };
}

/** What `byte` is called in debug info and here; a named type of one byte is a number, as an enumeration's is. */
const byteNames: ReadonlySet<string> = new Set(['byte', 'uint8', 'go.shape.uint8']);

export function isByte(type: GraphType): boolean {
  return type.kind === 'uint' && byteNames.has(type.name);
}

/** The pointers of a map's, or a channel's, own structs that lead to its elements. */
function runtimeReferences(
  types: readonly GraphType[],
  type: Extract<GraphType, { kind: 'struct' }>,
  at: number,
  limits: CaptureLimits,
  found: Reference[],
): void {
  const offset = (name: string) => at + fieldOffset(type, name);
  const pointee = (name: string): number | undefined => {
    const field = type.fields.find((each) => each.name === name);
    const pointer = field && types[field.type];
    return pointer?.kind === 'pointer' ? pointer.elem : undefined;
  };
  const groups = Math.max(1, Math.ceil(limits.elements / 4));
  switch (type.role) {
    case 'hmap': {
      const bucket = pointee('buckets');
      if (bucket === undefined) return;
      const both = { kind: reference.power, type: bucket, size: types[bucket]!.size, count: offset('B'), most: groups };
      // Old buckets first: where the room ends, the newer ones are more and lie at a place of their own.
      found.push(
        { ...both, offset: offset('buckets'), adjust: 0 },
        { ...both, offset: offset('oldbuckets'), adjust: 1 },
      );
      break;
    }
    case 'swiss': {
      const { table, group } = swissParts(types, type);
      if (table === undefined || group === undefined) return;
      const pointer = pointee('dirPtr')!;
      found.push({
        kind: reference.directory,
        offset: offset('dirPtr'),
        need: 16,
        type: pointer,
        size: 8,
        count: offset('dirLen'),
        most: groups,
        otherType: group,
        otherSize: types[group]!.size,
      });
      break;
    }
    case 'groups': {
      const group = pointee('data');
      if (group === undefined) return;
      const size = types[group]!.size;
      const count = offset('lengthMask');
      found.push({
        kind: reference.counted,
        offset: offset('data'),
        need: 16,
        adjust: 1,
        type: group,
        size,
        count,
        most: groups,
      });
      break;
    }
    case 'trie': {
      const root = pointerIn(types, type, 'root');
      if (root === undefined) return;
      found.push({ kind: reference.pointer, offset: offset('root'), deeper: 1, type: root, size: types[root]!.size });
      break;
    }
    case 'trieNode': {
      const children = types[type.fields.find((field) => field.name === 'children')?.type ?? 0];
      if (children?.kind !== 'array' || type.entry === undefined) return;
      const own = types.indexOf(type);
      for (let i = 0; i < children.count; i++) {
        found.push({
          kind: reference.node,
          offset: offset('children') + 8 * i,
          type: type.entry,
          size: types[type.entry]!.size,
          otherType: own,
          otherSize: type.size,
          most: Math.ceil((limits.elements * 5) / 16),
          count: Math.ceil(limits.elements / 2),
        });
      }
      break;
    }
    case 'hchan': {
      const elem = channelElement(types, type);
      if (elem === undefined) return;
      found.push({
        kind: reference.counted,
        offset: offset('buf'),
        type: elem,
        size: types[elem]!.size,
        count: offset('dataqsiz'),
        most: limits.elements,
      });
    }
  }
}

/** What the pointer in a field leads to, where that is an `atomic.Pointer`. */
function pointerIn(
  types: readonly GraphType[],
  type: Extract<GraphType, { kind: 'struct' }>,
  name: string,
): number | undefined {
  const wrapper = types[type.fields.find((field) => field.name === name)?.type ?? 0];
  const pointer = wrapper?.kind === 'struct' ? types[wrapper.fields.find((f) => f.name === 'v')?.type ?? 0] : undefined;
  return pointer?.kind === 'pointer' ? pointer.elem : undefined;
}

/** `map<K,V>.dirPtr **table<K,V>`, `table.groups.data *group[K,V]`. */
export function swissParts(
  types: readonly GraphType[],
  type: Extract<GraphType, { kind: 'struct' }>,
): { readonly table?: number; readonly group?: number } {
  const directory = types[type.fields.find((field) => field.name === 'dirPtr')?.type ?? 0];
  const pointer = directory?.kind === 'pointer' ? types[directory.elem] : undefined;
  const table = pointer?.kind === 'pointer' ? types[pointer.elem] : undefined;
  if (pointer?.kind !== 'pointer' || table?.kind !== 'struct') return {};
  const groups = types[table.fields.find((field) => field.name === 'groups')?.type ?? 0];
  const data = groups?.kind === 'struct' ? types[groups.fields.find((f) => f.name === 'data')?.type ?? 0] : undefined;
  return data?.kind === 'pointer' ? { table: pointer.elem, group: data.elem } : { table: pointer.elem };
}

/** A channel's element type, from the waiting goroutines' `elem *T`; the struct itself has no typed pointer to its buffer. */
function channelElement(types: readonly GraphType[], type: Extract<GraphType, { kind: 'struct' }>): number | undefined {
  const index = types.indexOf(type);
  for (const each of types) if (each.kind === 'chan' && each.header === index) return each.elem;
  return undefined;
}

/** Pointers within a value's own structures count as well: a table's pointer leads to the table, a bucket to its overflow. */
function needOf(
  references: readonly (readonly Reference[])[],
  limits: CaptureLimits,
  closures: boolean,
): (type: number) => WalkNeed {
  const largest = mostChunkBytes(limits);
  const known = new Map<number, WalkNeed>();
  const open = new Set<number>();
  const endless: WalkNeed = {
    bytes: Number.POSITIVE_INFINITY,
    references: Number.POSITIVE_INFINITY,
    chunk: largest,
  };
  const visit = (type: number): WalkNeed => {
    const found = known.get(type);
    if (found) return found;
    if (open.has(type)) return endless;
    open.add(type);
    let need: WalkNeed = { bytes: 0, references: 1, chunk: 0 };
    for (const each of references[type]!) {
      if (each.kind === reference.redacted) {
        need = { ...need, references: need.references + 1, chunk: Math.max(need.chunk, each.size!) };
        continue;
      }
      if (each.kind === reference.closure && !closures) {
        need = { ...need, references: need.references + 1 };
        continue;
      }
      if (each.kind !== reference.pointer && each.kind !== reference.counted) {
        need = endless;
        break;
      }
      const most = each.kind === reference.pointer ? 1 : each.most!;
      const chunk = Math.min(most * each.size!, largest);
      const inner = visit(each.type ?? 0);
      need = {
        bytes: need.bytes + 24 + align8(chunk) + most * inner.bytes,
        references: need.references + 2 + most * inner.references,
        chunk: Math.max(need.chunk, chunk, inner.chunk),
      };
    }
    open.delete(type);
    if (need.bytes > limits.eventBytes || need.references > mostReferences(limits))
      need = { ...endless, chunk: Math.max(need.chunk, 64) };
    known.set(type, need);
    return need;
  };
  return visit;
}

function align8(count: number): number {
  return (count + 7) & ~7;
}
