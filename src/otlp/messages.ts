import { randomBytes } from 'node:crypto';
import type { otlp } from '#api';
import type { ColumnData, ExportAttribute, ExportMetric, ExportSpan, RowBatch, RowExport } from '#model';

/** What a batch of rows is as OpenTelemetry's messages. */
export interface Telemetry {
  readonly metrics: otlp.ExportMetricsRequest;
  readonly spans: otlp.ExportTraceRequest;
  /** Points and spans in them. */
  readonly made: number;
  /** Those that would have lacked a value that they must have: a time, a measured value, a name. */
  readonly without: number;
}

const scope: otlp.Scope = { name: 'sonde', version: '' };

interface Group {
  readonly resource: otlp.Resource;
  readonly metrics: Map<string, otlp.Metric>;
  readonly spans: otlp.Span[];
}

type Value = string | bigint | number | boolean;

/** Rows with the same resource go under one. */
export function telemetryOf(batch: RowBatch, to: RowExport): Telemetry {
  const resources = new Map<string, Group>();
  let made = 0;
  let without = 0;
  for (let row = 0; row < batch.rows; row++) {
    const at = (column: number) => valueAt(batch.columns[column]!, row);
    const points = to.metrics.map((metric) => pointOf(metric, at));
    const spans = to.spans.map((span) => spanOf(span, at));
    without += [...points, ...spans].filter((each) => each === undefined).length;
    for (const attributes of resourcesOf(to.resource, at)) {
      const key = JSON.stringify(attributes, (_name, value) => (typeof value === 'bigint' ? `${value}n` : value));
      const group: Group = resources.get(key) ?? { resource: { attributes }, metrics: new Map(), spans: [] };
      resources.set(key, group);
      for (const [i, point] of points.entries()) {
        if (point === undefined) continue;
        addPoint(group.metrics, to.metrics[i]!, point);
        made++;
      }
      for (const span of spans) {
        if (span === undefined) continue;
        group.spans.push(span);
        made++;
      }
    }
  }
  const groups = [...resources.values()];
  return {
    metrics: {
      resourceMetrics: groups.flatMap(({ resource, metrics }) =>
        metrics.size === 0 ? [] : [{ resource, scopeMetrics: [{ scope, metrics: [...metrics.values()] }] }],
      ),
    },
    spans: {
      resourceSpans: groups.flatMap(({ resource, spans }) =>
        spans.length === 0 ? [] : [{ resource, scopeSpans: [{ scope, spans }] }],
      ),
    },
    made,
    without,
  };
}

type At = (column: number) => Value | undefined;

/** Every choice of one text for each attribute that holds several. */
function resourcesOf(given: readonly ExportAttribute[], at: At): otlp.KeyValue[][] {
  let choices: otlp.KeyValue[][] = [[]];
  for (const attribute of given) {
    const value = 'text' in attribute ? attribute.text : at(attribute.column);
    const values = 'each' in attribute ? textsIn(value) : [value];
    choices = choices.flatMap((choice) => values.map((each) => [...choice, ...keyValue(attribute.name, each)]));
  }
  return choices;
}

/** The texts of a JSON array of them, or the value itself. */
function textsIn(value: Value | undefined): (Value | undefined)[] {
  if (typeof value !== 'string' || !value.startsWith('[')) return [value];
  try {
    const found: unknown = JSON.parse(value);
    const texts = Array.isArray(found) ? found.filter((each) => typeof each === 'string') : [];
    return texts.length > 0 ? texts : [value];
  } catch {
    return [value];
  }
}

type Point = { readonly number: otlp.NumberDataPoint } | { readonly summary: otlp.SummaryDataPoint };

