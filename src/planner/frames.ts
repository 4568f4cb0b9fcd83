import type { Span } from '#base';
import { aggregateType } from './aggregates/all.ts';
import { text } from './aggregates/definition.ts';
import { aggregateNames } from './aggregates/names.ts';
import { bind, intArgument, stringArgument, stringsArgument, wrongKind } from './call.ts';
import { frameHints } from './elsewhere.ts';
import { Fault, fault, suggestions } from './fault.ts';
import { checkColumnName, columnOf, filterBy, frameOf, namedPair, newColumn, projected } from './frame.ts';
import { append, merge } from './frame-merge.ts';
import { distinct, rolling, sort, window } from './frame-window.ts';
import { callFunction } from './functions/call.ts';
import { contextKeys, contextNames, contextSource } from './functions/metadata.ts';
import { apply, type PlanColumn, type Relational, reference, typeOf } from './plan.ts';
import { ownValue } from './row-value.ts';
import type { Session } from './session.ts';
import {
  type Argument,
  type CallSite,
  constantOf,
  type Frame,
  kindName,
  scalarValue,
  unknown,
  type Value,
} from './value.ts';

type Method = (session: Session, frame: Frame, site: CallSite) => Value;

const methods: Readonly<Record<string, Method>> = {
  filter: (session, frame, site) => {
    const key = applied(session, frame, bind(site, ['key']).key!);
    return key.value.kind === 'opaque' && !key.value.poisoned
      ? unknown
      : { kind: 'frame', frame: filter(frame, key, site.span) };
  },
  map: (session, frame, site) => {
    const { column_name, expr } = bind(site, ['column_name', 'expr']);
    const text = stringArgument(column_name!, 'column_name');
    const value = applied(session, frame, expr!);
    return { kind: 'frame', frame: assign(session, frame, text, column_name!.span, value) };
  },
  keep: (_session, frame, site) => {
    return {
      kind: 'frame',
      frame: keep(frame, stringsArgument(bind(site, ['columns']).columns!, 'columns'), site.span),
    };
  },
  drop: (_session, frame, site) => ({ kind: 'frame', frame: drop(frame, site) }),
  rename: (session, frame, site) => ({ kind: 'frame', frame: rename(session, frame, site) }),
  fillna: (session, frame, site) => ({ kind: 'frame', frame: fillMissing(session, frame, site) }),
  head: (_session, frame, site) => limit(frame, site, false),
  tail: (_session, frame, site) => limit(frame, site, true),
  groupby: (_session, frame, site) => ({ kind: 'grouped', frame, by: groups(frame, site) }),
  agg: (session, frame, site) => aggregate(session, frame, undefined, site),
  merge,
  append,
  sort: (_session, frame, site) => sort(frame, site),
  distinct,
  window,
  rolling,
  stream: (_session, frame, site) => {
    bind(site, []);
    return { kind: 'frame', frame: frameOf(streamed(frame.plan, site.span), frame, site.span) };
  },
};
const methodNames = Object.keys(methods);
/** What every DataFrame has beside its columns. */
export const frameNames: readonly string[] = [...methodNames, 'ctx'];

/** `df.name`: a method, the metadata, or a column. */
export function frameMember(session: Session, frame: Frame, name: string, span: Span, called = false): Value {
  // A column keeps its name, whatever methods there are; a call of it means the method.
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (method && (called || !frame.columns.some((column) => column.name === name))) {
    return { kind: 'builtin', name, call: (site) => method(session, frame, site) };
  }
  if (name === 'ctx') return { kind: 'context', frame };
  return scalarValue(reference(columnOf(frame, name, span)));
}

/** What `df.name(…)` calls must be a method; a column's name has its own fault. */
export function requireMethod(frame: Frame, name: string, span: Span): void {
  if (Object.hasOwn(methods, name) || frame.columns.some((column) => column.name === name)) return;
  fault('pxl.attribute', `dataframe has no method '${name}'`, span, [
    ...frameHints(name),
    ...suggestions(name, methodNames, 'it has'),
  ]);
}

