import type { Column, ColumnType, Relation, SemanticType } from '#model';

/** Short forms of what many tables have. */
const groups: Readonly<Record<string, string>> = {
  '@process': 'time_:TIME64NS upid:UINT128/ST_UPID',
  '@remote': '@process remote_addr:STRING remote_port:INT64',
  '@connection': '@remote local_addr:STRING local_port:INT64 trace_role:INT64',
  '@request': '@connection encrypted:BOOLEAN',
  '@latency': 'latency:INT64/ST_DURATION_NS',
};

/** Tables of Pixie's collector (src/stirling/source_connectors at the commit in research/pixie.md): names, columns, types, units. */
const schemas: Readonly<Record<string, string>> = {
  process_stats:
    '@process major_faults:INT64 minor_faults:INT64 cpu_utime_ns:INT64/ST_DURATION_NS cpu_ktime_ns:INT64/ST_DURATION_NS ' +
    'num_threads:INT64 vsize_bytes:INT64/ST_BYTES rss_bytes:INT64/ST_BYTES rchar_bytes:INT64/ST_BYTES ' +
    'wchar_bytes:INT64/ST_BYTES read_bytes:INT64/ST_BYTES write_bytes:INT64/ST_BYTES',
  network_stats:
    'time_:TIME64NS pod_id:STRING rx_bytes:INT64/ST_BYTES rx_packets:INT64 rx_errors:INT64 rx_drops:INT64 ' +
    'tx_bytes:INT64/ST_BYTES tx_packets:INT64 tx_errors:INT64 tx_drops:INT64',
  jvm_stats:
    '@process young_gc_time:INT64/ST_DURATION_NS full_gc_time:INT64/ST_DURATION_NS used_heap_size:INT64 ' +
    'total_heap_size:INT64 max_heap_size:INT64',
  conn_stats:
    '@remote trace_role:INT64 addr_family:INT64 protocol:INT64 ssl:BOOLEAN conn_open:INT64 conn_close:INT64 ' +
    'conn_active:INT64 bytes_sent:INT64/ST_BYTES bytes_recv:INT64/ST_BYTES',
  http_events:
    '@request major_version:INT64 minor_version:INT64 content_type:INT64 req_headers:STRING req_method:STRING ' +
    'req_path:STRING req_body:STRING req_body_size:INT64/ST_BYTES resp_headers:STRING resp_status:INT64 ' +
    'resp_message:STRING resp_body:STRING resp_body_size:INT64/ST_BYTES @latency',
  'http2_messages.beta': '@remote trace_role:INT64 stream_id:INT64 headers:STRING body:STRING body_size:INT64/ST_BYTES',
  mysql_events: '@request req_cmd:INT64 req_body:STRING resp_status:INT64 resp_body:STRING @latency',
  pgsql_events: '@request req_cmd:STRING req:STRING resp:STRING @latency',
  cql_events: '@request req_op:INT64 req_body:STRING resp_op:INT64 resp_body:STRING @latency',
  dns_events: '@request req_header:STRING req_body:STRING resp_header:STRING resp_body:STRING @latency',
  redis_events: '@request req_cmd:STRING req_args:STRING resp:STRING @latency',
  mongodb_events: '@request req_cmd:STRING req_body:STRING resp_status:STRING resp_body:STRING @latency',
  'nats_events.beta': '@request cmd:STRING body:STRING resp:STRING',
  'kafka_events.beta': '@request req_cmd:INT64 client_id:STRING req_body:STRING resp:STRING @latency',
  mux_events: '@request req_type:INT64 @latency',
  amqp_events:
    '@request frame_type:INT64 channel:INT64 req_class_id:INT64 req_method_id:INT64 resp_class_id:INT64 ' +
    'resp_method_id:INT64 req_msg:STRING resp_msg:STRING @latency',
  tls_events: '@connection req_type:INT64 req_body:STRING resp_body:STRING @latency',
  tcp_stats_events:
    '@process local_addr:STRING local_port:INT64 remote_addr:STRING remote_port:INT64 tx:INT64/ST_BYTES ' +
    'rx:INT64/ST_BYTES retransmits:INT64',
  'stack_traces.beta': '@process stack_trace_id:INT64 stack_trace:STRING count:INT64',
  proc_exit_events: '@process exit_code:INT64 signal:INT64 comm:STRING',
  proc_stat: 'time_:TIME64NS system_percent:FLOAT64 user_percent:FLOAT64 idle_percent:FLOAT64',
  bcc_pid_cpu_usage: 'time_:TIME64NS pid:INT64 runtime_ns:INT64 cmd:STRING',
  stirling_error: '@process source_connector:STRING status:INT64 error:STRING context:STRING',
  probe_status: '@process source_connector:STRING tracepoint:STRING status:INT64 error:STRING info:STRING',
};

function columnsOf(text: string): Column[] {
  return text.split(' ').flatMap((each): Column[] => {
    if (each.startsWith('@')) return columnsOf(groups[each]!);
    const [name, type, semantic = 'ST_NONE'] = each.split(/[:/]/);
    return [{ name: name!, type: type as ColumnType, semantic: semantic as SemanticType }];
  });
}

/**
 * The relation of a table that Pixie's collector fills and Sonde does not: scripts over it compile, and it has no rows. Undefined
 * for any other name.
 */
export function pixieTable(name: string): Relation | undefined {
  const text = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
  return text === undefined ? undefined : { columns: columnsOf(text) };
}

export const pixieTableNames: readonly string[] = Object.keys(schemas);
