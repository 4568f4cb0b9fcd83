import type { GoType, TypeRef } from '#gobin';
import type { Column, SemanticType } from '#model';
import type { BinaryView } from '../binary.ts';
import type { Scalar } from '../computation/index.ts';
import type { TypeGraphBuilder } from '../graph/index.ts';
import type { Access, ResolvedValue } from './resolved.ts';
import { typeName } from './type-text.ts';

/** The column that a value of a Go type gets, but for its name. */
export type ColumnForm = Pick<Column, 'type' | 'semantic' | 'unsigned'>;

const form = (type: Column['type'], semantic: SemanticType = 'ST_NONE'): ColumnForm => ({ type, semantic });
export const textForm = form('STRING');
export const intForm = form('INT64');
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
    case 'struct':
      return type.name === 'time.Time' ? form('TIME64NS') : textForm;
    default:
      return textForm;
  }
}

/** As `columnForm`, for a value that is computed; `name`: its Go type's. */
export function scalarForm(type: Scalar, name: string): ColumnForm {
  switch (type.kind) {
    case 'bool':
      return form('BOOLEAN');
    case 'int':
      return name === 'time.Duration' ? durationForm : form('INT64');
    case 'uint':
      return type.size === 8 ? unsignedForm : form('INT64');
    case 'float':
      return form('FLOAT64');
    case 'string':
      return textForm;
  }
}

/**
 * The value of type `ref` that `access` reaches: a scalar or string in a slot of its own, anything else as part of the object graph;
 * missing, with the reason in words, where neither can be.
 */
export function leaf(
  access: Access,
  ref: TypeRef,
  binary: Pick<BinaryView, 'type'>,
  graph: TypeGraphBuilder,
): ResolvedValue {
  const type = binary.type(ref);
  const { variable } = access;
  if ('unknown' in variable && variable.unknown !== undefined)
    return { kind: 'missing', reason: variable.unknown, variable: variable.name };
  switch (type.kind) {
    case 'bool':
      return { kind: 'bool', access, size: 1 };
    case 'int':
    case 'uint':
      if (type.size === 1 || type.size === 2 || type.size === 4 || type.size === 8) {
        const constants = graph.constants(ref);
        return { kind: type.kind, access, size: type.size, ...(constants === undefined ? {} : { constants }) };
      }
      return { kind: 'missing', reason: `${typeName(type)} has ${type.size} bytes: not captured yet` };
    case 'string':
      return { kind: 'string', access };
    case 'float':
      return { kind: 'float', access, size: type.size };
    case 'unknown':
      return { kind: 'missing', reason: `type ${typeName(type)} is not known to this version of Sonde` };
    default:
      if (type.kind === 'pointer' && type.elem === undefined) return { kind: 'address', access, size: 8 };
      return { kind: 'graph', access, size: type.size, type: graph.add(ref), name: typeName(type) };
  }
}
