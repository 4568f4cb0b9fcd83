import { signatures } from './signature.ts';

/** What is known of processes and of Kubernetes' objects (Pixie's metadata_ops.cc, net_ops.cc, process_ops.cc), by the names of these functions. */
export const metadataFunctions = signatures(`
  upid(pid: INT64, start_time: INT64) -> UINT128/ST_UPID
  upid(asid: INT64, pid: INT64, start_time: INT64) -> UINT128/ST_UPID
  upid_to_pid(upid: UINT128) -> INT64
  upid_to_asid(upid: UINT128) -> INT64
  upid_to_string(upid: UINT128) -> STRING
  upid_to_start_ts(upid: UINT128) -> TIME64NS
  upid_to_cmdline(upid: UINT128) -> STRING
  upid_to_hostname(upid: UINT128) -> STRING
  upid_to_container_id(upid: UINT128) -> STRING
  upid_to_container_name(upid: UINT128) -> STRING/ST_CONTAINER_NAME
  upid_to_pod_id(upid: UINT128) -> STRING
  upid_to_pod_name(upid: UINT128) -> STRING/ST_POD_NAME
  upid_to_pod_status(upid: UINT128) -> STRING
  upid_to_pod_qos(upid: UINT128) -> STRING
  upid_to_namespace(upid: UINT128) -> STRING/ST_NAMESPACE_NAME
  upid_to_node_name(upid: UINT128) -> STRING/ST_NODE_NAME
  upid_to_service_id(upid: UINT128) -> STRING
  upid_to_service_name(upid: UINT128) -> STRING/ST_SERVICE_NAME
  upid_to_replicaset_id(upid: UINT128) -> STRING
  upid_to_replicaset_name(upid: UINT128) -> STRING
  upid_to_deployment_id(upid: UINT128) -> STRING
  upid_to_deployment_name(upid: UINT128) -> STRING
  _upid_to_podname_local_addr_fallback(upid: UINT128, addr: STRING) -> STRING/ST_POD_NAME
  pod_id_to_pod_name(pod_id: STRING) -> STRING/ST_POD_NAME
  pod_id_to_pod_labels(pod_id: STRING) -> STRING
  pod_id_to_namespace(pod_id: STRING) -> STRING/ST_NAMESPACE_NAME
  pod_id_to_node_name(pod_id: STRING) -> STRING/ST_NODE_NAME
  pod_id_to_replicaset_id(pod_id: STRING) -> STRING
  pod_id_to_replicaset_name(pod_id: STRING) -> STRING
  pod_id_to_deployment_id(pod_id: STRING) -> STRING
  pod_id_to_deployment_name(pod_id: STRING) -> STRING
  pod_id_to_start_time(pod_id: STRING) -> TIME64NS
  pod_id_to_stop_time(pod_id: STRING) -> TIME64NS
  pod_id_to_service_id(pod_id: STRING) -> STRING
  pod_id_to_service_name(pod_id: STRING) -> STRING/ST_SERVICE_NAME
  pod_id_to_owner_references(pod_id: STRING) -> STRING
  pod_name_to_pod_id(pod_name: STRING) -> STRING
  pod_name_to_pod_ip(pod_name: STRING) -> STRING
  pod_name_to_namespace(pod_name: STRING) -> STRING/ST_NAMESPACE_NAME
  pod_name_to_replicaset_id(pod_name: STRING) -> STRING
  pod_name_to_replicaset_name(pod_name: STRING) -> STRING
  pod_name_to_deployment_id(pod_name: STRING) -> STRING
  pod_name_to_deployment_name(pod_name: STRING) -> STRING
  pod_name_to_start_time(pod_name: STRING) -> TIME64NS
  pod_name_to_stop_time(pod_name: STRING) -> TIME64NS
  pod_name_to_service_id(pod_name: STRING) -> STRING
  pod_name_to_service_name(pod_name: STRING) -> STRING/ST_SERVICE_NAME
  pod_name_to_status(pod_name: STRING) -> STRING
  pod_name_to_owner_references(pod_name: STRING) -> STRING
  service_id_to_service_name(service_id: STRING) -> STRING/ST_SERVICE_NAME
  service_id_to_cluster_ip(service_id: STRING) -> STRING
  service_id_to_external_ips(service_id: STRING) -> STRING
  service_name_to_service_id(service_name: STRING) -> STRING
  service_name_to_namespace(service_name: STRING) -> STRING/ST_NAMESPACE_NAME
  replicaset_id_to_replicaset_name(replicaset_id: STRING) -> STRING
  replicaset_id_to_start_time(replicaset_id: STRING) -> TIME64NS
  replicaset_id_to_stop_time(replicaset_id: STRING) -> TIME64NS
  replicaset_id_to_namespace(replicaset_id: STRING) -> STRING/ST_NAMESPACE_NAME
  replicaset_id_to_owner_references(replicaset_id: STRING) -> STRING
  replicaset_id_to_status(replicaset_id: STRING) -> STRING
  replicaset_id_to_deployment_id(replicaset_id: STRING) -> STRING
  replicaset_id_to_deployment_name(replicaset_id: STRING) -> STRING
  replicaset_name_to_replicaset_id(replicaset_name: STRING) -> STRING
  replicaset_name_to_start_time(replicaset_name: STRING) -> TIME64NS
  replicaset_name_to_stop_time(replicaset_name: STRING) -> TIME64NS
  replicaset_name_to_namespace(replicaset_name: STRING) -> STRING/ST_NAMESPACE_NAME
  replicaset_name_to_owner_references(replicaset_name: STRING) -> STRING
  replicaset_name_to_status(replicaset_name: STRING) -> STRING
  replicaset_name_to_deployment_id(replicaset_name: STRING) -> STRING
  replicaset_name_to_deployment_name(replicaset_name: STRING) -> STRING
  deployment_id_to_deployment_name(deployment_id: STRING) -> STRING
  deployment_id_to_start_time(deployment_id: STRING) -> TIME64NS
  deployment_id_to_stop_time(deployment_id: STRING) -> TIME64NS
  deployment_id_to_namespace(deployment_id: STRING) -> STRING/ST_NAMESPACE_NAME
  deployment_id_to_status(deployment_id: STRING) -> STRING
  deployment_name_to_deployment_id(deployment_name: STRING) -> STRING
  deployment_name_to_start_time(deployment_name: STRING) -> TIME64NS
  deployment_name_to_stop_time(deployment_name: STRING) -> TIME64NS
  deployment_name_to_namespace(deployment_name: STRING) -> STRING/ST_NAMESPACE_NAME
  deployment_name_to_status(deployment_name: STRING) -> STRING
  container_id_to_status(container_id: STRING) -> STRING
  container_id_to_start_time(container_id: STRING) -> TIME64NS
  container_id_to_stop_time(container_id: STRING) -> TIME64NS
  container_name_to_container_id(container_name: STRING) -> STRING
  container_name_to_start_time(container_name: STRING) -> TIME64NS
  container_name_to_stop_time(container_name: STRING) -> TIME64NS
  ip_to_pod_id(ip: STRING) -> STRING
  ip_to_pod_id(ip: STRING, time: TIME64NS) -> STRING
  ip_to_service_id(ip: STRING) -> STRING
  namespace_name_to_namespace_id(namespace: STRING) -> STRING
  has_service_name(service: STRING, value: STRING) -> BOOLEAN
  has_service_id(service: STRING, value: STRING) -> BOOLEAN
  has_value(array_or_value: STRING, value: STRING) -> BOOLEAN
  nslookup(ip: STRING) -> STRING
  shared_libraries(upid: UINT128) -> STRING
  _exec_hostname() -> STRING
  vizier_id() -> STRING
  vizier_name() -> STRING
  vizier_namespace() -> STRING
  get_cidrs() -> STRING
  _exec_host_num_cpus() -> INT64
  asid() -> INT64
`);