/** `df.ctx['pod']`: what is known of a row's process, or of the object whose id or name is in the row. */
export function contextMember(session: Session, frame: Frame, name: string, span: Span): Value {
  const names = frame.columns.map((column) => column.name);
  const source = contextSource(name, names);
  if (!source) {
    if (!contextNames.includes(name)) {
      fault('pxl.attribute', `df.ctx has no '${name}'`, span, suggestions(name, contextNames, 'it has'));
    }
    return fault(
      'pxl.unknown-column',
      `Can't resolve metadata because of lack of converting columns in the parent. Need one of [${contextKeys(name).join(', ')}]. Parent type has columns [${names.join(', ')}] available.`,
      span,
    );
  }
  const column = reference(columnOf(frame, source.column, span));
  if (source.function === undefined) return scalarValue(column);
  const argument = { value: scalarValue(column), span };
  return callFunction(session, source.function, { name, span, positional: [argument], keywords: new Map() });
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
  if (value.kind === 'list' || value.kind === 'tuple')
    return { kind: 'frame', frame: keep(frame, stringsArgument(index, 'columns'), span) };
  if (value.kind === 'opaque' && value.poisoned) throw new Fault();
  return fault(
    'pxl.type',
    `subscript argument must have a list of strings or expression. '${kindName(value)}' not allowed`,
    index.span,
    ["df['column'], df[['a', 'b']] or df[df.a > 1]"],
  );
}

/** `df.name = value`: the frame with that column set, in its place or last. */
export function assign(session: Session, frame: Frame, name: string, nameSpan: Span, value: Argument): Frame {
  const scalar = ownValue(frame, value, 'value');
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

/** A function given in place of an expression is called with the DataFrame. */
function applied(session: Session, frame: Frame, argument: Argument): Argument {
  if (argument.value.kind !== 'function') return argument;
  return {
    value: session.callFunction(argument.value, argument.span, [
      { value: { kind: 'frame', frame }, span: argument.span },
    ]),
    span: argument.span,
  };
}

function drop(frame: Frame, site: CallSite): Frame {
  const names = stringsArgument(bind(site, ['columns']).columns!, 'columns');
  for (const each of names) columnOf(frame, each.text, each.span);
  const left = frame.columns.filter((column) => !names.some((each) => each.text === column.name));
  if (left.length === 0) fault('pxl.value', 'drop() would leave no column', site.span);
  return projected(frame, left, site.span);
}

function rename(session: Session, frame: Frame, site: CallSite): Frame {
  const { columns } = bind(site, ['columns']);
  if (columns!.value.kind !== 'dict') return wrongKind('Dict', 'columns', columns!);
  const names = new Map(
    columns!.value.entries.map(({ key, item }) => {
      const old = columnOf(frame, stringArgument(key, 'columns'), key.span);
      return [old.id, { name: stringArgument(item, 'columns'), span: item.span }];
    }),
  );
  const taken: string[] = [];
  const outputs = frame.columns.map((old) => {
    const to = names.get(old.id);
    checkColumnName(to?.name ?? old.name, to?.span ?? site.span, taken);
    taken.push(to?.name ?? old.name);
    return { column: to ? newColumn(session, to.name, old) : old, value: reference(old) };
  });
  return frameOf({ operator: 'project', source: frame.plan, outputs }, frame, site.span);
}

/** `df.fillna(0, columns=['a'])`: a value where there is none, in all columns of its type or in some. */
function fillMissing(session: Session, frame: Frame, site: CallSite): Frame {
  const { value, columns } = bind(site, ['value', 'columns?']);
  const given = constantOf(value!.value) ?? wrongKind('Constant', 'value', value!);
  const named = columns
    ? stringsArgument(columns, 'columns').map((each) => columnOf(frame, each.text, each.span))
    : undefined;
  const wrong = named?.find((column) => column.type !== given.type);
  if (wrong) fault('pxl.type', `'${wrong.name}' is ${wrong.type}, and the value is ${given.type}`, value!.span);
  const outputs = frame.columns.map((old) => {
    if (named ? !named.includes(old) : old.type !== given.type) return { column: old, value: reference(old) };
    return { column: newColumn(session, old.name, old), value: apply('coalesce', typeOf(old), reference(old), given) };
  });
  return frameOf({ operator: 'project', source: frame.plan, outputs }, frame, site.span);
}

/** The plan over a table that goes on. What needs all rows has none to begin with. */
function streamed(plan: Relational, span: Span): Relational {
  switch (plan.operator) {
    case 'scan':
      return { ...plan, streamed: true };
    case 'filter':
    case 'project':
      return { ...plan, source: streamed(plan.source, span) };
    default:
      return fault(
        'pxl.unsupported',
        'stream() goes on with the rows of a table, and these are made of all rows',
        span,
        ["px.DataFrame('table').stream(), with columns and filters"],
      );
  }
}

function limit(frame: Frame, site: CallSite, last: boolean): Value {
  // `_pem_only` is where Pixie's planner may cut; the rows are the same.
  const { n } = bind(site, last ? ['n?'] : ['n?', '_pem_only?']);
  const count = n ? intArgument(n, 'n') : 5n;
  if (count < 0n) fault('pxl.value', `${site.name}() takes a number of rows, not ${count}`, n!.span);
  const plan: Relational = { operator: 'limit', source: frame.plan, count, ...(last ? { last: true } : {}) };
  return { kind: 'frame', frame: frameOf(plan, frame, site.span) };
}

function groups(frame: Frame, site: CallSite): PlanColumn[] {
  const names = stringsArgument(bind(site, ['by']).by!, 'by');
  const by = names.map((each) => columnOf(frame, each.text, each.span));
  return by.filter((column, i) => by.indexOf(column) === i);
}

/** The members of what rolling() gives: its groups are within each piece of time. */
export function rollingMember(session: Session, frame: Frame, column: PlanColumn, name: string, span: Span): Value {
  if (name === 'groupby') {
    const call = (site: CallSite): Value => ({
      kind: 'grouped',
      frame,
      by: [column, ...groups(frame, site).filter((each) => each !== column)],
    });
    return { kind: 'builtin', name, call };
  }
  return groupedMember(session, frame, [column], name, span);
}

/** The one member of what groupby() gives. */
export function groupedMember(
  session: Session,
  frame: Frame,
  by: readonly PlanColumn[],
  name: string,
  span: Span,
): Value {
  if (name === 'rolling') {
    return fault('pxl.unsupported', 'rolling() comes before groupby()', span, [
      "df.rolling('10s').groupby('a').agg(…)",
    ]);
  }
  if (name === 'agg') return { kind: 'builtin', name, call: (site) => aggregate(session, frame, by, site) };
  return fault('pxl.attribute', `'GroupBy' object has no attribute '${name}'`, span, ["agg(out=('column', px.count))"]);
}

function filter(frame: Frame, condition: Argument, span: Span): Frame {
  const predicate = ownValue(frame, condition, 'key');
  if (predicate.type !== 'BOOLEAN') {
    fault('pxl.type', `Expected Boolean for Filter expression, not ${predicate.type}`, condition.span, [
      'for instance df[df.a > 1]',
    ]);
  }
  return filterBy(frame, predicate, span);
}

function keep(frame: Frame, names: readonly { readonly text: string; readonly span: Span }[], span: Span): Frame {
  if (names.length === 0) fault('pxl.value', 'the list of columns is empty', span);
  const columns = names.map((each, i) => {
    if (names.findIndex((other) => other.text === each.text) < i) {
      fault(
        'pxl.value',
        `cannot specify the same column name more than once when filtering by cols. '${each.text}' specified more than once`,
        each.span,
      );
    }
    return columnOf(frame, each.text, each.span);
  });
  return projected(frame, columns, span);
}

function aggregate(session: Session, frame: Frame, by: readonly PlanColumn[] | undefined, site: CallSite): Value {
  if (site.positional.length > 0) {
    const given = site.positional.length;
    const text = `agg() takes 0 arguments but ${given} ${given === 1 ? 'was' : 'were'} given.`;
    fault('pxl.arguments', text, site.positional[0]!.span, ["agg(out=('column', px.count))"]);
  }
  if (site.keywords.size === 0 && !by) {
    fault('pxl.arguments', 'agg() without groupby() needs a column to make', site.span, [
      "agg(out=('column', px.count))",
    ]);
  }
  const taken = (by ?? []).map((column) => column.name);
  const values = [...site.keywords].map(([name, argument]) => {
    const { columns, function: using } = namedPair(frame, name, argument, aggregateNames);
    const [column] = columns;
    checkColumnName(name, argument.span, taken);
    taken.push(name);
    const value = columns.length === 1 ? reference(column) : apply('_packed', text, ...columns.map(reference));
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
