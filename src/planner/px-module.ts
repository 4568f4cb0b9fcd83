import { formatDuration, type Span } from '#base';
import type { ColumnType } from '#model';
import { aggregateNames } from './aggregates/names.ts';
import { semanticTypes } from './annotations.ts';
import { bind, checkedName, originOf, stringArgument, stringsArgument, wrongKind } from './call.ts';
import { pxHints } from './elsewhere.ts';
import { Fault, fault, suggestions } from './fault.ts';
import { columnOf, frameOf, newColumn } from './frame.ts';
import { callFunction } from './functions/call.ts';
import { operatorFunctions, refusedNames, scalarFunctions } from './functions/registry.ts';
import { exportRows, otel } from './otel-module.ts';
import { pixieTable, pixieTableNames } from './pixie-tables.ts';
import { apply, constant, type Scalar, type Scan } from './plan.ts';
import { constantFunction, constantFunctionNames } from './px-constants.ts';
import { binary, comparison, logical, unary } from './scalars.ts';
import type { Session } from './session.ts';
import { foreignTableFunctions, tableFunctionRelations } from './table-functions.ts';
import { podSelectors } from './targets.ts';
import { timeArgument } from './times.ts';
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
import { windowNames } from './windows.ts';

type Builtin = (session: Session, site: CallSite) => Value;

const builtins: Readonly<Record<string, Builtin>> = {
  DataFrame: dataFrame,
  display: (session, site) => display(session, site, ''),
  debug: (session, site) => display(session, site, '_'),
  export: exportRows,
  script_reference: scriptReference,
  ...podSelectors,
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

/** `px.vis`: how to draw what a function returns, which px does not. */
const vis: Value = {
  kind: 'module',
  name: 'px.vis',
  member: (name, span) => {
    if (name !== 'vega') fault('pxl.attribute', `'px.vis' object has no attribute '${name}'`, span, ['it has: vega']);
    const decorator = (site: CallSite): Value => bind(site, ['fn']).fn!.value;
    return {
      kind: 'builtin',
      name,
      call: (site) => {
        stringArgument(bind(site, ['vega_spec']).vega_spec!, 'vega_spec');
        return { kind: 'builtin', name, call: decorator };
      },
    };
  },
};

/** `px.plugin`: the time that a scheduled run is to cover. Nobody schedules runs here: all there is until now. */
function plugin(session: Session): Value {
  const member = (name: string, span: Span): Value => {
    if (name === 'start_time') return none;
    if (name === 'end_time') return scalarValue(constant('TIME64NS', session.now));
    return fault('pxl.attribute', `'px.plugin' object has no attribute '${name}'`, span, [
      'it has: start_time, end_time',
    ]);
  };
  return { kind: 'module', name: 'px.plugin', member };
}

/** `px.name`. */
export function pxMember(session: Session, name: string, span: Span): Value {
  const builtin = builtins[name];
  if (builtin && Object.hasOwn(builtins, name))
    return { kind: 'builtin', name, call: (site) => builtin(session, site) };
  if (name === 'vis') return vis;
  if (name === 'otel') return otel;
  if (name === 'plugin') return plugin(session);
  const made = constantFunction(session, name);
  if (made) return made;
  const aggregate = [...aggregateNames, ...windowNames].find((each) => each === name);
  if (aggregate) return { kind: 'aggregate', name: aggregate };
  if (Object.hasOwn(semanticTypes, name)) return semanticTypes[name]!;
  if (Object.hasOwn(scalarFunctions, name)) {
    return { kind: 'builtin', name, call: (site) => callFunction(session, name, site) };
  }
  if (Object.hasOwn(operatorFunctions, name)) return { kind: 'builtin', name, call: (site) => operate(name, site) };
  if (session.catalog?.tableFunction(name) || Object.hasOwn(tableFunctionRelations, name)) {
    return { kind: 'builtin', name, call: (site) => tableFunction(session, name, site) };
  }
  if (Object.hasOwn(foreignTableFunctions, name)) {
    return { kind: 'builtin', name, call: (site) => foreignTable(session, name, site) };
  }
  if (Object.hasOwn(refusedNames, name)) {
    fault('pxl.unsupported', `px.${name} is not supported`, span, [refusedNames[name]!]);
  }
  const hints = [...pxHints(name), ...suggestions(name, pxNames(session), 'it has')];
  return fault('pxl.attribute', `'px' object has no attribute '${name}'`, span, hints);
}

/** What `px` has. */
export function pxNames(session: Session): string[] {
  return [
    ...Object.keys(builtins),
    ...constantFunctionNames,
    ...aggregateNames,
    ...windowNames,
    ...Object.keys(semanticTypes),
    ...Object.keys(scalarFunctions),
    ...Object.keys(operatorFunctions),
    ...(session.catalog?.tableFunctions() ?? Object.keys(tableFunctionRelations)),
  ];
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
    if (!widening)
      fault(
        'pxl.type',
        `Cannot cast from '${scalar.type}' to '${to.type}'. Only semantic type casts are allowed.`,
        value!.span,
        castHints(scalar, to),
      );
    if (scalar.kind === 'constant') return scalarValue(constant('FLOAT64', Number(scalar.value), to.semantic));
    return scalarValue(apply('toFloat', { type: 'FLOAT64', semantic: to.semantic }, scalar));
  }
  if (scalar.kind === 'constant') return scalarValue(constant(to.type, scalar.value, to.semantic));
  const { unsigned } = scalar;
  return scalarValue(
    apply('retype', { type: to.type, semantic: to.semantic, ...(unsigned ? { unsigned } : {}) }, scalar),
  );
}