function pointOf({ time, attributes, data }: ExportMetric, at: At): Point | undefined {
  const when = at(time);
  if (typeof when !== 'bigint') return undefined;
  const common = { timeUnixNano: BigInt.asUintN(64, when), attributes: attributesOf(attributes, at) };
  if (data.kind === 'gauge') {
    const value = at(data.value);
    if (typeof value === 'bigint')
      return { number: { ...common, value: { $case: 'asInt', value: BigInt.asIntN(64, value) } } };
    return typeof value === 'number' ? { number: { ...common, value: { $case: 'asDouble', value } } } : undefined;
  }
  const [count, sum] = [at(data.count), at(data.sum)];
  const quantileValues = data.quantiles.flatMap(({ quantile, value: column }) => {
    const value = at(column);
    return typeof value === 'number' ? [{ quantile, value }] : [];
  });
  if (
    typeof count !== 'bigint' ||
    count < 0n ||
    typeof sum !== 'number' ||
    quantileValues.length < data.quantiles.length
  )
    return undefined;
  return { summary: { ...common, count: BigInt.asUintN(64, count), sum, quantileValues } };
}

/** A metric has all its points of one resource. */
function addPoint(metrics: Map<string, otlp.Metric>, { name, description, unit }: ExportMetric, point: Point): void {
  const key = `${'number' in point ? 'gauge' : 'summary'} ${name}`;
  const metric = metrics.get(key);
  if (metric === undefined) {
    const data: otlp.Metric['data'] =
      'number' in point
        ? { $case: 'gauge', value: { dataPoints: [point.number] } }
        : { $case: 'summary', value: { dataPoints: [point.summary] } };
    metrics.set(key, { name, description, unit, data });
  } else if (metric.data?.$case === 'gauge' && 'number' in point) metric.data.value.dataPoints.push(point.number);
  else if (metric.data?.$case === 'summary' && 'summary' in point) metric.data.value.dataPoints.push(point.summary);
}

function spanOf(span: ExportSpan, at: At): otlp.Span | undefined {
  const name = 'text' in span.name ? span.name.text : at(span.name.column);
  const [start, end] = [at(span.start), at(span.end)];
  if (typeof name !== 'string' || typeof start !== 'bigint' || typeof end !== 'bigint') return undefined;
  const id = (column: number | undefined, bytes: number) => idOf(column === undefined ? undefined : at(column), bytes);
  return {
    traceId: id(span.traceId, 16) ?? randomBytes(16),
    spanId: id(span.spanId, 8) ?? randomBytes(8),
    parentSpanId: id(span.parentSpanId, 8) ?? new Uint8Array(),
    name,
    kind: span.kind,
    startTimeUnixNano: BigInt.asUintN(64, start),
    endTimeUnixNano: BigInt.asUintN(64, end),
    attributes: attributesOf(span.attributes, at),
  };
}

/** An id of hexadecimal digits; half as many as a trace's are B3's short form, which zeros go before. */
function idOf(value: Value | undefined, bytes: number): Uint8Array | undefined {
  if (typeof value !== 'string' || !/^[0-9a-fA-F]+$/.test(value)) return undefined;
  const digits = bytes === 16 && value.length === 16 ? value.padStart(32, '0') : value;
  return digits.length === bytes * 2 ? Buffer.from(digits, 'hex') : undefined;
}

function attributesOf(given: readonly ExportAttribute[], at: At): otlp.KeyValue[] {
  return given.flatMap((each) => keyValue(each.name, 'text' in each ? each.text : at(each.column)));
}

/** Nothing for a value that is not there. */
function keyValue(key: string, value: Value | undefined): otlp.KeyValue[] {
  const made = anyValue(value);
  return made === undefined ? [] : [{ key, value: { value: made } }];
}

function anyValue(value: Value | undefined): otlp.AnyValue['value'] {
  switch (typeof value) {
    case 'string':
      return { $case: 'stringValue', value };
    case 'bigint':
      return { $case: 'intValue', value: BigInt.asIntN(64, value) };
    case 'number':
      return { $case: 'doubleValue', value };
    case 'boolean':
      return { $case: 'boolValue', value };
    default:
      return undefined;
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function valueAt(column: ColumnData, row: number): Value | undefined {
  if (column.valid?.[row] === 0) return undefined;
  switch (column.type) {
    case 'BOOLEAN':
      return column.values[row] !== 0;
    case 'STRING':
      return decoder.decode(column.values.bytes.subarray(column.values.offsets[row], column.values.offsets[row + 1]));
    case 'UINT128':
      return (column.values[2 * row]! << 64n) | column.values[2 * row + 1]!;
    default:
      return column.values[row]!;
  }
}
