import type { Span } from '#base';
import { type CaptureColumn, implicitColumns, type LogicalTracepoint, type Relation } from '#model';
import type { Expression, Statement } from '#pxl';
import { type Parsed, parse } from '#pxl';
import { fromText } from '../annotations.ts';
import { evaluation } from '../compile.ts';
import type { Evaluator } from '../evaluator.ts';
import type { Session } from '../session.ts';
import type { Catalog } from '../types.ts';
import { type Argument, type FunctionValue, type TypeValue, unknown, type Value } from '../value.ts';

/** What is known of a script while it is written: the value of each expression, as far as it could be evaluated. */
export interface Analysis {
  readonly parsed: Parsed;
  readonly session: Session;
  readonly globals: ReadonlyMap<string, Value>;
  /** The tracepoints that the script places. */
  readonly upserts: readonly LogicalTracepoint[];
  valueOf(node: Expression): Value | undefined;
}

/**
 * Evaluates a script for an editor. Functions that nothing calls are called with values that stand in for their arguments, and tables of
 * the script's own tracepoints are there with the columns that it gives them. Faults are `checkScript`'s to tell.
 */
export function analyse(script: string, catalog: Catalog, now: bigint): Analysis {
  const parsed = parse(script);
  const values = new Map<Expression, Value>();
  const observe = (node: Expression, value: Value) => void values.set(node, value);
  const first = evaluation(undefined, { now });
  runAll(first.evaluator, parsed);
  const { upserts } = first.session;
  const own = new Map(upserts.map((each) => [each.table, relationOf(each)]));
  const withOwn: Catalog = {
    ...catalog,
    table: (name) => catalog.table(name) ?? own.get(name),
    tables: () => [...new Set([...catalog.tables(), ...own.keys()])],
  };
  const { session, evaluator } = evaluation(withOwn, { now }, observe);
  runAll(evaluator, parsed);
  return { parsed, session, globals: evaluator.globals.names, upserts, valueOf: (node) => values.get(node) };
}

function runAll(evaluator: Evaluator, { tree }: Parsed): void {
  const called = new Set<FunctionValue['definition']>();
  evaluator.calling = (definition) => void called.add(definition);
  evaluator.run(tree);
  for (const statement of tree.body) {
    if (statement.kind !== 'function' || called.has(statement)) continue;
    const value = evaluator.globals.names.get(statement.name);
    if (value?.kind === 'function') call(evaluator, value, statement);
    else if (value?.kind === 'probe') {
      evaluator.session.inProbe = true;
      call(evaluator, value.function, statement);
      evaluator.session.inProbe = false;
    }
  }
}

function call(evaluator: Evaluator, callee: FunctionValue, { span }: Statement): void {
  const positional = callee.definition.parameters
    .filter(({ name }) => !callee.defaults.has(name))
    .map(({ name }) => standIn(name, callee.annotations.get(name), evaluator.session.now, span));
  const name = callee.definition.name;
  evaluator.guarded(() => evaluator.callFunction(callee, { name, span, positional, keywords: new Map() }));
}

/** What can stand for most arguments: a text is most often a time, where it matters what it is. */
const texts: Readonly<Record<TypeValue['type'], string>> = {
  STRING: '-5m',
  INT64: '1',
  FLOAT64: '1',
  BOOLEAN: 'true',
  TIME64NS: '-5m',
  UINT128: '00000001-0000-0001-0000-000000000001',
  LIST: '[]',
};

function standIn(name: string, annotation: Value | undefined, now: bigint, span: Span): Argument {
  const ahead = /window|interval|period|ttl|duration/.test(name);
  const text =
    annotation?.kind === 'type' ? (ahead && annotation.type === 'STRING' ? '5m' : texts[annotation.type]) : '';
  const value = annotation?.kind === 'type' ? fromText(text, annotation, now) : undefined;
  return { value: value ?? unknown, span };
}

/** The columns that a tracepoint's table will have; what only the binary tells is taken for a text. */
function relationOf({ probes }: LogicalTracepoint): Relation {
  const columns = probes[0]!.columns.map(({ name, capture }: CaptureColumn) =>
    capture.kind === 'latency'
      ? ({ name, type: 'INT64', semantic: 'ST_DURATION_NS' } as const)
      : ({ name, type: 'STRING', semantic: 'ST_NONE' } as const),
  );
  return { columns: [...implicitColumns, ...columns] };
}
