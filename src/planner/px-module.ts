import { formatDuration, parseDuration, type Span } from '#base';
import { parseUuid, upidWords } from '#model';
import { aggregateNames } from './aggregates.ts';
import { semanticTypes } from './annotations.ts';
import { bind, checkedName, intArgument, originOf, stringArgument, stringsArgument, wrongKind } from './call.ts';
import { Fault, fault, suggestions } from './fault.ts';
import { columnOf, frameOf, newColumn } from './frames.ts';
import { callScalarFunction, lackingNames, scalarFunctions } from './functions.ts';
import { apply, constant, type Scan } from './plan.ts';
import { comparison, inRange, logical } from './scalars.ts';
import type { Session } from './session.ts';
import { tableFunctionRelations } from './table-functions.ts';
import { timeArgument, timeOf } from './times.ts';
import {
  type Argument,
  type CallSite,
  constantOf,
  none,
  scalarValue,
  type TypeValue,
  unknown,
  type Value,
} from './value.ts';

const unitNs: Readonly<Record<string, bigint>> = {
  microseconds: 1_000n,
  milliseconds: 1_000_000n,
  seconds: 1_000_000_000n,
  minutes: 60_000_000_000n,
  hours: 3_600_000_000_000n,
  days: 86_400_000_000_000n,
};

type Builtin = (session: Session, site: CallSite) => Value;

const builtins: Readonly<Record<string, Builtin>> = {
  DataFrame: dataFrame,
  display: (session, site) => display(session, site, ''),
  debug: (session, site) => display(session, site, '_'),
  now: (session, site) => {
    bind(site, []);
    return scalarValue(constant('TIME64NS', session.now));
  },
  parse_duration: (_session, site) => {
    const { duration } = bind(site, ['duration']);
    const text = stringArgument(duration!, 'duration');
    const ns = parseDuration(text);
    if (ns === undefined)
      fault('pxl.value', `'${text}' is not a duration`, duration!.span, ["for instance '5m', '-1h30m'"]);
    return scalarValue(constant('INT64', inRange(ns, site.span), 'ST_DURATION_NS'));
  },
  parse_time: (session, site) => {
    const { time } = bind(site, ['time']);
    return scalarValue(constant('TIME64NS', timeOf(stringArgument(time!, 'time'), session.now, 'time', time!.span)));
  },
  uint128: (_session, site) => uint128(bind(site, ['uuid']).uuid!),
  make_upid: (_session, site) => {
    const { asid, pid, ts_ns } = bind(site, ['asid', 'pid', 'ts_ns']);
    const word = (argument: Argument, name: string, bits: number) => {
      const value = intArgument(argument, name);
      if (BigInt.asUintN(bits, value) !== value)
        fault('pxl.value', `${value} in arg '${name}' does not fit in ${bits} bits`, argument.span);
      return value;
    };
    const { high, low } = upidWords({
      agentId: Number(word(asid!, 'asid', 32)),
      pid: Number(word(pid!, 'pid', 32)),
      startTicks: word(ts_ns!, 'ts_ns', 64),
    });
    return scalarValue(constant('UINT128', (high << 64n) | low, 'ST_UPID'));
  },
  equals_any: (_session, site) => {
    const { value, comparisons } = bind(site, ['value', 'comparisons']);
    if (value!.value.kind === 'opaque') return value!.value;
    if (value!.value.kind !== 'scalar') return wrongKind('Column', 'value', value!);
    const options = comparisons!.value;
    if (options.kind !== 'list' && options.kind !== 'tuple') return wrongKind('List', 'comparisons', comparisons!);
    const scalar = value!.value.scalar;
    return scalarValue(
      options.items
        .map((item) => {
          const option = constantOf(item.value) ?? wrongKind('Constant', 'comparisons', item);
          return comparison('==', scalar, option, item.span);
        })
        .reduce((all, each) => logical('or', all, each, site.span), constant('BOOLEAN', false)),
    );
  },
};