/** Of these the argument tells the result. */
export const toldByItself: ReadonlySet<string> = new Set([
  'upid_to_pid',
  'upid_to_asid',
  'upid_to_string',
  'upid_to_start_ts',
  'upid',
  'pod_name_to_namespace',
  'service_name_to_namespace',
  'has_value',
  'has_service_name',
  'has_service_id',
]);

const unknownPod = '{"phase":"Unknown","message":"","reason":"","ready":false}';

/** What a function gives, as Pixie's, for what nobody knows; the others give an empty text. */
const unknowns: Readonly<Record<string, string>> = {
  upid_to_pod_status: unknownPod,
  pod_name_to_status: unknownPod,
  container_id_to_status: '{"state":"Unknown","message":"","reason":""}',
};

export function ofUnknown(operation: string): string {
  return unknowns[operation] ?? '';
}

/**
 * The properties of `df.ctx[…]` and the function that gives each from a column: from the process, or, where a DataFrame has
 * no `upid` any more, from another object's id or name (Pixie's metadata_handler.cc). The first that fits is taken.
 */
interface ContextProperty {
  readonly name: string;
  readonly aliases: readonly string[];
  /** Names of columns that the property can be made of, in this order of preference. */
  readonly keys: readonly string[];
}

const property = (name: string, aliases: readonly string[], keys: readonly string[]): ContextProperty => ({
  name,
  aliases,
  keys: ['upid', ...keys],
});

