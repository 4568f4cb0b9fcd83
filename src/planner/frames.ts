import type { Span } from '#base';
import type { Column } from '#model';
import { type AggregateName, aggregateType } from './aggregates.ts';
import { bind, checkedName, intArgument, stringArgument, stringsArgument, wrongKind } from './call.ts';
import { Fault, fault, suggestions } from './fault.ts';
import { apply, outputColumns, type PlanColumn, type Relational, reference, type Scalar, typeOf } from './plan.ts';
import type { Session } from './session.ts';
import { type Argument, type CallSite, constantOf, type Frame, kindName, scalarValue, type Value } from './value.ts';

/** Longest chain of operators, so that walking it never exhausts the stack. */
const mostOperators = 500;
/** Methods that PxL has and Sonde lacks. */
const lacking = ['merge', 'append', 'rolling', 'stream'];
const methods = ['filter', 'map', 'drop', 'head', 'groupby', 'agg'];
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
  const depth = (source?.depth ?? 0) + 1;
  if (depth > mostOperators)
    fault('pxl.limit', `this DataFrame has gone through more than ${mostOperators} operations`, span);
  return { plan, columns: outputColumns(plan), depth };
}

/** `df.name`: a method, the metadata, or a column. */
export function frameMember(session: Session, frame: Frame, name: string, span: Span): Value {
  if (methods.includes(name)) return { kind: 'builtin', name, call: (site) => callMethod(session, frame, name, site) };
  if (name === 'ctx') return { kind: 'context', frame };
  if (lacking.includes(name) && !frame.columns.some((column) => column.name === name)) {
    fault('pxl.unsupported', `DataFrame.${name}() is not supported yet`, span);
  }
  return scalarValue(reference(columnOf(frame, name, span)));
}

/** What `df.name(…)` calls must be a method; a column's name has its own fault. */
export function requireMethod(frame: Frame, name: string, span: Span): void {
  if (methods.includes(name) || lacking.includes(name) || frame.columns.some((column) => column.name === name)) return;
  fault('pxl.attribute', `dataframe has no method '${name}'`, span, suggestions(name, methods, 'it has'));
}

/** `df.ctx['pid']`: what is known of a row's process. */
export function contextMember(frame: Frame, name: string, span: Span): Value {
  if (name !== 'pid' && name !== 'asid') {
    fault('pxl.unsupported', `df.ctx['${name}'] is not supported yet`, span, [
      "there is df.ctx['pid'] and df.ctx['asid']",
    ]);
  }
  const upid = frame.columns.find((column) => column.semantic === 'ST_UPID');
  if (!upid) fault('pxl.unknown-column', `df.ctx['${name}'] needs a column with a UPID, and there is none`, span);
  const operation = name === 'pid' ? 'upidToPid' : 'upidToAsid';
  return scalarValue(apply(operation, { type: 'INT64', semantic: 'ST_NONE' }, reference(upid)));
}

export function columnOf(frame: Frame, name: string, span: Span): PlanColumn {
  const found = frame.columns.find((column) => column.name === name);
  if (found) return found;
  const names = frame.columns.map((column) => column.name);
  return fault(
    'pxl.unknown-column',
    `Column '${name}' not found in the DataFrame`,
    span,
    suggestions(name, names, 'columns'),
  );
}

/** `df[…]`: a column, some columns, or the rows for which a condition holds. */
export function frameSubscript(frame: Frame, index: Argument, span: Span): Value {
  const { value } = index;
  if (value.kind === 'scalar') {
    if (value.scalar.kind === 'constant' && value.scalar.type === 'STRING') {
      return scalarValue(reference(columnOf(frame, value.scalar.value as string, index.span)));
    }
    return { kind: 'frame', frame: filter(frame, index, span) };
  }
  if (value.kind === 'list') return { kind: 'frame', frame: keep(frame, stringsArgument(index, 'columns'), span) };
  if (value.kind === 'opaque' && value.poisoned) throw new Fault();
  return fault('pxl.type', `a DataFrame cannot be indexed with '${kindName(value)}'`, index.span, [
    "df['column'], df[['a', 'b']] or df[df.a > 1]",
  ]);
}

