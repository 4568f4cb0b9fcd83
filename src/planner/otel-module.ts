import type { Span } from '#base';
import type { ColumnType, ExportAttribute, ExportEndpoint, SemanticType } from '#model';
import { bind, stringArgument, wrongKind } from './call.ts';
import { Fault, fault } from './fault.ts';
import { columnOf, frameOf, newColumn } from './frame.ts';
import { toFloat } from './functions/call.ts';
import { apply, constant, isStreamed, type PlanColumn, reference, type Scalar } from './plan.ts';
import { ownValue } from './row-value.ts';
import type { Session } from './session.ts';
import {
  type Argument,
  type CallSite,
  constantOf,
  type DictEntry,
  type ExportRows,
  type Frame,
  kindName,
  none,
  scalarValue,
  type Value,
} from './value.ts';

/** OpenTelemetry's numbers of a span's kinds. */
const spanKinds = [
  'SPAN_KIND_UNSPECIFIED',
  'SPAN_KIND_INTERNAL',
  'SPAN_KIND_SERVER',
  'SPAN_KIND_CLIENT',
  'SPAN_KIND_PRODUCER',
  'SPAN_KIND_CONSUMER',
];
const server = 2;

/** UCUM's names of units. */
const units: Partial<Record<SemanticType, string>> = { ST_DURATION_NS: 'ns', ST_BYTES: 'By' };

type Maker = (site: CallSite) => Value;

/** `px.otel`: what rows are as metrics and spans, and where they go (Pixie's planner/objects/otel.cc). */
export const otel: Value = module('px.otel', {
  Data: data,
  Endpoint: endpoint,
  metric: module('px.otel.metric', { Gauge: gauge, Summary: summary }),
  trace: module('px.otel.trace', {
    Span: span,
    ...Object.fromEntries(spanKinds.map((name, i) => [name, scalarValue(constant('INT64', BigInt(i)))])),
  }),
});

function module(name: string, members: Readonly<Record<string, Maker | Value>>): Value {
  const names = Object.keys(members);
  const member = (wanted: string, span: Span): Value => {
    const found = Object.hasOwn(members, wanted) ? members[wanted]! : undefined;
    if (typeof found === 'function') return { kind: 'builtin', name: wanted, call: found };
    if (found) return found;
    return fault('pxl.attribute', `'${name}' object has no attribute '${wanted}'`, span, [
      `it has: ${names.join(', ')}`,
    ]);
  };
  return { kind: 'module', name, member, names: () => names };
}

/** `px.export(df, px.otel.Data(…))`. */
export function exportRows(session: Session, site: CallSite): Value {
  const { out, export_spec } = bind(site, ['out', 'export_spec']);
  const { value: rows } = out!;
  const { value: to } = export_spec!;
  if (to.kind !== 'exporter') return wrongKind('Exporter', 'export_spec', export_spec!);
  if (rows.kind === 'opaque') {
    if (rows.poisoned) throw new Fault();
    session.displayed = true;
    return none;
  }
  if (rows.kind !== 'frame') return wrongKind('DataFrame', 'out', out!);
  if (isStreamed(rows.frame.plan))
    fault('pxl.unsupported', 'an export ends, and the rows behind stream() do not', out!.span);
  const asked = new AskedColumns(session, rows.frame);
  const spec = to.of(asked);
  session.exports.push({ frame: asked.frame(site.span), to: spec });
  return none;
}

/** The columns of the rows that are sent: each value once, in the order in which they are asked for. */
class AskedColumns implements ExportRows {
  readonly #session: Session;
  readonly #frame: Frame;
  readonly #outputs: { readonly column: PlanColumn; readonly value: Scalar }[] = [];

  constructor(session: Session, frame: Frame) {
    this.#session = session;
    this.#frame = frame;
  }

