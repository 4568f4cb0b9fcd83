import type { Span } from '#base';
import type { Column } from '#model';
import { inputsOf } from './aggregates/all.ts';
import { checkedName, stringArgument } from './call.ts';
import { attributeHints } from './elsewhere.ts';
import { Fault, fault, suggestions } from './fault.ts';
import {
  isStreamed,
  outputColumns,
  type PlanColumn,
  type Relational,
  reference,
  type Scalar,
  sourcesOf,
  typeOf,
} from './plan.ts';
import type { Session } from './session.ts';
import { type Argument, constantOf, type Frame, kindName } from './value.ts';

/** Longest chain of operators, so that walking it never exhausts the stack. */
const mostOperators = 500;
/** Most operators in all branches: a DataFrame that is merged with itself doubles them. */
const mostInAll = 10_000;
/** Columns that the store adds to every table. */
const hidden = ['notes_', 'seq_'];

export function newColumn(
  session: Session,
  name: string,
  like: Pick<Column, 'type' | 'semantic' | 'unsigned'>,
): PlanColumn {
  return { name, ...typeOf(like), id: session.nextId() };
}

export function frameOf(plan: Relational, source: Frame | undefined, span: Span): Frame {
  if (!/^(scan|filter|project)$/.test(plan.operator) && sourcesOf(plan).some(isStreamed)) {
    fault(
      'pxl.unsupported',
      'rows that go on for ever are never all there: behind stream() come columns and filters',
      span,
    );
  }
  const depth = (source?.depth ?? 0) + 1;
  const operators = (source?.operators ?? 0) + 1;
  if (depth > mostOperators || operators > mostInAll)
    fault('pxl.limit', `this DataFrame has gone through more than ${mostOperators} operations`, span);
  return { plan, columns: outputColumns(plan), depth, operators };
}

export function columnOf(frame: Frame, name: string, span: Span): PlanColumn {
  const found = frame.columns.find((column) => column.name === name);
  if (found) return found;
  const names = frame.columns.map((column) => column.name);
  return fault('pxl.unknown-column', `Column '${name}' not found in parent dataframe`, span, [
    ...attributeHints(name),
    ...suggestions(name, names, 'columns'),
  ]);
}

/** Names in the store do not tell upper from lower case, so neither may the names of one result. */
export function checkColumnName(name: string, span: Span, others: readonly string[]): void {
  checkedName(name, 'name of the column', span);
  const lower = name.toLowerCase();
  if (hidden.includes(lower)) fault('pxl.value', `'${name}' is the name of a column that Sonde keeps for itself`, span);
  const other = others.find((each) => each.toLowerCase() === lower);
  if (other === name) fault('pxl.value', `there is already a column '${name}'`, span);
  if (other) fault('pxl.value', `the column names '${other}' and '${name}' differ only in case`, span);
}

export function filterBy(frame: Frame, predicate: Scalar, span: Span): Frame {
  return frameOf({ operator: 'filter', source: frame.plan, predicate }, frame, span);
}

export function projected(frame: Frame, columns: readonly PlanColumn[], span: Span): Frame {
  const outputs = columns.map((column) => ({ column, value: reference(column) }));
  return frameOf({ operator: 'project', source: frame.plan, outputs }, frame, span);
}

/** `('column', px.mean)`: columns and the name of one of these functions; one column, unless the function takes more. */
export function namedPair<Name extends string>(
  frame: Frame,
  out: string,
  argument: Argument,
  names: readonly Name[],
): { readonly columns: readonly [PlanColumn, ...PlanColumn[]]; readonly function: Name } {
  const { value } = argument;
  if (value.kind === 'opaque' && value.poisoned) throw new Fault();
  const items = value.kind === 'tuple' ? value.items : [];
  const last = items.at(-1);
  const named = items.slice(0, -1);
  const wanted = last?.value.kind === 'aggregate' ? inputsOf(last.value.name) : undefined;
  if (!last || named.length !== (wanted?.length ?? 1)) {
    const got = value.kind === 'tuple' ? `a tuple of ${value.items.length}` : kindName(value);
    const hint = wanted ? `${out}=('stack', 'count', 'period_ms', px.pprof)` : `${out}=('column', px.count)`;
    return fault('pxl.type', `Expected tuple for ${out} but received ${got}`, argument.span, [hint]);
  }
  const columns = named.map((each) => {
    if (constantOf(each.value)?.type === 'STRING') return columnOf(frame, stringArgument(each, out), each.span);
    return fault(
      'pxl.type',
      'All elements of the agg tuple must be column names, except the last which should be a function',
      each.span,
      [`${out}=('column', px.count)`],
    );
  }) as [PlanColumn, ...PlanColumn[]];
  if (last.value.kind === 'opaque' && last.value.poisoned) throw new Fault();
  const name =
    last.value.kind === 'aggregate' ? names.find((each) => each === (last.value as { name: string }).name) : undefined;
  if (name === undefined) {
    const { kind } = last.value;
    const given = constantOf(last.value);
    if (kind === 'aggregate' || kind === 'builtin' || kind === 'function') {
      const what = last.value.kind === 'aggregate' ? `px.${last.value.name}` : `'${kindName(last.value)}'`;
      fault('pxl.type', `Expected an aggregate such as px.count, got ${what}`, last.span);
    }
    return fault(
      'pxl.type',
      `Expected second tuple argument to be type Func, received ${kindName(last.value)}`,
      last.span,
      [`${out}=('${columns[0].name}', px.${names.find((each) => each === given?.value) ?? 'count'})`],
    );
  }
  const wrong = columns.find((column, i) => wanted && column.type !== wanted[i]);
  if (wrong)
    fault('pxl.type', `px.${name} cannot be used with '${wrong.name}', a column of ${wrong.type}`, argument.span, [
      `it takes ${wanted!.join(', ')}`,
    ]);
  return { columns, function: name };
}
