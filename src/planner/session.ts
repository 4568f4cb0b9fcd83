import type { Span } from '#base';
import type { LogicalTracepoint, RowExport } from '#model';
import type { Expression } from '#pxl';
import type { Catalog, PlanInput } from './types.ts';
import type { Argument, Frame, FunctionValue, Value } from './value.ts';

/** What one evaluation of a script gathers. */
export interface Session {
  /** Undefined while only mutations are wanted: then DataFrames are opaque. */
  readonly catalog: Catalog | undefined;
  /** Tables that the script's own tracepoints will make or change: DataFrames of these are opaque too. */
  readonly unsettled: ReadonlySet<string>;
  /** Makes the names of the inputs' tables differ from those of other queries that run at the same time. */
  readonly queryId: string;
  /** Nanoseconds since 1970; one instant for the whole script. */
  readonly now: bigint;
  readonly upserts: LogicalTracepoint[];
  readonly deletes: { readonly name: string; readonly span: Span }[];
  readonly inputs: PlanInput[];
  /** Tables of Pixie's that the script reads, which have no rows here. */
  readonly emptyTables: Set<string>;
  readonly displays: { readonly name: string; readonly frame: Frame }[];
  readonly exports: { readonly frame: Frame; readonly to: RowExport }[];
  /** px.display counts; not when functions are called from outside, as in Pixie. */
  readonly displaying: boolean;
  /** A probe function is being evaluated. */
  inProbe: boolean;
  /** A display was seen, also one of an opaque DataFrame. */
  displayed: boolean;
  /** Told of each expression's value, for editors. */
  readonly observe?: (node: Expression, value: Value) => void;
  /** A number not given out before: identity of a column's definition. */
  nextId(): number;
  /** The table that a table function fills for this query; the same one for the same arguments. */
  input(name: string, given?: PlanInput['arguments']): string;
  callFunction(callee: FunctionValue, span: Span, positional?: readonly Argument[]): Value;
}