function castHints({ type }: Scalar, to: TypeValue): string[] {
  if (type === 'STRING' && to.semantic === 'ST_DURATION_NS') return ["write px.parse_duration('5ms')"];
  if (type === 'STRING' && to.type === 'UINT128') return ["write px.uint128('…')"];
  return type === 'FLOAT64' && to.type === 'INT64' ? ['write px.floor(…) or px.ceil(…) within'] : [];
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
  const own = session.catalog.table(name);
  const relation = own ?? pixieTable(name);
  if (!own && relation) session.emptyTables.add(name);
  if (!relation) {
    const awaited = session.catalog.awaited?.(name);
    const hints = awaited ? [awaited] : suggestions(name, [...session.catalog.tables(), ...pixieTableNames], 'tables');
    return fault('pxl.unknown-table', `Table '${name}' not found`, originOf(table!), hints);
  }
  const all = relation.columns.map((column) => ({ ...column, id: session.nextId() }));
  const timed = all.find((column) => column.name === 'time_')?.type === 'TIME64NS';
  const whole = frameOf({ operator: 'scan', table: name, stored: true, columns: all }, undefined, site.span);
  const columns = wanted.map((each) => columnOf(whole, each.text, each.span));
  const repeated = wanted.find((each, i) => wanted.findIndex((other) => other.text === each.text) < i);
  if (repeated) fault('pxl.value', `the column '${repeated.text}' is named twice`, repeated.span);
  const plan: Scan = {
    operator: 'scan',
    table: name,
    stored: own !== undefined,
    ...(own ? {} : { empty: true }),
    columns: columns.length > 0 ? columns : all,
    // Rows of a table without times are in every span of time, as in Pixie.
    ...(startNs === undefined || !timed ? {} : { startNs }),
    ...(endNs === undefined || !timed ? {} : { endNs }),
  };
  return { kind: 'frame', frame: frameOf(plan, undefined, site.span) };
}

/** Arguments that table functions take, as `bind` wants them. */
const tableFunctionArguments: Readonly<Record<string, readonly string[]>> = {
  // Pixie's; one agent answers alike whatever it is.
  GetAgentStatus: ['include_kelvin?'],
  GetGoFunctions: ['upid', 'match?'],
  GetGoroutines: ['upid'],
};
const argumentTypes: Readonly<Record<string, ColumnType>> = { upid: 'UINT128', match: 'STRING' };

