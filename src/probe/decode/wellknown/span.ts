import { hex } from '../bytes.ts';
import type { GraphRenderer, Place } from '../graph.ts';
import type { WellKnown } from './index.ts';

/** The ids of a span, as members of an object, and whose span it is. */
interface SpanIds {
  readonly of: 'otel' | 'datadog';
  readonly members: string;
}

const otel = 'go.opentelemetry.io/otel/';
/** Types that have a `trace.SpanContext`, and the name of the field (OpenTelemetry 1.x). */
const otelSpans: Readonly<Record<string, string>> = {
  [`${otel}sdk/trace.recordingSpan`]: 'spanContext',
  [`${otel}sdk/trace.nonRecordingSpan`]: 'sc',
  [`${otel}trace.nonRecordingSpan`]: 'sc',
};
/** Spans of Datadog: fields of the ids (dd-trace-go 2 and 1). */
const datadogSpans: Readonly<Record<string, readonly [trace: string, span: string, name: string]>> = {
  'github.com/DataDog/dd-trace-go/v2/ddtrace/tracer.Span': ['traceID', 'spanID', 'name'],
  'gopkg.in/DataDog/dd-trace-go.v1/ddtrace/tracer.span': ['TraceID', 'SpanID', 'Name'],
};

/** Undefined: not a span, or one without ids. */
export function spanIds(renderer: GraphRenderer, type: number, place: Place): SpanIds | undefined {
  const { name } = renderer.type(type);
  const contextField = otelSpans[name];
  if (contextField !== undefined) {
    const own = renderer.field(type, place, contextField);
    const members = own && otelIds(renderer, own.type, own.place);
    return members === undefined ? undefined : { of: 'otel', members };
  }
  const fields = datadogSpans[name];
  if (fields === undefined) return undefined;
  const [trace, span] = fields.slice(0, 2).map((field) => renderer.field(type, place, field));
  if (!trace || !span || trace.place.at + 8 > place.end || span.place.at + 8 > place.end) return undefined;
  const ids = [trace, span].map((id) => renderer.uint(id.place.at, 8));
  return { of: 'datadog', members: `"trace_id":${ids[0]},"span_id":${ids[1]}` };
}

/** Of a `trace.SpanContext`: ids in hexadecimal, as everywhere in OpenTelemetry. */
function otelIds(renderer: GraphRenderer, type: number, place: Place): string | undefined {
  const [trace, span, flags] = ['traceID', 'spanID', 'traceFlags'].map((name) => renderer.field(type, place, name));
  if (!trace || !span || !flags || flags.place.at >= place.end) return undefined;
  const text = (at: number, size: number) => hex(renderer.bytes, at, at + size);
  const sampled = (renderer.bytes[flags.place.at]! & 1) !== 0;
  return `"trace_id":"${text(trace.place.at, 16)}","span_id":"${text(span.place.at, 8)}","sampled":${sampled}`;
}

/** A span by its name and ids. */
const span: WellKnown = (renderer, type, place) => {
  const ids = spanIds(renderer, type, place);
  if (ids === undefined) return undefined;
  const name = renderer.field(type, place, datadogSpans[renderer.type(type).name]?.[2] ?? 'name');
  const text = name && renderer.wholeText(name.place);
  return `{${text === undefined ? '' : `"name":${JSON.stringify(text)},`}${ids.members}}`;
};

const spanContext: WellKnown = (renderer, type, place) => {
  const members = otelIds(renderer, type, place);
  return members && `{${members}}`;
};

/** `TraceID`, `SpanID` */
const id: WellKnown = (renderer, type, place) =>
  `"${hex(renderer.bytes, place.at, place.at + renderer.type(type).size)}"`;

export const spans: Readonly<Record<string, WellKnown>> = {
  ...Object.fromEntries([...Object.keys(otelSpans), ...Object.keys(datadogSpans)].map((name) => [name, span])),
  [`${otel}trace.SpanContext`]: spanContext,
  [`${otel}trace.TraceID`]: id,
  [`${otel}trace.SpanID`]: id,
};
