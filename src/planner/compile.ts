import type { Diagnostic, Span } from '#base';
import type { RowExport } from '#model';
import { type Parsed, parse } from '#pxl';
import { fromText, textForms } from './annotations.ts';
import { directivesOf } from './directives.ts';
import { duckdbText, followingOf } from './duckdb.ts';
import { Evaluator } from './evaluator.ts';
import { Fault, fault } from './fault.ts';
import { hasNotes, isStreamed, outputColumns, type Relational } from './plan.ts';
import { addDisplay } from './px-module.ts';
import { optimized } from './rules/optimized.ts';
import type { Session } from './session.ts';
import type { Catalog, Compiled, FunctionCall, Mutations, PlanInput, PlanOutput, QueryPlan } from './types.ts';
import { type Argument, type FunctionValue, kindName, type TypeValue } from './value.ts';

export interface CompileOptions {
  /** Functions to call instead of what the script displays by itself, as Pixie's clients ask for scripts with a vis.json. */
  readonly calls?: readonly FunctionCall[];
  /** Nanoseconds since 1970: px.now(), and what relative times count from. */
  readonly now: bigint;
  /**
   * Goes into the names of the inputs' temporary tables, so that queries at the same time do not take each other's. Two
   * queries of one `now` need different ones. Default: made of `now`.
   */
  readonly queryId?: string;
}

export interface MutationOptions extends CompileOptions {
  /** The tables that there are. With it, faults in what the script does with other tables than its own are found before anything is deployed. */
  readonly catalog?: Catalog;
}

/** The stages behind the tree, for people and for other targets than DuckDB. */
export interface LogicalQuery {
  /** What Pixie's collector would fill and nobody here does: tables, and table functions as `px.name`. */
  readonly emptyTables: readonly string[];
  readonly inputs: readonly PlanInput[];
  readonly outputs: readonly { readonly name: string; readonly plan: Relational; readonly optimized: Relational }[];
  readonly exports: readonly { readonly plan: Relational; readonly optimized: Relational; readonly to: RowExport }[];
}

/**
 * What a script wants deployed and deleted. What it does with the tables that it makes itself is checked by `compileQuery`,
 * once they are there; so is all that it does with tables if `catalog` is left out.
 */
export function compileMutations(script: string | Parsed, options: MutationOptions): Compiled<Mutations> {
  const parsed = typeof script === 'string' ? parse(script) : script;
  const { session, diagnostics } = evaluate(parsed, undefined, options);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const { deletes } = session;
  const { limits, noBudget } = directivesOf(parsed.source);
  const upserts = session.upserts.map((each) => ({
    ...each,
    ...(Object.keys(limits).length === 0 ? {} : { limits: { ...limits, ...each.limits } }),
    ...(noBudget ? { noBudget: true as const } : {}),
  }));
  if (options.catalog) {
    const made = new Set(upserts.map((each) => each.table));
    const checked = evaluate(parsed, options.catalog, options, made);
    const found = checked.diagnostics.length > 0 ? checked.diagnostics : withoutOutput(checked);
    if (found.length > 0) return { ok: false, diagnostics: found };
  }
  return { ok: true, value: { upserts, deletes } };
}

/** What a script asks of the tables, as SQL for DuckDB. Tracepoints that it upserts must be in the catalog by now. */
export function compileQuery(script: string | Parsed, catalog: Catalog, options: CompileOptions): Compiled<QueryPlan> {
  const logical = compileLogical(script, catalog, options);
  if (!logical.ok) return logical;
  const outputs = logical.value.outputs.map(({ name, optimized: plan }): PlanOutput => {
    const columns = outputColumns(plan).map(({ id: _id, ...column }) => column);
    const following = isStreamed(plan) ? { following: followingOf(plan) } : {};
    return { name, sql: duckdbText(plan), relation: { columns }, notes: hasNotes(plan), ...following };
  });
  const exports = logical.value.exports.map(({ optimized: plan, to }) => {
    const columns = outputColumns(plan).map(({ id: _id, ...column }) => column);
    return { sql: duckdbText(plan), relation: { columns }, notes: hasNotes(plan), to };
  });
  return { ok: true, value: { inputs: logical.value.inputs, outputs, exports } };
}

/** The logical plans of a script's outputs, as written and after the rules. */
export function compileLogical(
  script: string | Parsed,
  catalog: Catalog,
  options: CompileOptions,
): Compiled<LogicalQuery> {
  const { session, functions, diagnostics } = evaluate(script, catalog, options);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const lacking = withoutOutput({ session, functions });
  if (lacking.length > 0) return { ok: false, diagnostics: lacking };
  const { mostRows } = directivesOf(typeof script === 'string' ? script : script.source);
  const outputs = session.displays.map(({ name, frame }) => {
    const plan: Relational =
      mostRows === undefined || isStreamed(frame.plan)
        ? frame.plan
        : { operator: 'limit', source: frame.plan, count: mostRows };
    return { name, plan, optimized: optimized(plan) };
  });
  const exports = session.exports.map(({ frame: { plan }, to }) => ({ plan, optimized: optimized(plan), to }));
  return { ok: true, value: { inputs: session.inputs, emptyTables: [...session.emptyTables], outputs, exports } };
}

/** A script that neither shows nor changes anything. */
function withoutOutput({ session, functions }: Pick<Evaluated, 'session' | 'functions'>): Diagnostic[] {
  if (session.displayed || session.exports.length > 0 || session.upserts.length > 0 || session.deletes.length > 0)
    return [];
  const message = 'query does not output a result, please add a px.display() statement';
  const hints =
    functions.length > 0 ? [`a vis.json beside it says which to call of its functions: ${functions.join(', ')}`] : [];
  return [{ id: 'pxl.no-output', message, ...(hints.length > 0 ? { hints } : {}) }];
}