function tableFunction(session: Session, name: string, site: CallSite): Value {
  const bound = bind(site, tableFunctionArguments[name] ?? []);
  const given: Record<string, string | bigint | boolean | number> = {};
  for (const [parameter, argument] of Object.entries(bound)) {
    if (!argument) continue;
    if (argument.value.kind === 'opaque') return argument.value.poisoned ? argument.value : unknown;
    const value = constantOf(argument.value) ?? wrongKind('Constant', parameter, argument);
    const wanted = argumentTypes[parameter] ?? value.type;
    if (value.type !== wanted)
      fault('pxl.type', `Expected arg '${parameter}' as type '${wanted}', received '${value.type}'`, argument.span);
    given[parameter] = value.value;
  }
  if (!session.catalog) return unknown;
  const relation = session.catalog.tableFunction(name);
  if (!relation) return fault('pxl.unsupported', `px.${name} is not supported here`, site.span);
  const table = session.input(name, given);
  const columns = relation.columns.map((column) => ({ ...newColumn(session, column.name, column), ...column }));
  return { kind: 'frame', frame: frameOf({ operator: 'scan', table, stored: false, columns }, undefined, site.span) };
}

/** `px.add(a, b)`: an operator by its name. */
function operate(name: string, site: CallSite): Value {
  const operator = operatorFunctions[name]!;
  const names = operator === 'not' || name === 'negate' ? ['x'] : ['a', 'b'];
  const bound = bind(site, names);
  const operands: Scalar[] = [];
  for (const each of names) {
    const argument = bound[each]!;
    if (argument.value.kind === 'opaque') return argument.value.poisoned ? argument.value : unknown;
    if (argument.value.kind !== 'scalar') return wrongKind('Column', each, argument);
    operands.push(argument.value.scalar);
  }
  const [a, b] = operands as [Scalar, Scalar];
  if (names.length === 1) return scalarValue(unary(operator as '-' | 'not', a, site.span));
  if (operator === 'and' || operator === 'or') return scalarValue(logical(operator, a, b, site.span));
  if (/^[-+*/%]$/.test(operator)) return scalarValue(binary(operator as '+', a, b, site.span));
  return scalarValue(comparison(operator as '==', a, b, site.span));
}

/** `px.script_reference(label, script, args={})`: a text that Pixie's page shows as a link to another script. */
function scriptReference(_session: Session, site: CallSite): Value {
  const { label, script, args } = bind(site, ['label', 'script', 'args?']);
  const entries: { readonly name: string; readonly argument: Argument }[] = [
    { name: 'label', argument: label! },
    { name: 'script', argument: script! },
  ];
  const names: Scalar[] = [];
  if (args) {
    if (args.value.kind !== 'dict') return wrongKind('Dict', 'args', args);
    for (const { key, item } of args.value.entries) {
      names.push(constant('STRING', stringArgument(key, 'args')));
      entries.push({ name: 'args', argument: item });
    }
  }
  const values: Scalar[] = [];
  for (const { name, argument } of entries) {
    if (argument.value.kind === 'opaque') return argument.value.poisoned ? argument.value : unknown;
    if (argument.value.kind !== 'scalar') return wrongKind('String', name, argument);
    const { scalar } = argument.value;
    if (scalar.type !== 'STRING' && (name !== 'args' || scalar.type === 'TIME64NS')) {
      fault('pxl.type', `Expected arg '${name}' as type 'String', received '${scalar.type}'`, argument.span);
    }
    values.push(
      scalar.type === 'STRING' ? scalar : apply('to_string', { type: 'STRING', semantic: 'ST_NONE' }, scalar),
    );
  }
  const [shown, target, ...rest] = values as [Scalar, Scalar, ...Scalar[]];
  const pairs = rest.flatMap((value, i) => [names[i]!, value]);
  return scalarValue(
    apply('_script_reference', { type: 'STRING', semantic: 'ST_SCRIPT_REFERENCE' }, shown, target, ...pairs),
  );
}

/** A table function of Pixie's agents: its columns, and no rows. */
function foreignTable(session: Session, name: string, site: CallSite): Value {
  const { signature, relation } = foreignTableFunctions[name]!;
  bind(site, signature);
  if (!session.catalog) return unknown;
  session.emptyTables.add(`px.${name}`);
  const columns = relation.columns.map((column) => newColumn(session, column.name, column));
  const plan: Scan = { operator: 'scan', table: name, stored: false, empty: true, columns };
  return { kind: 'frame', frame: frameOf(plan, undefined, site.span) };
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
