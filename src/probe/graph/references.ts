import { BugError } from '#base';
import type { CaptureLimits } from '#model';
import { type Reference, reference } from './entries.ts';
import { chained, followed, heldDeeper } from './followed.ts';
import { runtimeReferences } from './runtime-references.ts';
import { fieldOffset, type GraphStruct, type GraphType } from './types.ts';

/** Elements of an array inside a value whose references are followed. */
const mostInline = 64;
/** Most references of one type. */
const mostInType = 512;

/** The references in one element of a type. */
export function referencesOf(types: readonly GraphType[], index: number, limits: CaptureLimits): Reference[] {
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
        ownReferences(types, type, at, limits, found);
      }
  }
}

/** References that no field's type tells: a text in two words, and a value that is held as in an interface. */
function ownReferences(
  types: readonly GraphType[],
  type: GraphStruct,
  at: number,
  limits: CaptureLimits,
  found: Reference[],
): void {
  const offset = (name: string) => at + fieldOffset(type, name);
  if (type.name === 'log/slog.Value') {
    // Where `any` holds a stringptr it points to the bytes, and `num` is their count (log/slog/value.go).
    const [pointer, count] = [offset('any') + 8, offset('num')];
    found.push({ kind: reference.counted, offset: pointer, size: 1, count, most: limits.stringBytes });
    // Where it holds a groupptr, that of its attributes.
    const group = found.findIndex(({ kind, offset: its }) => kind === reference.eface && its === offset('any'));
    const attribute = types.findIndex(({ name }) => name === 'log/slog.Attr');
    if (group >= 0 && attribute >= 0)
      found[group] = { ...found[group]!, count, most: limits.elements, otherType: attribute };
  } else if (type.name === 'reflect.Value') {
    // Its type, then a word as in an interface (reflect/value.go); the type's name tells the rest.
    found.push({ kind: reference.eface, offset: at, need: 16, deeper: 1 });
  }
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
