import type { GoType, TypeRef } from '#gobin';
import type { Column, SemanticType } from '#model';
import type { BinaryView } from '../binary.ts';
import type { Access, ResolvedValue } from './resolved.ts';
import { typeName } from './type-text.ts';

/** The column that a value of a Go type gets, but for its name. */
export type ColumnForm = Pick<Column, 'type' | 'semantic' | 'unsigned'>;

const form = (type: Column['type'], semantic: SemanticType = 'ST_NONE'): ColumnForm => ({ type, semantic });
export const textForm = form('STRING');
export const durationForm = form('INT64', 'ST_DURATION_NS');

/** Go types whose values are Go `uint`, `uint64`, `uintptr` or named ones of these: 64 bits without a sign. */
const unsignedForm: ColumnForm = { type: 'INT64', semantic: 'ST_NONE', unsigned: true };

export function columnForm(type: GoType): ColumnForm {
  switch (type.kind) {
    case 'bool':
      return form('BOOLEAN');
    case 'int':
      return type.name === 'time.Duration' ? durationForm : form('INT64');
    case 'uint':
      return type.size === 8 ? unsignedForm : form('INT64');
    case 'float':
      return form('FLOAT64');
    default:
      return textForm;
  }
}

/** The access to `by` bytes behind. */
export function moved(access: Access, by: number): Access {
  const { hops } = access;
  if (hops.length === 0) return { ...access, offset: access.offset + by };
  return { ...access, hops: [...hops.slice(0, -1), hops.at(-1)! + by] };
}

/** The value of type `ref` that `access` reaches: captured where this version can, else missing with the reason in words. */
export function leaf(access: Access, ref: TypeRef, binary: Pick<BinaryView, 'type'>): ResolvedValue {
  const type = binary.type(ref);
  const { variable } = access;
  if (variable.unknown !== undefined) return { kind: 'missing', reason: variable.unknown };
  switch (type.kind) {
    case 'bool':
      return { kind: 'bool', access, size: 1 };
    case 'int':
    case 'uint':
      if (type.size === 1 || type.size === 2 || type.size === 4 || type.size === 8) {
        return { kind: type.kind, access, size: type.size };
      }
      return { kind: 'missing', reason: `${typeName(type)} has ${type.size} bytes: not captured yet` };
    case 'pointer':
      return { kind: 'address', access, size: 8 };
    case 'float':
      return { kind: 'float', access, size: type.size };
    case 'complex': {
      const size = type.size / 2;
      const part = (name: string, offset: number) => ({
        name,
        value: { kind: 'float', access: moved(access, offset), size } as const,
      });
      return { kind: 'object', fields: [part('real', 0), part('imag', size)] };
    }
    case 'string':
      return { kind: 'string', access };
    default:
      return { kind: 'missing', reason: missingReason(type) };
  }
}

function missingReason(type: GoType): string {
  switch (type.kind) {
    case 'struct':
      return type.fields.length === 0
        ? `type ${typeName(type)} is not captured yet`
        : `type ${typeName(type)} is not captured yet: name a field`;
    case 'unknown':
      return `type ${typeName(type)} is not known to this version of Sonde`;
    default:
      return `type ${typeName(type)} is not captured yet`;
  }
}
