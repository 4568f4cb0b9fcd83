import type { GoField, GoType, TypeRef } from '#gobin';
import type { BinaryView } from '../binary.ts';

/** Most structs that a search for a promoted field looks into: embedding may form cycles through pointers. */
const mostEmbedded = 1000;

/** The fields from `type` to the field named so, by Go's rule: the shallowest one; two at that depth are ambiguous. */
export function findField(
  type: GoType & { kind: 'struct' },
  name: string,
  binary: Pick<BinaryView, 'type'>,
): readonly GoField[] | 'ambiguous' | undefined {
  let level: { readonly type: GoType & { kind: 'struct' }; readonly path: readonly GoField[] }[] = [{ type, path: [] }];
  const seen = new Set<TypeRef>();
  let looked = 0;
  while (level.length > 0) {
    const found: (readonly GoField[])[] = [];
    const deeper: typeof level = [];
    for (const { type: struct, path } of level) {
      for (const field of struct.fields) {
        if (field.name === name && name !== '_') found.push([...path, field]);
        if (!field.embedded) continue;
        let ref = field.type;
        let inner = binary.type(ref);
        if (inner.kind === 'pointer' && inner.elem !== undefined) {
          ref = inner.elem;
          inner = binary.type(ref);
        }
        if (inner.kind !== 'struct' || seen.has(ref) || ++looked > mostEmbedded) continue;
        seen.add(ref);
        deeper.push({ type: inner, path: [...path, field] });
      }
    }
    if (found.length > 1) return 'ambiguous';
    if (found.length === 1) return found[0];
    level = deeper;
  }
  return undefined;
}