/** `df.name = value`: the frame with that column set, in its place or last. */
export function assign(session: Session, frame: Frame, name: string, nameSpan: Span, value: Argument): Frame {
  const scalar = rowValue(frame, value, 'value');
  checkColumnName(
    name,
    nameSpan,
    frame.columns.map((column) => column.name).filter((other) => other !== name),
  );
  const column = newColumn(session, name, scalar);
  const outputs = frame.columns.map((old) =>
    old.name === name ? { column, value: scalar } : { column: old, value: reference(old) },
  );
  if (!frame.columns.some((old) => old.name === name)) outputs.push({ column, value: scalar });
  return frameOf({ operator: 'project', source: frame.plan, outputs }, frame, value.span);
}

/** A value for each row of this very frame. */
function rowValue(frame: Frame, argument: Argument, parameter: string): Scalar {
  const { value } = argument;
  if (value.kind !== 'scalar') return wrongKind('Column', parameter, argument);
  const stranger = strangerIn(value.scalar, new Set(frame.columns.map((column) => column.id)));
  if (stranger !== undefined) {
    fault(
      'pxl.type',
      `the column '${stranger}' in this expression belongs to another DataFrame, or has been replaced since`,
      argument.span,
      ['write the expression over the DataFrame as it is now'],
    );
  }
  return value.scalar;
}

