import type { Diagnostic, Span } from '#base';
import type { LogicalTracepoint, Relation, RowExport } from '#model';

/** First half: what a script wants changed. Needs no schema. */
export interface Mutations {
  readonly upserts: readonly LogicalTracepoint[];
  /** Tracepoints to delete, and where the script names them. */
  readonly deletes: readonly { readonly name: string; readonly span: Span }[];
}

/** A table function's rows are made by the agent and put in the store as a temporary table under `table` before the SQL runs. */
export interface PlanInput {
  readonly table: string;
  /** Name in PxL, for instance GetTracepointStatus. */
  readonly function: string;
  readonly arguments: Readonly<Record<string, string | bigint | boolean | number>>;
}

/** One px.display. */
export interface PlanOutput {
  readonly name: string;
  /** SQL text with every literal as a parameter or safely quoted. Its columns are `relation`'s in order, then `notes_` if `notes`. */
  readonly sql: string;
  readonly relation: Relation;
  /** The last column of the SQL is each row's notes. */
  readonly notes: boolean;
  /** Goes on with rows as they arrive: how to ask for those at some places in the order of arrival. `sql` is not to be run. */
  readonly following?: Following;
}

export interface Following {
  readonly table: string;
  /** The rows behind the one place, up to and with the other. */
  readonly sql: (after: bigint, upTo: bigint) => string;
}

/** One px.export: rows that go to an endpoint and not to the client. */
export interface PlanExport extends Pick<PlanOutput, 'sql' | 'relation' | 'notes'> {
  readonly to: RowExport;
}

export interface QueryPlan {
  readonly inputs: readonly PlanInput[];
  readonly outputs: readonly PlanOutput[];
  readonly exports: readonly PlanExport[];
}

/** Where the planner learns of tables and table functions. */
export interface Catalog {
  table(name: string): Relation | undefined;
  tables(): readonly string[];
  /** Why a table that somebody fills is not there yet. */
  awaited?(name: string): string | undefined;
  tableFunction(name: string): Relation | undefined;
  tableFunctions(): readonly string[];
}

/** A function to be called with string arguments, as Pixie's clients ask for scripts with a vis.json. */
export interface FunctionCall {
  readonly name: string;
  readonly outputName: string;
  readonly arguments: readonly { readonly name: string; readonly value: string }[];
}

export type Compiled<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };
