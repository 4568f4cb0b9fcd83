import { nearest } from '#base';
import { inputsOf } from './aggregates/all.ts';
import { aggregateNames } from './aggregates/names.ts';
import { bind, intArgument, stringArgument, stringsArgument, wrongKind } from './call.ts';
import { fault, suggestions } from './fault.ts';
import { checkColumnName, columnOf, filterBy, frameOf, namedPair, newColumn, projected } from './frame.ts';
import { apply, constant, type PlanColumn, reference, type SortKey, type Window } from './plan.ts';
import type { Session } from './session.ts';
import { durationArgument } from './times.ts';
import { type Argument, type CallSite, constantOf, type Frame, type Value } from './value.ts';
import { windowNames, windowType } from './windows.ts';

const ofOneColumn = aggregateNames.filter((name) => inputsOf(name) === undefined);

/** `df.sort(by, ascending=True)`; `ascending` may be a list, one for each column. */
export function sort(frame: Frame, site: CallSite): Value {
  const { by, ascending } = bind(site, ['by', 'ascending?']);
  const keys = sortKeys(frame, by!, ascending);
  return { kind: 'frame', frame: frameOf({ operator: 'sort', source: frame.plan, keys }, frame, site.span) };
}

function sortKeys(frame: Frame, by: Argument, ascending: Argument | undefined): SortKey[] {
  const names = stringsArgument(by, 'by');
  const value = ascending?.value;
  const flags = value && (value.kind === 'list' || value.kind === 'tuple') ? value.items : ascending ? [ascending] : [];
  if (flags.length > 1 && flags.length !== names.length) {
    fault('pxl.arguments', `ascending has ${flags.length} values for ${names.length} columns`, ascending!.span);
  }
  return names.map((each, i) => {
    const flag = flags.length > 1 ? flags[i] : flags[0];
    const up = flag ? (constantOf(flag.value) ?? wrongKind('Bool', 'ascending', flag)) : undefined;
    if (up && up.type !== 'BOOLEAN') wrongKind('Bool', 'ascending', flag!);
    return { value: reference(columnOf(frame, each.text, each.span)), descending: up?.value === false };
  });
}

/** `df.distinct(columns=[])`: rows that differ, or the first row for each value of some columns. */
export function distinct(session: Session, frame: Frame, site: CallSite): Value {
  const { columns } = bind(site, ['columns?']);
  const names = columns ? stringsArgument(columns, 'columns') : [];
  if (names.length === 0) {
    const by = frame.columns.map((column) => ({
      column: newColumn(session, column.name, column),
      value: reference(column),
    }));
    return {
      kind: 'frame',
      frame: frameOf({ operator: 'aggregate', source: frame.plan, by, values: [] }, frame, site.span),
    };
  }
  const by = names.map((each) => reference(columnOf(frame, each.text, each.span)));
  const place: PlanColumn = { name: 'place_', type: 'INT64', semantic: 'ST_NONE', id: session.nextId() };
  const value = { column: place, function: 'row_number' as const, argument: by[0]! };
  const plan: Window = { operator: 'window', source: frame.plan, by, order: [], offset: 1n, values: [value] };
  const numbered = frameOf(plan, frame, site.span);
  const first = apply('equal', { type: 'BOOLEAN', semantic: 'ST_NONE' }, reference(place), constant('INT64', 1n));
  return { kind: 'frame', frame: projected(filterBy(numbered, first, site.span), frame.columns, site.span) };
}

const windowOptions = ['by', 'order_by', 'ascending', 'rows', 'offset'];

/**
 * `df.window(by='a', order_by='time_', rows=10, before=('latency', px.lag), mean=('latency', px.mean))`: every row with new columns
 * made of the rows of its group up to itself.
 */
export function window(session: Session, frame: Frame, site: CallSite): Value {
  const options = new Map([...site.keywords].filter(([name]) => windowOptions.includes(name)));
  const bound = bind({ ...site, keywords: options }, ['by?', 'order_by?', 'ascending?', 'rows?', 'offset?']);
  const by = bound.by
    ? stringsArgument(bound.by, 'by').map((each) => reference(columnOf(frame, each.text, each.span)))
    : [];
  const order = bound.order_by ? sortKeys(frame, bound.order_by, bound.ascending) : [];
  const rows = bound.rows ? positive(bound.rows, 'rows') : undefined;
  const taken = frame.columns.map((column) => column.name);
  const made = [...site.keywords].filter(([name]) => !windowOptions.includes(name));
  for (const [name, { value, span }] of made) {
    if (value.kind === 'tuple' || nearest(name, windowOptions).length === 0) continue;
    const hints = suggestions(name, windowOptions, 'its arguments');
    fault('pxl.arguments', `window() got an unexpected keyword argument '${name}'`, span, hints);
  }
  if (made.length === 0) {
    fault('pxl.arguments', 'window() needs a column to make', site.span, ["before=('latency', px.lag)"]);
  }
  const values = made.map(([name, argument]) => {
    const { columns, function: using } = namedPair(frame, name, argument, [...windowNames, ...ofOneColumn]);
    const [column] = columns;
    checkColumnName(name, argument.span, taken);
    taken.push(name);
    const value = reference(column);
    const type = windowType(using, value);
    if (!type)
      return fault(
        'pxl.type',
        `px.${using} over '${column.name}', ${column.type}, is no function of a window`,
        argument.span,
      );
    if ((using === 'rank' || using === 'dense_rank') && order.length === 0) {
      fault('pxl.arguments', `px.${using} needs order_by`, argument.span);
    }
    return { column: newColumn(session, name, type), function: using, argument: value };
  });
  const offset = bound.offset ? positive(bound.offset, 'offset') : 1n;
  const plan: Window = {
    operator: 'window',
    source: frame.plan,
    by,
    order,
    offset,
    values,
    ...(rows === undefined ? {} : { preceding: rows - 1n }),
  };
  return { kind: 'frame', frame: frameOf(plan, frame, site.span) };
}

function positive(argument: Argument, name: string): bigint {
  const value = intArgument(argument, name);
  if (value < 1n) fault('pxl.value', `${name} is at least 1, not ${value}`, argument.span);
  return value;
}

/** `df.rolling('10s', on='time_')`: groups of rows by pieces of time, for groupby() and agg(). */
export function rolling(session: Session, frame: Frame, site: CallSite): Value {
  const { window: size, on } = bind(site, ['window', 'on?']);
  const name = on ? stringArgument(on, 'on') : 'time_';
  const column = columnOf(frame, name, on?.span ?? site.span);
  if (column.type !== 'TIME64NS' && column.type !== 'INT64') {
    fault('pxl.type', `rolling() goes over a time or a number, and '${name}' is ${column.type}`, on?.span ?? site.span);
  }
  const ns = durationArgument(size!, 'window');
  if (ns <= 0n) fault('pxl.value', 'a window is longer than nothing', size!.span);
  const binned = newColumn(session, name, column);
  const value = apply('bin', column, reference(column), constant('INT64', ns));
  const outputs = frame.columns.map((old) =>
    old === column ? { column: binned, value } : { column: old, value: reference(old) },
  );
  const source = frameOf({ operator: 'project', source: frame.plan, outputs }, frame, site.span);
  return { kind: 'rolling', frame: source, column: binned };
}
