import type { Column, ColumnType, Relation, SemanticType } from '#model';

function column(name: string, type: ColumnType, description: string, semantic: SemanticType = 'ST_NONE'): Column {
  return { name, type, semantic, description };
}

/**
 * The table functions of `px` and what they give: Pixie's by its names and columns (src/vizier/funcs/md_udtfs), with Sonde's
 * own columns behind, and Sonde's GetGoProcesses. The agent makes their rows.
 */
export const tableFunctionRelations: Readonly<Record<string, Relation>> = {
  /** What the functions on Kubernetes' objects give, by function and key: their calls look it up here. */
  _GetMetadata: {
    columns: [
      column('operation', 'STRING', 'the function'),
      column('key', 'STRING', 'its argument'),
      column('value', 'STRING', 'its result'),
      column('namespace', 'STRING', 'what it is about', 'ST_NAMESPACE_NAME'),
    ],
  },
  GetTracepointStatus: {
    columns: [
      column('tracepoint_id', 'UINT128', 'id of the tracepoint'),
      column('name', 'STRING', 'name given in UpsertTracepoint'),
      column('state', 'STRING', 'pending, running, failed, terminated'),
      column('status', 'STRING', 'why it is not running, for people'),
      column('output_tables', 'STRING', 'JSON array of table names'),
      column('target', 'STRING', 'what it is attached to'),
      column('ttl_left', 'INT64', 'time until it ends by itself', 'ST_DURATION_NS'),
      column('hits', 'INT64', 'calls seen'),
      column('rows', 'INT64', 'rows made'),
      column('drops', 'INT64', 'events lost'),
      column('owner', 'STRING', 'who set it'),
      column('kept', 'INT64', 'of the calls seen, those that within, sample, rate and first have kept'),
    ],
  },
  GetSchemas: {
    columns: [
      column('table_name', 'STRING', 'name of the table'),
      column('column_name', 'STRING', 'name of the column'),
      column('column_type', 'STRING', 'type of the column'),
      column('pattern_type', 'STRING', 'Pixie: METRIC, GENERAL and the like'),
      column('column_desc', 'STRING', 'what the column holds'),
    ],
  },
  GetTables: {
    columns: [
      column('table_name', 'STRING', 'name of the table'),
      column('table_desc', 'STRING', 'what the table holds'),
    ],
  },
  GetAgentStatus: {
    columns: [
      column('agent_id', 'UINT128', 'id of the agent'),
      column('asid', 'INT64', 'the short id that UPIDs begin with'),
      column('hostname', 'STRING', 'name of the machine'),
      column('ip_address', 'STRING', 'address of the agent'),
      column('agent_state', 'STRING', 'AGENT_STATE_HEALTHY and the like'),
      column('create_time', 'TIME64NS', 'start of the agent'),
      column('last_heartbeat_ns', 'INT64', 'time since it was last heard of', 'ST_DURATION_NS'),
      column('kernel_headers_installed', 'BOOLEAN', 'kernel headers are there (Sonde does not need them)'),
    ],
  },
  GetGoProcesses: {
    columns: [
      column('upid', 'UINT128', 'process', 'ST_UPID'),
      column('pid', 'INT64', 'process id'),
      column('executable', 'STRING', 'path in the process’s own root'),
      column('go_version', 'STRING', 'go1.26.8'),
      column('module', 'STRING', 'main module'),
      column('symbols', 'BOOLEAN', 'the binary has a symbol table'),
      column('debug_info', 'BOOLEAN', 'the binary has DWARF'),
      column('container', 'STRING', 'container id', 'ST_CONTAINER_NAME'),
      column('cmdline', 'STRING', 'command line'),
      column('namespace', 'STRING', 'namespace of its pod', 'ST_NAMESPACE_NAME'),
      column('pod', 'STRING', 'its pod', 'ST_POD_NAME'),
      column('container_name', 'STRING', 'its container’s name in the pod', 'ST_CONTAINER_NAME'),
      column('node', 'STRING', 'its node', 'ST_NODE_NAME'),
    ],
  },
  GetGoFunctions: {
    columns: [
      column('function', 'STRING', 'name, as the linker has it'),
      column('signature', 'STRING', 'of its parameters and results; empty without debug info'),
      column('file', 'STRING', 'where it is in the source'),
      column('line', 'INT64', 'where it begins'),
    ],
  },
  GetGoroutines: {
    columns: [
      column('goid', 'INT64', 'number of the goroutine'),
      column('state', 'STRING', 'waiting, runnable, syscall, running'),
      column('function', 'STRING', 'the innermost function that is not the runtime’s'),
      column('started', 'STRING', 'the function that it began with'),
      column('stack', 'STRING', 'JSON array of functions, innermost first; inlined ones under their caller’s name'),
    ],
  },
  GetUDFList: {
    columns: [
      column('name', 'STRING', 'name in PxL'),
      column('return_type', 'STRING', 'type of the result'),
      column('args', 'STRING', 'JSON array of the types of the arguments'),
    ],
  },
  GetUDAList: {
    columns: [
      column('name', 'STRING', 'name in PxL'),
      column('return_type', 'STRING', 'type of the result'),
      column('args', 'STRING', 'JSON array of the types of the arguments'),
    ],
  },
  GetUDTFList: {
    columns: [
      column('name', 'STRING', 'name in PxL'),
      column('executor', 'STRING', 'who makes the rows'),
      column('init_args', 'STRING', 'JSON array of the arguments'),
      column('output_relation', 'STRING', 'JSON of the columns'),
    ],
  },
};

