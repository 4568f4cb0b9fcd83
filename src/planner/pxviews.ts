/**
 * The module `pxviews`: Pixie's ready views of its collector's tables, by their names and columns (src/carnot/planner/pxl_lib at the
 * commit in research/pixie.md). Written in PxL; evaluated when a script imports it.
 */
export const pxviewsSource = `
import px

places = ['pod', 'service', 'namespace', 'node']
usage = ['actual_disk_read_throughput', 'actual_disk_write_throughput', 'total_disk_read_throughput', 'total_disk_write_throughput']
disk = {'actual_disk_read': 'read_bytes', 'actual_disk_write': 'write_bytes', 'total_disk_read': 'rchar_bytes', 'total_disk_write': 'wchar_bytes'}


def _placed(df):
    for place in places:
        df[place] = df.ctx[place]
    return df


def _windowed(df, window_ns):
    ''' The start of each row's window; one window for all if there is no length. '''
    df.timestamp = px.bin(df.time_, window_ns) if window_ns is not None else df.time_
    return df


def _length(start_time, end_time):
    return px.parse_time(end_time) - px.parse_time(start_time)


def _http(start_time, end_time):
    ''' Requests but those of health checks and those whose client is not known. '''
    df = px.DataFrame('http_events', start_time=start_time, end_time=end_time)
    df.failure = df.resp_status >= 400
    df.pod_id = df.ctx['pod_id']
    return df[df.req_path not in ['/healthz', '/readyz'] and df.remote_addr != '-']


def inbound_http_summary(start_time, end_time):
    df = _http(start_time, end_time)
    df = df[df.trace_role == 2].groupby(['pod_id', 'remote_addr']).agg(
        latency_quantiles=('latency', px.quantiles), latency_sum=('latency', px.sum), num_requests=('time_', px.count),
        time_=('time_', px.max), num_errors=('failure', px.sum), req_bytes=('req_body_size', px.sum), resp_bytes=('resp_body_size', px.sum))
    df.requestor_ip = df.remote_addr
    requestor_id = px.ip_to_pod_id(df.remote_addr)
    df.requestor_pod = px.pod_id_to_pod_name(requestor_id)
    df.requestor_service = px.pod_id_to_service_name(requestor_id)
    df = _placed(df)
    return df[['time_', 'pod_id'] + places + ['requestor_ip', 'requestor_pod', 'requestor_service', 'latency_quantiles', 'latency_sum',
               'num_requests', 'num_errors', 'req_bytes', 'resp_bytes']]


def http_graph(start_time, end_time):
    df = _http(start_time, end_time)
    df = df.groupby(['pod_id', 'remote_addr', 'trace_role']).agg(
        latency_quantiles=('latency', px.quantiles), latency_sum=('latency', px.sum), num_requests=('time_', px.count),
        time_=('time_', px.max), num_errors=('failure', px.sum), req_bytes=('req_body_size', px.sum), resp_bytes=('resp_body_size', px.sum))
    df.is_local = px.regex_match('127[.]0[.]0[.][0-9]+', df.remote_addr)
    df.is_server = df.trace_role == 2
    df.my_pod = df.ctx['pod']
    df.my_ip = px.pod_name_to_pod_ip(df.my_pod)
    df.my_service = df.ctx['service']
    df.my_pod_id = df.pod_id
    df.their_ip = df.remote_addr
    df.their_pod_id = px.select(df.is_local, df.pod_id, px.ip_to_pod_id(df.remote_addr))
    df.their_pod = px.select(df.is_local, df.my_pod, px.pod_id_to_pod_name(px.ip_to_pod_id(df.remote_addr)))
    df.their_service = px.select(df.is_local, df.my_service, px.service_id_to_service_name(px.ip_to_service_id(df.remote_addr)))
    ends = []
    for what in ['pod_id', 'pod', 'ip', 'service']:
        df['responder_' + what] = px.select(df.is_server, df['my_' + what], df['their_' + what])
        df['requestor_' + what] = px.select(df.is_server, df['their_' + what], df['my_' + what])
        ends = ends + ['responder_' + what, 'requestor_' + what]
    for q in ['p50', 'p90', 'p99']:
        df['latency_' + q] = px.DurationNanos(px.floor(px.pluck_float64(df.latency_quantiles, q)))
    df = df.groupby(ends).agg(
        latency_quantiles=('latency_quantiles', px.any), latency_sum=('latency_sum', px.sum), latency_p50=('latency_p50', px.mean),
        latency_p90=('latency_p90', px.mean), latency_p99=('latency_p99', px.mean), num_requests=('num_requests', px.sum),
        num_errors=('num_errors', px.sum), req_bytes=('req_bytes', px.sum), resp_bytes=('resp_bytes', px.sum), time_=('time_', px.max))
    for side in ['responder', 'requestor']:
        df[side + '_node'] = px.pod_id_to_node_name(df[side + '_pod_id'])
        df[side + '_namespace'] = px.pod_name_to_namespace(df[side + '_pod'])
    return df[['time_', 'responder_pod', 'requestor_pod', 'responder_namespace', 'requestor_namespace', 'responder_node', 'requestor_node',
               'responder_ip', 'requestor_ip', 'responder_service', 'requestor_service', 'latency_p50', 'latency_p90', 'latency_p99',
               'latency_quantiles', 'latency_sum', 'num_requests', 'num_errors', 'req_bytes', 'resp_bytes']]


def _containers(start_time, end_time, window_ns):
    df = _windowed(px.DataFrame('process_stats', start_time=start_time, end_time=end_time), window_ns)
    df.container = df.ctx['container_name']
    df.pod_id = df.ctx['pod_id']
    keys = ['pod_id', 'container'] + (['timestamp'] if window_ns is not None else [])
    length = window_ns if window_ns is not None else _length(start_time, end_time)
    df = df.groupby(['upid'] + keys).agg(
        rss=('rss_bytes', px.mean), vsize=('vsize_bytes', px.mean), last_time=('time_', px.max),
        cpu_utime_ns_max=('cpu_utime_ns', px.max), cpu_utime_ns_min=('cpu_utime_ns', px.min),
        cpu_ktime_ns_max=('cpu_ktime_ns', px.max), cpu_ktime_ns_min=('cpu_ktime_ns', px.min),
        read_bytes_max=('read_bytes', px.max), read_bytes_min=('read_bytes', px.min),
        write_bytes_max=('write_bytes', px.max), write_bytes_min=('write_bytes', px.min),
        rchar_bytes_max=('rchar_bytes', px.max), rchar_bytes_min=('rchar_bytes', px.min),
        wchar_bytes_max=('wchar_bytes', px.max), wchar_bytes_min=('wchar_bytes', px.min))
    df.cpu_ns = (df.cpu_utime_ns_max - df.cpu_utime_ns_min) + (df.cpu_ktime_ns_max - df.cpu_ktime_ns_min)
    for name, source in disk.items():
        df[name + '_throughput'] = (df[source + '_max'] - df[source + '_min']) / length
    df = df.groupby(keys).agg(
        cpu_ns=('cpu_ns', px.sum), rss=('rss', px.sum), vsize=('vsize', px.sum), time_=('last_time', px.max),
        actual_disk_read_throughput=('actual_disk_read_throughput', px.sum),
        actual_disk_write_throughput=('actual_disk_write_throughput', px.sum),
        total_disk_read_throughput=('total_disk_read_throughput', px.sum),
        total_disk_write_throughput=('total_disk_write_throughput', px.sum))
    df.cpu_usage = px.Percent(df.cpu_ns / length)
    if window_ns is not None:
        df.time_ = df.timestamp
    df = _placed(df)
    return df[['time_', 'pod_id', 'container'] + places + ['cpu_usage'] + usage + ['rss', 'vsize']]


def container_process_timeseries(start_time, end_time, window_ns):
    return _containers(start_time, end_time, window_ns)


def container_process_summary(start_time, end_time):
    return _containers(start_time, end_time, None)


def pod_resource_stats(start_time, end_time):
    df = _containers(start_time, end_time, None).groupby(['pod_id'] + places).agg(
        cpu_usage=('cpu_usage', px.sum), rss=('rss', px.sum), vsize=('vsize', px.sum), time_=('time_', px.max),
        actual_disk_read_throughput=('actual_disk_read_throughput', px.sum),
        actual_disk_write_throughput=('actual_disk_write_throughput', px.sum),
        total_disk_read_throughput=('total_disk_read_throughput', px.sum),
        total_disk_write_throughput=('total_disk_write_throughput', px.sum),
        container_count=('vsize', px.count))
    df.pod_start_time = px.pod_name_to_start_time(df.pod)
    df.pod_status = px.pod_name_to_status(df.pod)
    return df[['time_', 'pod_id', 'pod', 'service', 'node', 'namespace', 'container_count', 'pod_start_time', 'pod_status', 'cpu_usage',
               'rss', 'vsize'] + usage]


def _network(start_time, end_time, window_ns):
    df = _windowed(px.DataFrame('network_stats', start_time=start_time, end_time=end_time), window_ns)
    length = window_ns if window_ns is not None else _length(start_time, end_time)
    df = df.groupby(['pod_id'] + (['timestamp'] if window_ns is not None else [])).agg(
        rx_bytes_max=('rx_bytes', px.max), rx_bytes_min=('rx_bytes', px.min), tx_bytes_max=('tx_bytes', px.max), tx_bytes_min=('tx_bytes', px.min),
        rx_drops_max=('rx_drops', px.max), rx_drops_min=('rx_drops', px.min), tx_drops_max=('tx_drops', px.max), tx_drops_min=('tx_drops', px.min),
        rx_errors_max=('rx_errors', px.max), rx_errors_min=('rx_errors', px.min), tx_errors_max=('tx_errors', px.max),
        tx_errors_min=('tx_errors', px.min), time_=('time_', px.max))
    rates = []
    for what in ['bytes', 'drops', 'errors']:
        for way in ['rx', 'tx']:
            name = f'{way}_{what}'
            df[name + '_per_ns'] = (df[name + '_max'] - df[name + '_min']) / length
            rates = rates + [name + '_per_ns']
    if window_ns is not None:
        df.time_ = df.timestamp
    df = _placed(df)
    return df[['time_', 'pod_id'] + places + rates]


def pod_network_timeseries(start_time, end_time, window_ns):
    return _network(start_time, end_time, window_ns)


def pod_network_summary(start_time, end_time):
    return _network(start_time, end_time, None)


def inbound_http_throughput_timeseries(start_time, end_time, window_ns):
    df = _windowed(_http(start_time, end_time), window_ns)
    df.container = df.ctx['container']
    df = df[df.trace_role == 2].groupby(['timestamp', 'container', 'pod_id']).agg(
        num_requests=('latency', px.count), num_errors=('failure', px.sum))
    df.time_ = df.timestamp
    df = _placed(df)
    return df[['time_', 'pod_id'] + places + ['container', 'num_requests', 'num_errors']]


def inbound_http_latency_timeseries(start_time, end_time, window_ns):
    df = _windowed(_http(start_time, end_time), window_ns)
    df = df[df.trace_role == 2].groupby(['timestamp', 'pod_id']).agg(
        latency_quantiles=('latency', px.quantiles), latency_sum=('latency', px.sum), num_requests=('latency', px.count),
        num_errors=('failure', px.sum), req_bytes=('req_body_size', px.sum), resp_bytes=('resp_body_size', px.sum))
    df.time_ = df.timestamp
    df = _placed(df)
    return df[['time_', 'pod_id'] + places + ['latency_quantiles', 'num_requests', 'num_errors', 'latency_sum', 'req_bytes', 'resp_bytes']]


def stacktraces(start_time, end_time):
    df = px.DataFrame('stack_traces.beta', start_time=start_time, end_time=end_time)
    for name in ['namespace', 'pod', 'container', 'cmdline', 'service']:
        df[name] = df.ctx[name]
    df.node = px.Node(px._exec_hostname())
    df.node_num_cpus = px._exec_host_num_cpus()
    df = df.groupby(['node', 'namespace', 'service', 'pod', 'container', 'cmdline', 'stack_trace_id']).agg(
        stack_trace=('stack_trace', px.any), count=('count', px.sum), time_=('time_', px.max), node_num_cpus=('node_num_cpus', px.any))
    return df[['namespace', 'node', 'service', 'pod', 'container', 'cmdline', 'stack_trace', 'time_', 'stack_trace_id', 'count', 'node_num_cpus']]


def connection_throughput_stats(start_time, end_time):
    df = px.DataFrame('conn_stats', start_time=start_time, end_time=end_time)
    df.pod_id = df.ctx['pod_id']
    df = df.groupby(['upid', 'pod_id', 'trace_role', 'remote_addr', 'remote_port', 'ssl', 'protocol']).agg(
        recv_max=('bytes_recv', px.max), recv_min=('bytes_recv', px.min), sent_max=('bytes_sent', px.max), sent_min=('bytes_sent', px.min),
        time_=('time_', px.max))
    df.bytes = (df.recv_max - df.recv_min) + (df.sent_max - df.sent_min)
    df.inbound = px.select(df.trace_role == 2, df.bytes, 0)
    df.outbound = px.select(df.trace_role == 1, df.bytes, 0)
    df = df.groupby(['pod_id', 'remote_addr']).agg(
        time_=('time_', px.max), inbound_conn_throughput=('inbound', px.sum), outbound_conn_throughput=('outbound', px.sum))
    df = _placed(df)
    return df[['time_', 'remote_addr', 'node', 'pod_id', 'pod', 'namespace', 'service', 'inbound_conn_throughput', 'outbound_conn_throughput']]


def processes(start_time, end_time):
    df = px.DataFrame('process_stats', start_time=start_time, end_time=end_time)
    for name in ['pod_id', 'container_name', 'container_id', 'cmdline', 'pid']:
        df[name] = df.ctx[name]
    df = df.groupby(['upid', 'pod_id', 'container_name', 'container_id', 'cmdline', 'pid']).agg(time_=('time_', px.max))
    df = _placed(df)
    df.container_status = px.container_id_to_status(df.container_id)
    return df[['time_', 'service', 'namespace', 'node', 'upid', 'pod_id', 'pod', 'container_name', 'container_id', 'cmdline', 'pid', 'container_status']]
`;