const properties: readonly ContextProperty[] = [
  property('pid', [], []),
  property('asid', [], []),
  property('cmdline', ['cmd'], []),
  property('hostname', ['host'], []),
  property('container_id', [], ['container_name']),
  property('container_name', ['container'], []),
  property('pod_id', [], ['pod_name']),
  property('pod_name', ['pod'], ['pod_id']),
  property(
    'namespace',
    [],
    ['pod_id', 'pod_name', 'service_name', 'deployment_name', 'deployment_id', 'replicaset_id'],
  ),
  property('node_name', ['node'], ['pod_id']),
  property('service_id', [], ['pod_id', 'pod_name', 'service_name']),
  property('service_name', ['service'], ['pod_id', 'pod_name', 'service_id']),
  property('replicaset_id', ['replica_set_id'], ['pod_id', 'pod_name', 'replicaset_name']),
  property('replicaset_name', ['replica_set', 'replicaset'], ['pod_id', 'pod_name', 'replicaset_id']),
  property('deployment_id', [], ['pod_id', 'pod_name', 'replicaset_id', 'deployment_name']),
  property('deployment_name', ['deployment'], ['pod_id', 'pod_name', 'replicaset_id', 'deployment_id']),
];

export const contextNames: readonly string[] = properties.flatMap(({ name, aliases }) => [name, ...aliases]);

/** Columns that `ctx[name]` can be made of. */
export function contextKeys(name: string): readonly string[] {
  const wanted = properties.find((each) => each.name === name || each.aliases.includes(name));
  const keys = wanted?.keys.filter((key) => Object.hasOwn(metadataFunctions, `${key}_to_${wanted.name}`)) ?? [];
  return keys.flatMap(spellings);
}

/** The names under which a property may stand in a DataFrame as a column. */
function spellings(name: string): readonly string[] {
  return [name, ...(properties.find((each) => each.name === name)?.aliases ?? [])];
}

/** How to make `ctx[name]` of these columns: nothing to be called where one of them is the property. Undefined: it cannot be made. */
export function contextSource(
  name: string,
  columns: readonly string[],
): { readonly column: string; readonly function?: string } | undefined {
  const wanted = properties.find((each) => each.name === name || each.aliases.includes(name));
  if (!wanted) return undefined;
  for (const key of wanted.keys) {
    const column = spellings(key).find((each) => columns.includes(each));
    const called = `${key}_to_${wanted.name}`;
    if (column && Object.hasOwn(metadataFunctions, called)) return { column, function: called };
  }
  const own = spellings(wanted.name).find((each) => columns.includes(each));
  return own ? { column: own } : undefined;
}
