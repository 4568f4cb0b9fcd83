import type { CaptureLimits } from '#model';
import { entryBytes, entryField } from './entries.ts';
import { needOf, type WalkNeed } from './need.ts';
import { referencesOf } from './references.ts';
import { directPart, type GraphType, type TypeGraph } from './types.ts';

/** A header's stride for elements without references: one step skips them all. */
const wholeChunk = 0x4000_0000;

/** Everything about types that a compilation has. */
export interface TypeTable {
  readonly graph: TypeGraph;
  readonly bytes: Uint8Array;
  /** Type by the address of its descriptor in the file: header, and bytes of what the data word points to. */
  readonly dynamic: readonly { readonly address: number; readonly entry: number; readonly size: number }[];
  /** What the walk from a value of the type may take, at most. */
  need(type: number): WalkNeed;
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