/** `px.name`. */
export function pxMember(session: Session, name: string, span: Span): Value {
  const builtin = builtins[name];
  if (builtin && Object.hasOwn(builtins, name))
    return { kind: 'builtin', name, call: (site) => builtin(session, site) };
  if (Object.hasOwn(unitNs, name)) return { kind: 'builtin', name, call: (site) => durationOf(name, site) };
  const aggregate = aggregateNames.find((each) => each === name);
  if (aggregate) return { kind: 'aggregate', name: aggregate };
  if (Object.hasOwn(semanticTypes, name)) return semanticTypes[name]!;
  if (Object.hasOwn(scalarFunctions, name)) {
    return { kind: 'builtin', name, call: (site) => callScalarFunction(name, site) };
  }
  if (session.catalog?.tableFunction(name) || Object.hasOwn(tableFunctionRelations, name)) {
    return { kind: 'builtin', name, call: (site) => tableFunction(session, name, site) };
  }
  if (lackingNames.has(name)) fault('pxl.unsupported', `px.${name} is not supported yet`, span);
  const known = [
    ...Object.keys(builtins),
    ...Object.keys(unitNs),
    ...aggregateNames,
    ...Object.keys(semanticTypes),
    ...Object.keys(scalarFunctions),
    ...(session.catalog?.tableFunctions() ?? Object.keys(tableFunctionRelations)),
  ];
  return fault('pxl.attribute', `'px' object has no attribute '${name}'`, span, suggestions(name, known, 'it has'));
}

/** `px.DurationNanos(df.a)`: the same value with another unit. */
export function cast(to: TypeValue, site: CallSite): Value {
  const { value } = bind(site, ['value']);
  const given = value!.value;
  if (given.kind === 'opaque') return given;
  if (given.kind !== 'scalar') return wrongKind('Column', 'value', value!);
  const { scalar } = given;
  if (to.type === 'LIST') return fault('pxl.type', `${to.name} is not a cast`, site.span);
  if (scalar.type !== to.type) {
    const widening = to.type === 'FLOAT64' && scalar.type === 'INT64';
    if (!widening) fault('pxl.type', `Cannot cast from ${scalar.type} to ${to.name}, which is ${to.type}`, value!.span);
    if (scalar.kind === 'constant') return scalarValue(constant('FLOAT64', Number(scalar.value), to.semantic));
    return scalarValue(apply('toFloat', { type: 'FLOAT64', semantic: to.semantic }, scalar));
  }
  if (scalar.kind === 'constant') return scalarValue(constant(to.type, scalar.value, to.semantic));
  const { unsigned } = scalar;
  return scalarValue(
    apply('retype', { type: to.type, semantic: to.semantic, ...(unsigned ? { unsigned } : {}) }, scalar),
  );
}

function durationOf(unit: string, site: CallSite): Value {
  const { unit: count } = bind(site, ['unit']);
  const ns = inRange(intArgument(count!, 'unit') * unitNs[unit]!, site.span);
  return scalarValue(constant('INT64', ns, 'ST_DURATION_NS'));
}

function uint128(argument: Argument): Value {
  const text = stringArgument(argument, 'uuid');
  const words = parseUuid(text);
  if (!words) {
    return fault('pxl.upid', `'${text}' is not a UPID`, originOf(argument), [
      'a UPID looks like 00000003-0024-844a-0000-000008caa618; `px run px/upids` lists those of the Go processes',
    ]);
  }
  return scalarValue(constant('UINT128', (words.high << 64n) | words.low), originOf(argument));
}