interface ForeignFunction {
  /** As `bind` wants them. */
  readonly signature: readonly string[];
  readonly relation: Relation;
}

/** A relation in short: `name:TYPE` or `name:TYPE/SEMANTIC`, an INT64 in bytes for a name alone. */
function brief(text: string): Relation {
  const columns = text.split(' ').map((each) => {
    const [name, type = 'INT64', semantic = type === 'INT64' && !each.includes(':') ? 'ST_BYTES' : 'ST_NONE'] =
      each.split(/[:/]/);
    return column(name!, type as ColumnType, '', semantic as SemanticType);
  });
  return { columns };
}

const heap: Relation = { columns: [column('asid', 'INT64', 'the agent'), column('heap', 'STRING', 'pprof text')] };

/** Table functions that tell of what only Pixie's own agents have: known by their columns, and without rows here. */
export const foreignTableFunctions: Readonly<Record<string, ForeignFunction>> = {
  GetProfilerSamplingPeriodMS: {
    signature: [],
    relation: { columns: [column('asid', 'INT64', 'the agent'), column('profiler_sampling_period_ms', 'INT64', '')] },
  },
  GetLinuxHeadersStatus: {
    signature: ['include_kelvin?'],
    relation: { columns: [column('asid', 'INT64', 'the agent'), column('kernel_headers_installed', 'BOOLEAN', '')] },
  },
  GetCronScriptHistory: {
    signature: [],
    relation: {
      columns: [
        column('script_id', 'STRING', ''),
        column('timestamp', 'TIME64NS', ''),
        column('error_message', 'STRING', ''),
        column('execution_time_ns', 'INT64', '', 'ST_DURATION_NS'),
        column('compilation_time_ns', 'INT64', '', 'ST_DURATION_NS'),
        column('bytes_processed', 'INT64', '', 'ST_BYTES'),
        column('records_processed', 'INT64', ''),
      ],
    },
  },
  Version: { signature: [], relation: { columns: [column('version', 'STRING', '')] } },
  _HeapGrowthStacks: { signature: ['asid'], relation: heap },
  _HeapSample: { signature: ['asid'], relation: heap },
  _HeapStats: { signature: ['asid'], relation: heap },
  _HeapReleaseFreeMemory: { signature: ['asid'], relation: brief('asid:INT64') },
  _HeapRanges: {
    signature: ['asid'],
    relation: brief('asid:INT64 address:INT64 type:STRING length:INT64 inuse_fraction:FLOAT64'),
  },
  _HeapStatsNumeric: {
    signature: ['asid'],
    relation: brief(
      'asid:INT64 current_allocated_bytes heap_size_bytes central_cache_free_bytes transfer_cache_free_bytes ' +
        'thread_cache_free_bytes pageheap_free_bytes pageheap_unmapped_bytes',
    ),
  },
  _DebugStackTrace: { signature: [], relation: brief('asid:INT64 stack_trace:STRING') },
  _DebugAgentProcStatus: {
    signature: [],
    relation: brief(
      'asid:INT64 vm_peak_bytes vm_size_bytes vm_lck_bytes vm_pin_bytes vm_hwm_bytes vm_rss_bytes rss_anon_bytes ' +
        'rss_file_bytes rss_shmem_bytes vm_data_bytes vm_stk_bytes vm_exe_bytes vm_lib_bytes vm_pte_bytes vm_swap_bytes ' +
        'hugetlb_pages_bytes voluntary_ctxt_switches:INT64 nonvoluntary_ctxt_switches:INT64',
    ),
  },
  _DebugAgentProcSMaps: {
    signature: [],
    relation: brief(
      'asid:INT64 address:STRING offset:STRING pathname:STRING size_bytes kernel_page_size_bytes mmu_page_size_bytes ' +
        'rss_bytes pss_bytes shared_clean_bytes shared_dirty_bytes private_clean_bytes private_dirty_bytes ' +
        'referenced_bytes anonymous_bytes lazy_free_bytes anon_huge_pages_bytes shmem_pmd_mapped_bytes ' +
        'file_pmd_mapped_bytes shared_hugetlb_bytes private_hugetlb_bytes swap_bytes swap_pss_bytes locked_bytes',
    ),
  },
  _DebugMDState: {
    signature: [],
    relation: {
      columns: [column('asid', 'INT64', ''), column('pod_name', 'STRING', ''), column('debug_state', 'STRING', '')],
    },
  },
  _DebugMDGetWithPrefix: {
    signature: ['prefix', 'proto'],
    relation: { columns: [column('key', 'STRING', ''), column('value', 'STRING', '')] },
  },
  _DebugTableInfo: {
    signature: [],
    relation: {
      columns: [
        column('asid', 'INT64', ''),
        column('name', 'STRING', ''),
        ...['id', 'batches_added', 'batches_expired', 'bytes_added', 'num_batches', 'compacted_batches', 'size'].map(
          (name) => column(name, 'INT64', ''),
        ),
        column('cold_size', 'INT64', ''),
        column('max_table_size', 'INT64', ''),
        column('min_time', 'TIME64NS', ''),
      ],
    },
  },
};