  column(argument: Argument, parameter: string, types: readonly ColumnType[]): number {
    const { value, span } = argument;
    if (value.kind === 'opaque') throw new Fault();
    if (constantOf(value)) return wrongKind('Column', parameter, argument);
    const scalar = ownValue(this.#frame, argument, parameter);
    if (!types.includes(scalar.type)) {
      const name = scalar.kind === 'column' ? ` '${scalar.name}'` : '';
      const text = `Expected ${parameter} column${name} to be ${types.join(' or ')}, received ${scalar.type}`;
      fault('pxl.type', text, span);
    }
    return this.#place(scalar);
  }

  time(span: Span): number {
    const column = columnOf(this.#frame, 'time_', span);
    if (column.type !== 'TIME64NS')
      fault('pxl.type', `Expected time column 'time_' to be TIME64NS, received ${column.type}`, span);
    return this.#place(reference(column));
  }

  typeAt(column: number): PlanColumn {
    return this.#outputs[column]!.column;
  }

  frame(span: Span): Frame {
    return frameOf({ operator: 'project', source: this.#frame.plan, outputs: this.#outputs }, this.#frame, span);
  }

  #place(given: Scalar): number {
    const scalar =
      given.type === 'UINT128' ? apply('to_string', { type: 'STRING', semantic: given.semantic }, given) : given;
    const there = this.#outputs.findIndex(({ value }) => value === scalar || sameColumn(value, scalar));
    if (there >= 0) return there;
    const column = newColumn(this.#session, `c${this.#outputs.length}`, scalar);
    return this.#outputs.push({ column, value: scalar }) - 1;
  }
}

function sameColumn(a: Scalar, b: Scalar): boolean {
  return a.kind === 'column' && b.kind === 'column' && a.id === b.id;
}

function data(site: CallSite): Value {
  const bound = bind(site, ['resource', 'data', 'endpoint?']);
  const to = endpointOf(bound.endpoint, site.span);
  const { value } = bound.data!;
  if (value.kind === 'opaque') return value;
  if (value.kind !== 'list' && value.kind !== 'tuple')
    return fault('pxl.type', `Expected data to be a collection, received ${kindName(value)}`, bound.data!.span);
  if (value.items.length === 0) fault('pxl.value', 'Must specify at least 1 data configuration', bound.data!.span);
  for (const item of value.items) {
    if (item.value.kind === 'opaque') throw new Fault();
    if (item.value.kind !== 'metric' && item.value.kind !== 'span')
      fault('pxl.type', `Expected an OTelDataContainer, received ${kindName(item.value)}`, item.span, [
        "px.otel.metric.Gauge(name='latency', value=df.latency)",
      ]);
  }
  const resource = entries(bound.resource, 'resource');
  if (!resource.some(({ key }) => constantOf(key.value)?.value === 'service.name'))
    fault('pxl.value', "'service.name' must be specified in resource", bound.resource!.span);
  const parts = value.items.map((item) => item.value);
  return {
    kind: 'exporter',
    of: (rows) => ({
      endpoint: to,
      resource: attributes(resource, rows).map((each) => withEach(each, rows)),
      metrics: parts.flatMap((part) => (part.kind === 'metric' ? [part.of(rows)] : [])),
      spans: parts.flatMap((part) => (part.kind === 'span' ? [part.of(rows)] : [])),
    }),
  };
}

/** Several services of one pod are a JSON array: such a row is one of each. */
function withEach(attribute: ExportAttribute, rows: ExportRows): ExportAttribute {
  if (!('column' in attribute)) return attribute;
  const { semantic } = rows.typeAt(attribute.column);
  return semantic === 'ST_SERVICE_NAME' || semantic === 'ST_POD_NAME' ? { ...attribute, each: true } : attribute;
}

function endpointOf(argument: Argument | undefined, span: Span): ExportEndpoint {
  if (argument === undefined || argument.value.kind === 'none')
    return fault('pxl.value', 'no default config found for endpoint, please specify one', argument?.span ?? span, [
      "endpoint=px.otel.Endpoint(url='localhost:4317', insecure=True)",
    ]);
  if (argument.value.kind === 'endpoint') return argument.value.endpoint;
  if (argument.value.kind === 'opaque' && argument.value.poisoned) throw new Fault();
  const text = `expected Endpoint type for 'endpoint' arg, received ${kindName(argument.value)}`;
  return fault('pxl.type', text, argument.span);
}

function endpoint(site: CallSite): Value {
  const bound = bind(site, ['url', 'headers?', 'insecure?', 'timeout?']);
  const url = stringArgument(bound.url!, 'url');
  if (!/^[^\s/:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/.test(url)) {
    fault('pxl.value', `'${url}' is no endpoint`, bound.url!.span, [
      "host and port of a receiver that speaks OTLP over gRPC, for instance 'localhost:4317'",
    ]);
  }
  const headers = entries(bound.headers, 'headers').map(
    ({ key, item }) => [stringArgument(key, 'header key'), stringArgument(item, 'header value')] as const,
  );
  const insecure = typed(bound.insecure, 'insecure', 'BOOLEAN', 'Bool') ?? false;
  const timeout = typed(bound.timeout, 'timeout', 'INT64', 'Int') ?? 5n;
  const seconds = Number(timeout);
  if (seconds < 0 || seconds > 3600)
    fault('pxl.value', `a timeout of ${timeout} seconds`, bound.timeout!.span, ['0 to 3600']);
  return { kind: 'endpoint', endpoint: { url, headers, insecure: insecure === true, timeout: seconds } };
}

function gauge(site: CallSite): Value {
  const bound = bind(site, ['name', 'value', 'description?', 'attributes?', 'unit?']);
  const common = described(bound);
  return {
    kind: 'metric',
    of: (rows) => {
      const value = rows.column(bound.value!, 'value', ['INT64', 'FLOAT64']);
      return {
        name: common.name,
        description: common.description,
        unit: common.unit ?? unitOf(rows, value),
        time: rows.time(site.span),
        attributes: attributes(common.attributes, rows),
        data: { kind: 'gauge', value },
      };
    },
  };
}

function summary(site: CallSite): Value {
  const bound = bind(site, ['name', 'count', 'sum', 'quantile_values', 'description?', 'attributes?', 'unit?']);
  const common = described(bound);
  const quantiles = entries(bound.quantile_values, 'quantile_values');
  if (quantiles.length === 0)
    fault('pxl.value', 'Summary must have at least one quantile value specified', bound.quantile_values!.span);
  const places = quantiles.map(({ key }) => Number(typed(key, 'quantile', 'FLOAT64', 'Float')));
  places.forEach((quantile, i) => {
    if (!(quantile >= 0 && quantile <= 1))
      fault('pxl.value', `a quantile is from 0 to 1, not ${quantile}`, quantiles[i]!.key.span);
  });
  return {
    kind: 'metric',
    of: (rows) => {
      const float = (argument: Argument, parameter: string) => rows.column(asFloat(argument), parameter, ['FLOAT64']);
      const values = quantiles.map(({ item }) => float(item, 'quantile'));
      return {
        name: common.name,
        description: common.description,
        unit: common.unit ?? unitOf(rows, values[0]!),
        time: rows.time(site.span),
        attributes: attributes(common.attributes, rows),
        data: {
          kind: 'summary',
          count: rows.column(bound.count!, 'count', ['INT64']),
          sum: float(bound.sum!, 'sum'),
          quantiles: values.map((value, i) => ({ quantile: places[i]!, value })),
        },
      };
    },
  };
}

function span(site: CallSite): Value {
  const bound = bind(site, [
    'name',
    'start_time',
    'end_time',
    'trace_id?',
    'span_id?',
    'parent_span_id?',
    'attributes?',
    'kind?',
  ]);
  const { name, start_time, end_time, trace_id, span_id, parent_span_id } = bound;
  const kind = Number(typed(bound.kind, 'kind', 'INT64', 'Int') ?? server);
  if (!(kind in spanKinds)) fault('pxl.value', `there is no kind ${kind} of spans`, bound.kind!.span, spanKinds);
  if (name!.value.kind !== 'scalar' && name!.value.kind !== 'opaque')
    fault('pxl.type', `Expected string or column for 'name' '${kindName(name!.value)}'`, name!.span);
  const fixed = constantOf(name!.value);
  const text = fixed && stringArgument(name!, 'name');
  const given = entries(bound.attributes, 'attributes');
  return {
    kind: 'span',
    of: (rows) => {
      const id = (argument: Argument | undefined, parameter: string) =>
        argument === undefined || argument.value.kind === 'none'
          ? undefined
          : rows.column(argument, parameter, ['STRING']);
      const ids = {
        traceId: id(trace_id, 'trace_id'),
        spanId: id(span_id, 'span_id'),
        parentSpanId: id(parent_span_id, 'parent_span_id'),
      };
      return {
        name: text === undefined ? { column: rows.column(name!, 'name', ['STRING']) } : { text },
        start: rows.column(start_time!, 'time', ['TIME64NS']),
        end: rows.column(end_time!, 'time', ['TIME64NS']),
        ...(ids.traceId === undefined ? {} : { traceId: ids.traceId }),
        ...(ids.spanId === undefined ? {} : { spanId: ids.spanId }),
        ...(ids.parentSpanId === undefined ? {} : { parentSpanId: ids.parentSpanId }),
        kind,
        attributes: attributes(given, rows),
      };
    },
  };
}

/** What every metric has. */
function described(bound: Readonly<Record<string, Argument | undefined>>) {
  const { name, description, attributes: given, unit } = bound;
  const text = stringArgument(name!, 'name');
  if (!/^[A-Za-z][A-Za-z0-9_.-]*$/.test(text)) {
    fault('pxl.value', `Metric name is invalid: '${text}'`, name!.span, [
      'a letter, then letters, digits, `_`, `.` and `-`: https://opentelemetry.io/docs/specs/otel/metrics/api/#instrument',
    ]);
  }
  return {
    name: text,
    description: description ? stringArgument(description, 'description') : '',
    unit: unit === undefined || unit.value.kind === 'none' ? undefined : stringArgument(unit, 'unit'),
    attributes: entries(given, 'attributes'),
  };
}

function unitOf(rows: ExportRows, column: number): string {
  return units[rows.typeAt(column).semantic] ?? '';
}

/** A whole number may stand where a float is wanted. */
function asFloat(argument: Argument): Argument {
  const { value } = argument;
  if (value.kind !== 'scalar' || value.scalar.kind === 'constant' || value.scalar.type !== 'INT64') return argument;
  return { ...argument, value: scalarValue(toFloat(value.scalar)) };
}

function entries(argument: Argument | undefined, parameter: string): readonly DictEntry[] {
  if (argument === undefined) return [];
  const { value } = argument;
  if (value.kind === 'dict') return value.entries;
  if (value.kind === 'opaque' && value.poisoned) throw new Fault();
  const text = `Expected ${parameter} to be a dictionary, received ${kindName(value)}`;
  return fault('pxl.type', text, argument.span);
}

function attributes(given: readonly DictEntry[], rows: ExportRows): ExportAttribute[] {
  return given.map(({ key, item }) => {
    const name = stringArgument(key, 'attribute');
    if (name === '') fault('pxl.value', 'Attribute key must be a non-empty string', key.span);
    const fixed = constantOf(item.value);
    if (fixed?.type === 'STRING') return { name, text: String(fixed.value) };
    if (fixed || (item.value.kind !== 'scalar' && item.value.kind !== 'opaque')) {
      const text = `Expected column or string for attribute value, got '${kindName(item.value)}'`;
      return fault('pxl.type', text, item.span);
    }
    const types = ['STRING', 'INT64', 'FLOAT64', 'BOOLEAN', 'UINT128', 'TIME64NS'] as const;
    return { name, column: rows.column(item, 'attribute', types) };
  });
}

/** A constant of this type; undefined where it is left out. */
function typed(argument: Argument | undefined, parameter: string, type: ColumnType, kind: string) {
  if (argument === undefined) return undefined;
  const found = constantOf(argument.value);
  return found?.type === type ? found.value : wrongKind(kind, parameter, argument);
}
