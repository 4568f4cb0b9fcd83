import type { Span } from '#base';
import type {
  CallSelection,
  Capture,
  CaptureLimits,
  ColumnType,
  ExportEndpoint,
  ExportMetric,
  ExportSpan,
  LogicalProbe,
  PodSelector,
  ProcessSelector,
  RowExport,
  SemanticType,
} from '#model';
import type { Expression, FunctionDefinition } from '#pxl';
import type { AggregateName } from './aggregates/names.ts';
import type { ConstantScalar, PlanColumn, Relational, Scalar, ScalarType } from './plan.ts';
import type { WindowName } from './windows.ts';

/** A DataFrame: a plan and its columns. A changed frame is another one. */
export interface Frame {
  readonly plan: Relational;
  readonly columns: readonly PlanColumn[];
  /** Longest chain of operators in the plan. */
  readonly depth: number;
  /** All operators in the plan; one that two branches share counts twice. */
  readonly operators: number;
}

/** An evaluated expression and where it stands in the call. */
export interface Argument {
  readonly value: Value;
  readonly span: Span;
}

/** A call of something built in. */
export interface CallSite {
  /** How the callee is written in messages: `UpsertTracepoint`. */
  readonly name: string;
  readonly span: Span;
  readonly positional: readonly Argument[];
  readonly keywords: ReadonlyMap<string, Argument>;
}

export interface DictEntry {
  readonly key: Argument;
  readonly item: Argument;
}

/** Names of a scope; a function's scope sees the one that it was defined in. */
export class Scope {
  readonly names = new Map<string, Value>();
  readonly outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.outer = outer;
  }

  find(name: string): Value | undefined {
    return this.names.get(name) ?? this.outer?.find(name);
  }

  visible(): string[] {
    return [...this.names.keys(), ...(this.outer?.visible() ?? [])];
  }
}

export interface FunctionValue {
  readonly kind: 'function';
  readonly definition: FunctionDefinition;
  readonly scope: Scope;
  readonly defaults: ReadonlyMap<string, Argument>;
  readonly annotations: ReadonlyMap<string, Value>;
}

export interface TypeValue {
  readonly kind: 'type';
  readonly name: string;
  readonly type: ColumnType | 'LIST';
  readonly semantic: SemanticType;
}

/** What `px.otel` makes. A point waits for the DataFrame whose columns it names. */
export type OtelValue =
  | { readonly kind: 'endpoint'; readonly endpoint: ExportEndpoint }
  | { readonly kind: 'metric'; readonly of: (rows: ExportRows) => ExportMetric }
  | { readonly kind: 'span'; readonly of: (rows: ExportRows) => ExportSpan }
  | { readonly kind: 'exporter'; readonly of: (rows: ExportRows) => RowExport };

/** The rows that are exported, as columns are asked of them. */
export interface ExportRows {
  /** The place of a value of each row. */
  readonly column: (argument: Argument, parameter: string, types: readonly ColumnType[]) => number;
  /** The type of what stands at that place. */
  readonly typeAt: (column: number) => ScalarType;
  /** The place of `time_`. */
  readonly time: (span: Span) => number;
}

/** What a PxL expression evaluates to. */
export type Value =
  | { readonly kind: 'none' }
  /** A constant, or a value of each row. `origin`: the literal that it came from. */
  | { readonly kind: 'scalar'; readonly scalar: Scalar; readonly origin?: Span }
  | { readonly kind: 'list' | 'tuple'; readonly items: readonly Argument[] }
  | { readonly kind: 'dict'; readonly entries: readonly DictEntry[] }
  | {
      readonly kind: 'module';
      readonly name: string;
      readonly member: (name: string, span: Span) => Value;
      /** Its members, where the module is PxL itself. */
      readonly names?: () => readonly string[];
    }
  | { readonly kind: 'builtin'; readonly name: string; readonly call: (site: CallSite) => Value }
  | FunctionValue
  | {
      readonly kind: 'probe';
      readonly target: string;
      readonly when: LogicalProbe['when'];
      readonly calls: CallSelection | undefined;
      readonly signature: LogicalProbe['signature'];
      readonly limits: Partial<CaptureLimits>;
      readonly waitForPages: boolean;
      readonly span: Span;
      readonly function: FunctionValue;
    }
  /** Which processes a tracepoint is for, made by PodProcess and its like. */
  | { readonly kind: 'pods'; readonly pods: PodSelector }
  | { readonly kind: 'processes'; readonly processes: ProcessSelector }
  | { readonly kind: 'capture'; readonly capture: Capture }
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'grouped'; readonly frame: Frame; readonly by: readonly PlanColumn[] }
  /** Groups of rows by pieces of time, which are `column`. */
  | { readonly kind: 'rolling'; readonly frame: Frame; readonly column: PlanColumn }
  | { readonly kind: 'context'; readonly frame: Frame }
  /** An aggregate, or what a window has beside them. */
  | { readonly kind: 'aggregate'; readonly name: AggregateName | WindowName }
  | TypeValue
  | OtelValue
  /** A DataFrame before its table exists, and all that is made of it. `poisoned`: stands for something that failed and was reported. */
  | { readonly kind: 'opaque'; readonly poisoned: boolean };

export const none: Value = { kind: 'none' };
export const unknown: Value = { kind: 'opaque', poisoned: false };
export const poison: Value = { kind: 'opaque', poisoned: true };

export function scalarValue(scalar: Scalar, origin?: Span): Value {
  return { kind: 'scalar', scalar, ...(origin ? { origin } : {}) };
}

const constantNames: Record<ColumnType, string> = {
  BOOLEAN: 'Bool',
  INT64: 'Int',
  UINT128: 'UInt128',
  FLOAT64: 'Float',
  STRING: 'String',
  TIME64NS: 'Time',
};

/** The kind of a value as Pixie names it in its messages. */
export function kindName(value: Value): string {
  switch (value.kind) {
    case 'none':
      return 'None';
    case 'scalar':
      return value.scalar.kind === 'constant' ? constantNames[value.scalar.type] : 'Column';
    case 'list':
      return 'List';
    case 'tuple':
      return 'Tuple';
    case 'dict':
      return 'Dict';
    case 'module':
      return 'Module';
    case 'builtin':
    case 'function':
    case 'aggregate':
      return 'Function';
    case 'probe':
      return 'Probe';
    case 'pods':
    case 'processes':
      return 'ProcessTarget';
    case 'capture':
      return 'TracingVariable';
    case 'frame':
      return 'DataFrame';
    case 'grouped':
      return 'GroupBy';
    case 'rolling':
      return 'Rolling';
    case 'context':
      return 'Metadata';
    case 'type':
      return 'Type';
    case 'endpoint':
      return 'Endpoint';
    case 'metric':
    case 'span':
      return 'OTelDataContainer';
    case 'exporter':
      return 'Exporter';
    case 'opaque':
      return 'DataFrame';
  }
}

export function constantOf(value: Value): ConstantScalar | undefined {
  return value.kind === 'scalar' && value.scalar.kind === 'constant' ? value.scalar : undefined;
}

/** Evaluates an expression; handed to what must not know the evaluator. */
export type Evaluate = (node: Expression) => Value;
