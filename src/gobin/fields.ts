import { formatType, type SignatureReader } from './format.ts';
import { receiverOf } from './names.ts';
import type { GoField, GoFunction, GoType, TypeRef } from './types.ts';

/** Structs that are looked into for promoted fields: embedding may form cycles through pointers. */
const mostEmbedded = 100;

/**
 * The fields of the struct that a path leads to: a parameter or a result, then fields, as in `order.Customer`. Pointers are followed as Go
 * follows them; promoted fields are among them, behind those of their own. None where the path leads to no struct.
 */
export function fieldsAt(binary: SignatureReader, fn: GoFunction, path: string): { name: string; type: string }[] {
  const [first, ...names] = path.split('.');
  const { parameters, results } = binary.signature(fn);
  let at = [...parameters, ...results].find(({ name }) => name === first)?.type;
  for (const name of names) {
    if (at === undefined) break;
    at = allFields(binary, at).find((field) => field.name === name)?.type;
  }
  if (at === undefined) return [];
  const own = receiverOf(fn.name).package;
  return allFields(binary, at).map(({ name, type }) => ({ name, type: formatType(binary.type(type), own) }));
}

/** By depth: of several of one name the shallowest is meant. */
function allFields(binary: SignatureReader, ref: TypeRef): readonly GoField[] {
  const found = new Map<string, GoField>();
  const looked = new Set<TypeRef>();
  let level: TypeRef[] = [ref];
  while (level.length > 0 && looked.size < mostEmbedded) {
    const deeper: TypeRef[] = [];
    for (const each of level) {
      if (looked.has(each)) continue;
      looked.add(each);
      const type = pointedTo(binary, each);
      if (type.kind !== 'struct') continue;
      for (const field of type.fields) {
        if (field.name !== '_' && !found.has(field.name)) found.set(field.name, field);
        if (field.embedded) deeper.push(field.type);
      }
    }
    level = deeper;
  }
  return [...found.values()];
}

function pointedTo(binary: SignatureReader, ref: TypeRef): GoType {
  const type = binary.type(ref);
  return type.kind === 'pointer' && type.elem !== undefined ? binary.type(type.elem) : type;
}