interface Evaluated {
  readonly session: Session;
  /** Names of those that the script defines. */
  readonly functions: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

function evaluate(
  script: string | Parsed,
  catalog: Catalog | undefined,
  options: CompileOptions,
  unsettled: ReadonlySet<string> = new Set(),
): Evaluated {
  const parsed = typeof script === 'string' ? parse(script) : script;
  const { session, evaluator } = evaluation(catalog, options, undefined, unsettled);
  if (parsed.diagnostics.length > 0) return { session, functions: [], diagnostics: parsed.diagnostics };
  const directives = directivesOf(parsed.source);
  if (directives.diagnostics.length > 0) return { session, functions: [], diagnostics: directives.diagnostics };
  evaluator.run(parsed.tree);
  if (evaluator.diagnostics.length === 0) {
    for (const call of options.calls ?? []) evaluator.guarded(() => callFromOutside(evaluator, call));
  }
  return { session, functions: functionsOf(evaluator), diagnostics: withoutRepeats(evaluator.diagnostics) };
}

function functionsOf(evaluator: Evaluator): string[] {
  return [...evaluator.globals.names].flatMap(([name, { kind }]) => (kind === 'function' ? [name] : []));
}

/** An evaluator before it runs, and the session that it fills. */
export function evaluation(
  catalog: Catalog | undefined,
  { calls, now, queryId = now.toString(36) }: CompileOptions,
  observe?: Session['observe'],
  unsettled: ReadonlySet<string> = new Set(),
): { session: Session; evaluator: Evaluator } {
  let ids = 0;
  const session: Session = {
    catalog,
    unsettled,
    queryId,
    now,
    upserts: [],
    deletes: [],
    inputs: [],
    emptyTables: new Set(),
    displays: [],
    exports: [],
    displaying: calls === undefined || calls.length === 0,
    inProbe: false,
    displayed: false,
    ...(observe ? { observe } : {}),
    nextId: () => ++ids,
    input: (name, given = {}) => {
      const there = session.inputs.find((each) => each.function === name && sameArguments(each.arguments, given));
      if (there) return there.table;
      const table = `px_${queryId}_${session.inputs.length}_${name}`;
      session.inputs.push({ table, function: name, arguments: given });
      return table;
    },
    callFunction: (callee, span, positional = []) =>
      evaluator.callFunction(callee, { name: callee.definition.name, span, positional, keywords: new Map() }),
  };
  const evaluator = new Evaluator(session);
  return { session, evaluator };
}

function sameArguments(a: PlanInput['arguments'], b: PlanInput['arguments']): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** One fault in a function that is called twice is told once. */
function withoutRepeats(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const key = (each: Diagnostic) => `${each.span?.start} ${each.message}`;
  return diagnostics.filter((each, i) => diagnostics.findIndex((other) => key(other) === key(each)) === i);
}

function callFromOutside(evaluator: Evaluator, call: FunctionCall): void {
  const { session } = evaluator;
  const callee = evaluator.globals.names.get(call.name);
  if (callee === undefined)
    fault('pxl.unknown-name', `Function to execute, '${call.name}', not found.`, undefined, [
      `the script has: ${functionsOf(evaluator).join(', ')}`,
    ]);
  if (callee.kind !== 'function')
    fault('pxl.type', `'${call.name}' is a '${kindName(callee)}' not a function.`, undefined);
  const { nameSpan } = callee.definition;
  const keywords = new Map<string, Argument>();
  for (const { name, value } of call.arguments)
    keywords.set(name, converted(callee, name, value, session.now, nameSpan));
  const result = evaluator.callFunction(callee, { name: call.name, span: nameSpan, positional: [], keywords });
  if (result.kind === 'opaque') {
    if (result.poisoned) throw new Fault();
    session.displayed = true;
    return;
  }
  session.displayed = true;
  if (result.kind === 'list' || result.kind === 'tuple') {
    result.items.forEach(({ value }, i) => {
      if (value.kind !== 'frame')
        fault(
          'pxl.type',
          `Function '${call.name}' returns '${kindName(value)}' at index ${i}. All returned objects must be dataframes.`,
          nameSpan,
        );
      addDisplay(session, `${call.outputName}[${i}]`, value.frame);
    });
    return;
  }
  if (result.kind !== 'frame') {
    const text = `Function '${call.name}' returns '${kindName(result)}' but should return a DataFrame.`;
    fault('pxl.type', text, nameSpan);
  }
  addDisplay(session, call.outputName, result.frame);
}

function converted(callee: FunctionValue, name: string, text: string, now: bigint, span: Span): Argument {
  const annotation = callee.annotations.get(name);
  const parameter = callee.definition.parameters.find((each) => each.name === name);
  if (!parameter) {
    const own = callee.definition.parameters.map((each) => each.name).join(', ');
    return fault('pxl.arguments', `${callee.definition.name}() got an unexpected keyword argument '${name}'`, span, [
      own === '' ? 'it takes none' : `its arguments: ${own}`,
    ]);
  }
  if (annotation?.kind !== 'type') {
    return fault(
      'pxl.type',
      `the argument '${name}' needs a type annotation to be given from outside`,
      parameter.span,
      [`${name}: str`],
    );
  }
  const value = fromText(text, annotation as TypeValue, now);
  if (!value)
    fault(
      'pxl.value',
      `Failed to parse arg '${name}': '${text}' is not a value of ${annotation.name}`,
      parameter.span,
      [textForms[annotation.type]],
    );
  return { value, span: parameter.span };
}
