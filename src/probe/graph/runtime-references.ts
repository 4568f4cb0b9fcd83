import type { CaptureLimits } from '#model';
import { type Reference, reference } from './entries.ts';
import { fieldOffset, type GraphStruct, type GraphType } from './types.ts';

/** The pointers of a map's, or a channel's, own structs that lead to its elements. */
export function runtimeReferences(
  types: readonly GraphType[],
  type: GraphStruct,
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
function pointerIn(types: readonly GraphType[], type: GraphStruct, name: string): number | undefined {
  const wrapper = types[type.fields.find((field) => field.name === name)?.type ?? 0];
  const pointer = wrapper?.kind === 'struct' ? types[wrapper.fields.find((f) => f.name === 'v')?.type ?? 0] : undefined;
  return pointer?.kind === 'pointer' ? pointer.elem : undefined;
}

/** `map<K,V>.dirPtr **table<K,V>`, `table.groups.data *group[K,V]`. */
export function swissParts(
  types: readonly GraphType[],
  type: GraphStruct,
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
function channelElement(types: readonly GraphType[], type: GraphStruct): number | undefined {
  const index = types.indexOf(type);
  for (const each of types) if (each.kind === 'chan' && each.header === index) return each.elem;
  return undefined;
}