function dataFrame(session: Session, site: CallSite): Value {
  const { table, select, start_time, end_time } = bind(site, ['table', 'select?', 'start_time?', 'end_time?']);
  const name = stringArgument(table!, 'table');
  const wanted = select && select.value.kind !== 'none' ? stringsArgument(select, 'select') : [];
  const startNs = timeArgument(start_time, session.now, 'start_time');
  const endNs = timeArgument(end_time, session.now, 'end_time');
  if (startNs !== undefined && endNs !== undefined && endNs < startNs) {
    fault('pxl.value', `end_time is ${formatDuration(startNs - endNs)} before start_time`, end_time!.span);
  }
  if (!session.catalog || session.unsettled.has(name)) return unknown;
  const relation = session.catalog.table(name);
  if (!relation) {
    return fault(
      'pxl.unknown-table',
      `Table '${name}' not found`,
      originOf(table!),
      suggestions(name, session.catalog.tables(), 'tables'),
    );
  }
  const all = relation.columns.map((column) => ({ ...column, id: session.nextId() }));
  const timed = all.find((column) => column.name === 'time_')?.type === 'TIME64NS';
  const bounded = startNs === undefined ? end_time : start_time;
  if (!timed && (startNs !== undefined || endNs !== undefined)) {
    fault('pxl.value', `Table '${name}' has no column time_ for start_time and end_time`, bounded!.span);
  }
  const whole = frameOf({ operator: 'scan', table: name, stored: true, columns: all }, undefined, site.span);
  const columns = wanted.map((each) => columnOf(whole, each.text, each.span));
  const repeated = wanted.find((each, i) => wanted.findIndex((other) => other.text === each.text) < i);
  if (repeated) fault('pxl.value', `the column '${repeated.text}' is named twice`, repeated.span);
  const plan: Scan = {
    operator: 'scan',
    table: name,
    stored: true,
    columns: columns.length > 0 ? columns : all,
    ...(startNs === undefined ? {} : { startNs }),
    ...(endNs === undefined ? {} : { endNs }),
  };
  return { kind: 'frame', frame: frameOf(plan, undefined, site.span) };
}

/** Arguments that Pixie's table functions take; one agent answers them all alike. */
const tableFunctionArguments: Readonly<Record<string, readonly string[]>> = { GetAgentStatus: ['include_kelvin?'] };

function tableFunction(session: Session, name: string, site: CallSite): Value {
  const bound = bind(site, tableFunctionArguments[name] ?? []);
  const given: Record<string, string | bigint | boolean | number> = {};
  for (const [parameter, argument] of Object.entries(bound)) {
    if (!argument) continue;
    const value = constantOf(argument.value) ?? wrongKind('Constant', parameter, argument);
    given[parameter] = value.value;
  }
  if (!session.catalog) return unknown;
  const relation = session.catalog.tableFunction(name);
  if (!relation) return fault('pxl.unsupported', `px.${name} is not supported here`, site.span);
  const table = `px_${session.queryId}_${session.inputs.length}_${name}`;
  session.inputs.push({ table, function: name, arguments: given });
  const columns = relation.columns.map((column) => ({ ...newColumn(session, column.name, column), ...column }));
  return { kind: 'frame', frame: frameOf({ operator: 'scan', table, stored: false, columns }, undefined, site.span) };
}

function display(session: Session, site: CallSite, prefix: string): Value {
  const { out, name } = bind(site, ['out', 'name?']);
  const wanted = prefix + (name ? stringArgument(name, 'name') : 'output');
  checkedName(wanted, 'name of the output', name?.span ?? site.span);
  const { value } = out!;
  if (value.kind === 'opaque') {
    if (value.poisoned) throw new Fault();
    session.displayed = true;
    return none;
  }
  if (value.kind !== 'frame') return wrongKind('DataFrame', 'out', out!);
  if (!session.displaying) return none;
  session.displayed = true;
  addDisplay(session, wanted, value.frame);
  return none;
}

/** Adds an output; a name that is taken gets `_1`, `_2`, … as in Pixie. */
export function addDisplay(session: Session, wanted: string, frame: Extract<Value, { kind: 'frame' }>['frame']): void {
  const taken = new Set(session.displays.map((each) => each.name));
  let name = wanted;
  for (let i = 1; taken.has(name); i++) name = `${wanted}_${i}`;
  session.displays.push({ name, frame });
}
