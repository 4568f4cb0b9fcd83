/** What is no function over rows, as an editor shows it: the form of its call, and what it does. */
const text = `
px.DataFrame(table, select=[], start_time=None, end_time=None) | the rows of a table, between two times
px.display(df, name='output') | shows a table
px.debug(df, name='output') | shows a table, with _ before its name
px.export(out, export_spec) | sends rows to an OTLP endpoint
px.otel.Data(resource, data, endpoint=None) | what px.export sends, and where
px.otel.Endpoint(url, headers={}, insecure=False, timeout=5) | an OTLP receiver, host:port
px.otel.metric.Gauge(name, value, description='', attributes={}, unit=None) | a measured value of each row
px.otel.metric.Summary(name, count, sum, quantile_values, description='', attributes={}, unit=None) | count, sum and quantiles of each row
px.otel.trace.Span(name, start_time, end_time, trace_id=None, span_id=None, parent_span_id=None, attributes={}, kind=SPAN_KIND_SERVER) | a span of each row
px.script_reference(label, script, args={}) | a link to another script
px.equals_any(value, comparisons) | value is one of these constants
px.now() | the time of the query
px.seconds(unit) | so many seconds, in nanoseconds
px.minutes(unit) | so many minutes, in nanoseconds
px.hours(unit) | so many hours, in nanoseconds
px.days(unit) | so many days, in nanoseconds
px.milliseconds(unit) | so many milliseconds, in nanoseconds
px.microseconds(unit) | so many microseconds, in nanoseconds
px.parse_duration(duration) | a text such as '-1h30m', in nanoseconds
px.format_duration(duration) | nanoseconds as a text
px.parse_time(time) | a text as a time
px.strptime(date_string, format) | a text in this format as a time
px.uint128(uuid) | a UPID from its text
px.make_upid(asid, pid, ts_ns) | a UPID from its parts
px.vis.vega(vega_spec) | how to draw what a function returns; px draws nothing
px.count | aggregate: rows
px.sum | aggregate: the sum; of BOOLEANs the rows that are true
px.mean | aggregate: the arithmetic mean
px.min | aggregate: the least value
px.max | aggregate: the greatest value
px.quantiles | aggregate: JSON of p01, p10, p25, p50, p75, p90, p99
px.any | aggregate: some value
px.count_distinct | aggregate: how many different values
px.first | aggregate: the value of the first row
px.last | aggregate: the value of the last row
px.stddev | aggregate: standard deviation of a sample
px.variance | aggregate: variance of a sample
px.median | aggregate: p50
px.histogram | aggregate: JSON of counts by powers of two
px.rate | aggregate: rows a second
px.lag | in window(): the value of the row before
px.lead | in window(): the value of the row behind
px.rank | in window(): place by order_by, with gaps behind equals
px.dense_rank | in window(): place by order_by, without gaps
px.row_number | in window(): place of the row
px.difference | in window(): the value less that of the row before
pxtrace.probe(fn_name, when='', within='', sample=, rate=, first=, per='', signature='', depth=5, elements=64, string_bytes=512, event_bytes=12288, wait_for_pages=False) | decorator: the function below says what to capture of this Go function
pxtrace.ArgExpr(expr) | an expression over arguments: 'r.URL.Path'
pxtrace.RetExpr(expr) | an expression over results: '$0', 'err'
pxtrace.FunctionLatency() | the time between entry and return
pxtrace.Outcome() | how the call ended: returned, panicked, …
pxtrace.Arguments() | all arguments as JSON
pxtrace.Results() | all results as JSON
pxtrace.UpsertTracepoint(name, table_name, probe_fn, target, ttl, no_budget=False, debug_file='') | traces until ttl is over; again with the same name renews it
pxtrace.DeleteTracepoint(name) | ends a tracepoint; its rows stay
pxtrace.PodProcess(pod_name, container_name='', process_name='') | the processes of a pod 'namespace/name'
pxtrace.LabelSelector(labels, namespace='default', container_name='', process_name='') | the processes of pods with these labels
px.PodProcess(pod_name, container_name='', process_name='') | pxtrace.PodProcess
px.LabelSelector(labels, namespace='default', container_name='', process_name='') | pxtrace.LabelSelector
df.filter(key) | the rows for which a condition holds
df.map(column_name, expr) | one more column
df.keep(columns) | these columns
df.drop(columns) | all columns but these
df.rename(columns) | {'old': 'new'}
df.fillna(value, columns=None) | a value in the place of missing ones
df.head(n=5) | the first rows
df.tail(n=5) | the last rows
df.groupby(by) | groups of rows, for agg()
df.agg(out=('column', px.fn)) | aggregates of each group, or of all rows
df.merge(right, how='inner', left_on=[], right_on=[], suffixes=['_x', '_y']) | rows of both that have equal keys
df.append(objs) | the rows of several DataFrames with the same columns
df.sort(by, ascending=True) | rows in the order of columns
df.distinct(columns=None) | each row once, or the first row for each value of columns
df.window(by=None, order_by=None, ascending=True, rows=None, offset=1, out=('column', px.fn)) | columns made of the rows before
df.rolling(window, on='time_') | pieces of time, for groupby() and agg()
df.stream() | goes on with rows as they arrive
df.ctx | what is known of a row's process: df.ctx['pod']
`;

export interface Manual {
  readonly form: string;
  readonly what: string;
}

const manuals = new Map(
  text
    .trim()
    .split('\n')
    .map((line): [string, Manual] => {
      const [form = '', what = ''] = line.split(' | ');
      return [/^[\w.]+/.exec(form)![0], { form, what }];
    }),
);

/** `px.DataFrame`, `pxtrace.probe`, `df.filter`; undefined where the name says it all. */
export function manualOf(name: string): Manual | undefined {
  return manuals.get(name);
}

export const manualNames: readonly string[] = [...manuals.keys()];
