import type { Column, ColumnType, SemanticType } from '#model';
import type { AggregateName } from './aggregates.ts';

/** The type of a value of each row, or of a constant. */
export interface ScalarType {
  readonly type: ColumnType;
  readonly semantic: SemanticType;
  /** An INT64 that holds 64 unsigned bits. */
  readonly unsigned?: true;
}

interface ScalarNode extends ScalarType {
  /** Nodes of the expression, itself included: shared parts count every time. */
  readonly size: number;
}

/** A column of the operator below. `id` names one definition of a column: a reassigned column has a new one. */
export interface ColumnReference extends ScalarNode {
  readonly kind: 'column';
  readonly name: string;
  readonly id: number;
}

/** INT64, TIME64NS and UINT128 are bigint, FLOAT64 number. */
export interface ConstantScalar extends ScalarNode {
  readonly kind: 'constant';
  readonly value: string | bigint | number | boolean;
}

/** A typed operation; each SQL target knows how to write each operation. */
export interface Application extends ScalarNode {
  readonly kind: 'apply';
  readonly operation: Operation;
  readonly arguments: readonly Scalar[];
}

export type Scalar = ColumnReference | ConstantScalar | Application;

/**
 * INT64 arithmetic is exact: a result beyond 64 bits fails the query rather than wrap. `divide` is FLOAT64 for all numbers (x / 0 is
 * ±inf or NaN, as in IEEE 754); `modulo` has the sign of the dividend, x % 0 is missing. A missing operand makes a missing result.
 */
export type Operation =
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'modulo'
  | 'negate'
  | 'concat'
  | 'equal'
  | 'notEqual'
  | 'less'
  | 'lessEqual'
  | 'greater'
  | 'greaterEqual'
  | 'and'
  | 'or'
  | 'not'
  | 'toFloat'
  | FunctionOperation;

/** Operations that PxL writes as functions of `px`. */
export type FunctionOperation =
  | 'bin'
  | 'abs'
  | 'ceil'
  | 'floor'
  | 'round'
  | 'sqrt'
  | 'ln'
  | 'log2'
  | 'log10'
  | 'exp'
  | 'pow'
  | 'contains'
  | 'length'
  | 'find'
  | 'substring'
  | 'tolower'
  | 'toupper'
  | 'trim'
  | 'select'
  | 'pluck'
  | 'pluckInt64'
  | 'pluckFloat64'
  | 'regexMatch'
  | 'upidToPid'
  | 'upidToAsid'
  | 'upidToString'
  | 'itoa'
  | 'retype';

/** A column that an operator gives. */
export interface PlanColumn extends Column {
  readonly id: number;
}

/** Reads a table: a stored one, whose rows have an ingest order and notes, or one that a table function filled. */
export interface Scan {
  readonly operator: 'scan';
  readonly table: string;
  readonly stored: boolean;
  readonly columns: readonly PlanColumn[];
  /** Bounds of `time_`, nanoseconds since 1970, both inclusive as in Pixie. */
  readonly startNs?: bigint;
  readonly endNs?: bigint;
  /** Put here by the rules; its columns need not be among `columns`. */
  readonly predicate?: Scalar;
}

/** Makes each row's columns anew: assignment, keep and drop. */
export interface Project {
  readonly operator: 'project';
  readonly source: Relational;
  readonly outputs: readonly { readonly column: PlanColumn; readonly value: Scalar }[];
}

export interface Filter {
  readonly operator: 'filter';
  readonly source: Relational;
  readonly predicate: Scalar;
}

/** The first rows in ingest order. */
export interface Limit {
  readonly operator: 'limit';
  readonly source: Relational;
  readonly count: bigint;
}

/** One row for each distinct value of `by` (for all rows if `by` is undefined), in order of first appearance. */
export interface Aggregate {
  readonly operator: 'aggregate';
  readonly source: Relational;
  readonly by?: readonly { readonly column: PlanColumn; readonly value: Scalar }[];
  readonly values: readonly {
    readonly column: PlanColumn;
    readonly function: AggregateName;
    readonly argument: Scalar;
  }[];
}

/** A logical plan: plain data, no SQL. */
export type Relational = Scan | Project | Filter | Limit | Aggregate;

export function outputColumns(plan: Relational): readonly PlanColumn[] {
  switch (plan.operator) {
    case 'scan':
      return plan.columns;
    case 'project':
      return plan.outputs.map((output) => output.column);
    case 'aggregate':
      return [...(plan.by ?? []).map((key) => key.column), ...plan.values.map((value) => value.column)];
    default:
      return outputColumns(plan.source);
  }
}

/** Rows of a stored table keep their notes until they are aggregated. */
export function hasNotes(plan: Relational): boolean {
  if (plan.operator === 'scan') return plan.stored;
  return plan.operator !== 'aggregate' && hasNotes(plan.source);
}

export function reference(column: PlanColumn): ColumnReference {
  return { kind: 'column', name: column.name, id: column.id, size: 1, ...typeOf(column) };
}

export function constant(
  type: ColumnType,
  value: string | bigint | number | boolean,
  semantic: SemanticType = 'ST_NONE',
): ConstantScalar {
  const unsigned = type === 'INT64' && typeof value === 'bigint' && value > 0x7fff_ffff_ffff_ffffn;
  return { kind: 'constant', type, value, semantic, size: 1, ...(unsigned ? { unsigned: true } : {}) };
}

export function apply(operation: Operation, result: ScalarType, ...operands: readonly Scalar[]): Application {
  const size = operands.reduce((sum, operand) => sum + operand.size, 1);
  return { kind: 'apply', operation, arguments: operands, size, ...typeOf(result) };
}

export function typeOf(value: ScalarType): ScalarType {
  return { type: value.type, semantic: value.semantic, ...(value.unsigned ? { unsigned: true } : {}) };
}