function strangerIn(scalar: Scalar, ids: ReadonlySet<number>): string | undefined {
  if (scalar.kind === 'column') return ids.has(scalar.id) ? undefined : scalar.name;
  if (scalar.kind === 'constant') return undefined;
  for (const argument of scalar.arguments) {
    const found = strangerIn(argument, ids);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Names in the store do not tell upper from lower case, so neither may the names of one result. */
function checkColumnName(name: string, span: Span, others: readonly string[]): void {
  checkedName(name, 'name of the column', span);
  const lower = name.toLowerCase();
  if (hidden.includes(lower)) fault('pxl.value', `'${name}' is the name of a column that Sonde keeps for itself`, span);
  const other = others.find((each) => each.toLowerCase() === lower);
  if (other === name) fault('pxl.value', `there is already a column '${name}'`, span);
  if (other) fault('pxl.value', `the column names '${other}' and '${name}' differ only in case`, span);
}

function callMethod(session: Session, frame: Frame, name: string, site: CallSite): Value {
  switch (name) {
    case 'filter':
      return { kind: 'frame', frame: filter(frame, bind(site, ['key']).key!, site.span) };
    case 'map': {
      const { column_name, expr } = bind(site, ['column_name', 'expr']);
      const text = stringArgument(column_name!, 'column_name');
      return { kind: 'frame', frame: assign(session, frame, text, column_name!.span, expr!) };
    }
    case 'drop': {
      const names = stringsArgument(bind(site, ['columns']).columns!, 'columns');
      for (const each of names) columnOf(frame, each.text, each.span);
      const left = frame.columns.filter((column) => !names.some((each) => each.text === column.name));
      if (left.length === 0) fault('pxl.value', 'drop() would leave no column', site.span);
      return { kind: 'frame', frame: projected(frame, left, site.span) };
    }
    case 'head': {
      const { n } = bind(site, ['n?']);
      const count = n ? intArgument(n, 'n') : 5n;
      if (count < 0n) fault('pxl.value', `head() takes a number of rows, not ${count}`, n!.span);
      return { kind: 'frame', frame: frameOf({ operator: 'limit', source: frame.plan, count }, frame, site.span) };
    }
    case 'groupby': {
      const names = stringsArgument(bind(site, ['by']).by!, 'by');
      const by = names.map((each) => columnOf(frame, each.text, each.span));
      return { kind: 'grouped', frame, by: by.filter((column, i) => by.indexOf(column) === i) };
    }
    default:
      return aggregate(session, frame, undefined, site);
  }
}

/** The one member of what groupby() gives. */
export function groupedMember(
  session: Session,
  frame: Frame,
  by: readonly PlanColumn[],
  name: string,
  span: Span,
): Value {
  if (name === 'agg') return { kind: 'builtin', name, call: (site) => aggregate(session, frame, by, site) };
  return fault('pxl.attribute', `'GroupBy' object has no attribute '${name}'`, span, ["agg(out=('column', px.count))"]);
}

function filter(frame: Frame, condition: Argument, span: Span): Frame {
  const predicate = rowValue(frame, condition, 'key');
  if (predicate.type !== 'BOOLEAN') {
    fault('pxl.type', `a filter needs a BOOLEAN condition, not ${predicate.type}`, condition.span, [
      'for instance df[df.a > 1]',
    ]);
  }
  return frameOf({ operator: 'filter', source: frame.plan, predicate }, frame, span);
}

function keep(frame: Frame, names: readonly { readonly text: string; readonly span: Span }[], span: Span): Frame {
  if (names.length === 0) fault('pxl.value', 'the list of columns is empty', span);
  const columns = names.map((each, i) => {
    if (names.findIndex((other) => other.text === each.text) < i) {
      fault('pxl.value', `the column '${each.text}' is named twice`, each.span);
    }
    return columnOf(frame, each.text, each.span);
  });
  return projected(frame, columns, span);
}

function projected(frame: Frame, columns: readonly PlanColumn[], span: Span): Frame {
  const outputs = columns.map((column) => ({ column, value: reference(column) }));
  return frameOf({ operator: 'project', source: frame.plan, outputs }, frame, span);
}

function aggregate(session: Session, frame: Frame, by: readonly PlanColumn[] | undefined, site: CallSite): Value {
  if (site.positional.length > 0) {
    fault('pxl.arguments', 'agg() takes its columns by name', site.positional[0]!.span, [
      "agg(out=('column', px.count))",
    ]);
  }
  if (site.keywords.size === 0 && !by) {
    fault('pxl.arguments', 'agg() without groupby() needs a column to make', site.span, [
      "agg(out=('column', px.count))",
    ]);
  }
  const taken = (by ?? []).map((column) => column.name);
  const values = [...site.keywords].map(([name, argument]) => {
    const { column, name: using } = aggregation(frame, name, argument);
    checkColumnName(name, argument.span, taken);
    taken.push(name);
    const value = reference(column);
    const result = aggregateType(using, value);
    if (!result) {
      return fault(
        'pxl.type',
        `px.${using} cannot be used with '${column.name}', a column of ${column.type}`,
        argument.span,
      );
    }
    return { column: newColumn(session, name, result), function: using, argument: value };
  });
  const keys = by?.map((column) => ({ column: { ...column, id: session.nextId() }, value: reference(column) }));
  const plan: Relational = { operator: 'aggregate', source: frame.plan, values, ...(keys ? { by: keys } : {}) };
  return { kind: 'frame', frame: frameOf(plan, frame, site.span) };
}

function aggregation(frame: Frame, out: string, argument: Argument): { column: PlanColumn; name: AggregateName } {
  const { value } = argument;
  if (value.kind === 'opaque' && value.poisoned) throw new Fault();
  const [first, second] = value.kind === 'tuple' ? value.items : [];
  if (value.kind !== 'tuple' || value.items.length !== 2 || !first || !second) {
    return fault(
      'pxl.type',
      `Expected Tuple of a column and a function for '${out}', got '${kindName(value)}'`,
      argument.span,
      [`${out}=('column', px.count)`],
    );
  }
  if (constantOf(first.value)?.type !== 'STRING') {
    return fault('pxl.type', `Expected the name of a column, got '${kindName(first.value)}'`, first.span, [
      `${out}=('column', px.count)`,
    ]);
  }
  const column = columnOf(frame, stringArgument(first, out), first.span);
  if (second.value.kind === 'opaque' && second.value.poisoned) throw new Fault();
  if (second.value.kind !== 'aggregate') {
    return fault('pxl.type', `Expected an aggregate such as px.count, got '${kindName(second.value)}'`, second.span);
  }
  return { column, name: second.value.name };
}
