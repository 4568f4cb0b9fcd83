import type { Column, ColumnType, SemanticType } from '#model';
import type { AggregateName, PartialName } from './aggregates/names.ts';
import type { WindowName } from './windows.ts';

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
  /** The text is the name of a table or column, put here by the planner itself. */
  readonly identifier?: true;
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
  | 'in'
  | 'toFloat'
  | 'toInt'
  | 'retype'
  /** A function of `px`, by its name in PxL. */
  | (string & {});

/** A column that an operator gives. */
export interface PlanColumn extends Column {
  readonly id: number;
}

/** Reads a table: a stored one, whose rows have an ingest order and notes, or one that a table function filled. */
export interface Scan {
  readonly operator: 'scan';
  readonly table: string;
  readonly stored: boolean;
  /** A table of Pixie's that nothing fills here. */
  readonly empty?: true;
  readonly columns: readonly PlanColumn[];
  /** Bounds of `time_`, nanoseconds since 1970, both inclusive as in Pixie. */
  readonly startNs?: bigint;
  readonly endNs?: bigint;
  /** Goes on with rows as they arrive. */
  readonly streamed?: true;
  /** Only the rows at these places in the order of arrival. */
  readonly places?: { readonly after: bigint; readonly upTo: bigint };
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

/** The first rows in their order, or the last ones. */
export interface Limit {
  readonly operator: 'limit';
  readonly source: Relational;
  readonly count: bigint;
  readonly last?: true;
  /** All rows but these. */
  readonly others?: true;
}

export interface SortKey {
  readonly value: Scalar;
  readonly descending: boolean;
}

/** The rows in another order: missing values last, NaN above all numbers; rows that are equal in all keys keep their order. */
export interface Sort {
  readonly operator: 'sort';
  readonly source: Relational;
  readonly keys: readonly SortKey[];
}

export type JoinKind = 'inner' | 'left' | 'right' | 'outer';

/** Pairs of rows whose keys are equal; a missing key equals nothing. In the order of the left rows, then of the right. */
export interface Join {
  readonly operator: 'join';
  readonly left: Relational;
  readonly right: Relational;
  readonly kind: JoinKind;
  readonly on: readonly { readonly left: Scalar; readonly right: Scalar }[];
  /** `from` is a column of the side. */
  readonly outputs: readonly {
    readonly column: PlanColumn;
    readonly side: 'left' | 'right';
    readonly from: PlanColumn;
  }[];
}

/** The rows of all sources, by `time_` if there is one (equal times and missing ones in the order of the sources), else one after another. */
export interface Union {
  readonly operator: 'union';
  /** `from`: for each of `columns` the source's column. */
  readonly sources: readonly { readonly plan: Relational; readonly from: readonly PlanColumn[] }[];
  readonly columns: readonly PlanColumn[];
}

/** What a row gets from the rows around it. */
export interface WindowValue {
  readonly column: PlanColumn;
  readonly function: WindowName | AggregateName;
  readonly argument: Scalar;
}

/** Adds columns that are made of the other rows of the same partition, in the order of `order` (then of the rows themselves). */
export interface Window {
  readonly operator: 'window';
  readonly source: Relational;
  readonly by: readonly Scalar[];
  readonly order: readonly SortKey[];
  /** How many rows before this one an aggregate sees, itself not counted; undefined: all before it. */
  readonly preceding?: bigint;
  /** How far `lag` and `lead` look. */
  readonly offset: bigint;
  readonly values: readonly WindowValue[];
}

/** One row for each distinct value of `by` (for all rows if `by` is undefined), in order of first appearance. */
export interface Aggregate {
  readonly operator: 'aggregate';
  readonly source: Relational;
  readonly by?: readonly { readonly column: PlanColumn; readonly value: Scalar }[];
  readonly values: readonly {
    readonly column: PlanColumn;
    readonly function: AggregateName | PartialName;
    readonly argument: Scalar;
    /** What `first` and `last` go by; default: the order of the rows. */
    readonly order?: Scalar;
  }[];
}

/** A logical plan: plain data, no SQL. */
export type Relational = Scan | Project | Filter | Limit | Sort | Join | Union | Window | Aggregate;

export function outputColumns(plan: Relational): readonly PlanColumn[] {
  switch (plan.operator) {
    case 'scan':
      return plan.columns;
    case 'project':
      return plan.outputs.map((output) => output.column);
    case 'aggregate':
      return [...(plan.by ?? []).map((key) => key.column), ...plan.values.map((value) => value.column)];
    case 'join':
      return plan.outputs.map((output) => output.column);
    case 'union':
      return plan.columns;
    case 'window':
      return [...outputColumns(plan.source), ...plan.values.map((value) => value.column)];
    default:
      return outputColumns(plan.source);
  }
}

/** Rows of a stored table keep their notes until they are aggregated or merged. */
export function hasNotes(plan: Relational): boolean {
  if (plan.operator === 'scan') return plan.stored;
  if (plan.operator === 'union') return plan.sources.some((source) => hasNotes(source.plan));
  return plan.operator !== 'join' && plan.operator !== 'aggregate' && hasNotes(plan.source);
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

/** The plans that a plan reads. */
export function sourcesOf(plan: Relational): readonly Relational[] {
  switch (plan.operator) {
    case 'scan':
      return [];
    case 'join':
      return [plan.left, plan.right];
    case 'union':
      return plan.sources.map((source) => source.plan);
    default:
      return [plan.source];
  }
}

/** The rows go on for ever. */
export function isStreamed(plan: Relational): boolean {
  return plan.operator === 'scan' ? plan.streamed === true : sourcesOf(plan).some(isStreamed);
}
