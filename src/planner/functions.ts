import type { Span } from '#base';
import type { ColumnType, SemanticType } from '#model';
import { bind, wrongKind } from './call.ts';
import { fault } from './fault.ts';
import { apply, type FunctionOperation, type Scalar, type ScalarType } from './plan.ts';
import { bounded } from './scalars.ts';
import { type CallSite, scalarValue, unknown, type Value } from './value.ts';

/** `same`: the type, unit and signedness of the parameter at that place. */
type Result = ColumnType | { readonly same: number };

interface Overload {
  readonly parameters: readonly (readonly [name: string, type: ColumnType | 'any'])[];
  readonly result: Result;
}

interface ScalarFunction {
  readonly operation: FunctionOperation;
  readonly overloads: readonly Overload[];
}

const float: ScalarFunction['overloads'] = [{ parameters: [['x', 'FLOAT64']], result: 'FLOAT64' }];
const text: ScalarFunction['overloads'] = [{ parameters: [['s', 'STRING']], result: 'STRING' }];
const pluck = (result: ColumnType): ScalarFunction['overloads'] => [
  {
    parameters: [
      ['json', 'STRING'],
      ['key', 'STRING'],
    ],
    result,
  },
];
const upid = (result: ColumnType): ScalarFunction['overloads'] => [{ parameters: [['upid', 'UINT128']], result }];

/** The functions over rows that Sonde has, by Pixie's names (src/carnot/funcs at the commit in research/pixie.md). */
export const scalarFunctions: Readonly<Record<string, ScalarFunction>> = {
  bin: {
    operation: 'bin',
    overloads: (['INT64', 'TIME64NS'] as const).map((type) => ({
      parameters: [
        ['value', type],
        ['size', 'INT64'],
      ],
      result: { same: 0 },
    })),
  },
  abs: {
    operation: 'abs',
    overloads: (['INT64', 'FLOAT64'] as const).map((type) => ({ parameters: [['x', type]], result: { same: 0 } })),
  },
  ceil: { operation: 'ceil', overloads: float },
  floor: { operation: 'floor', overloads: float },
  round: { operation: 'round', overloads: float },
  sqrt: { operation: 'sqrt', overloads: float },
  ln: { operation: 'ln', overloads: float },
  log: { operation: 'ln', overloads: float },
  log2: { operation: 'log2', overloads: float },
  log10: { operation: 'log10', overloads: float },
  exp: { operation: 'exp', overloads: float },
  pow: {
    operation: 'pow',
    overloads: [
      {
        parameters: [
          ['x', 'FLOAT64'],
          ['y', 'FLOAT64'],
        ],
        result: 'FLOAT64',
      },
    ],
  },
  contains: {
    operation: 'contains',
    overloads: [
      {
        parameters: [
          ['s', 'STRING'],
          ['part', 'STRING'],
        ],
        result: 'BOOLEAN',
      },
    ],
  },
  length: { operation: 'length', overloads: [{ parameters: [['s', 'STRING']], result: 'INT64' }] },
  find: {
    operation: 'find',
    overloads: [
      {
        parameters: [
          ['s', 'STRING'],
          ['part', 'STRING'],
        ],
        result: 'INT64',
      },
    ],
  },
  substring: {
    operation: 'substring',
    overloads: [
      {
        parameters: [
          ['s', 'STRING'],
          ['start', 'INT64'],
          ['length', 'INT64'],
        ],
        result: 'STRING',
      },
    ],
  },
  tolower: { operation: 'tolower', overloads: text },
  toupper: { operation: 'toupper', overloads: text },
  trim: { operation: 'trim', overloads: text },
  itoa: { operation: 'itoa', overloads: [{ parameters: [['x', 'INT64']], result: 'STRING' }] },
  select: {
    operation: 'select',
    overloads: (['INT64', 'FLOAT64', 'STRING', 'BOOLEAN', 'TIME64NS', 'UINT128'] as const).map((type) => ({
      parameters: [
        ['condition', 'BOOLEAN'],
        ['yes', type],
        ['no', type],
      ],
      result: { same: 1 },
    })),
  },
  pluck: { operation: 'pluck', overloads: pluck('STRING') },
  pluck_int64: { operation: 'pluckInt64', overloads: pluck('INT64') },
  pluck_float64: { operation: 'pluckFloat64', overloads: pluck('FLOAT64') },
  regex_match: {
    operation: 'regexMatch',
    overloads: [
      {
        parameters: [
          ['pattern', 'STRING'],
          ['s', 'STRING'],
        ],
        result: 'BOOLEAN',
      },
    ],
  },
  upid_to_pid: { operation: 'upidToPid', overloads: upid('INT64') },
  upid_to_asid: { operation: 'upidToAsid', overloads: upid('INT64') },
  upid_to_string: { operation: 'upidToString', overloads: upid('STRING') },
};

export function callScalarFunction(name: string, site: CallSite): Value {
  const { operation, overloads } = scalarFunctions[name]!;
  const names = overloads[0]!.parameters.map((parameter) => parameter[0]);
  const bound = bind(site, names);
  const given: Scalar[] = [];
  for (const parameter of names) {
    const argument = bound[parameter]!;
    if (argument.value.kind === 'opaque') return argument.value.poisoned ? argument.value : unknown;
    if (argument.value.kind !== 'scalar') wrongKind('Column', parameter, argument);
    else given.push(argument.value.scalar);
  }
  for (const overload of overloads) {
    const fitted = fittedTo(given, overload);
    if (fitted) return scalarValue(bounded(apply(operation, resultOf(overload.result, fitted), ...fitted), site.span));
  }
  return refuse(name, given, overloads, site.span);
}

/** The arguments as the overload wants them: an INT64 may stand for a FLOAT64. */
function fittedTo(given: readonly Scalar[], overload: Overload): Scalar[] | undefined {
  const fitted: Scalar[] = [];
  for (const [i, [, wanted]] of overload.parameters.entries()) {
    const scalar = given[i]!;
    if (wanted === 'any' || scalar.type === wanted) fitted.push(scalar);
    else if (wanted === 'FLOAT64' && scalar.type === 'INT64') {
      fitted.push(apply('toFloat', { type: 'FLOAT64', semantic: scalar.semantic }, scalar));
    } else return undefined;
  }
  return fitted;
}

function resultOf(result: Result, fitted: readonly Scalar[]): ScalarType {
  if (typeof result === 'string') return { type: result, semantic: 'ST_NONE' as SemanticType };
  const { type, semantic, unsigned } = fitted[result.same]!;
  return { type, semantic, ...(unsigned ? { unsigned } : {}) };
}

function refuse(name: string, given: readonly Scalar[], overloads: readonly Overload[], span: Span): never {
  const types = given.map((scalar) => scalar.type).join(', ');
  const forms = overloads.map(
    ({ parameters }) => `px.${name}(${parameters.map(([each, type]) => `${each}: ${type}`).join(', ')})`,
  );
  return fault('pxl.type', `Could not find function 'px.${name}' with arguments [${types}]`, span, forms);
}

/** Functions and objects that Pixie's `px` has and Sonde's lacks: refused by name rather than as unknown. */
export const lackingNames: ReadonlySet<string> = new Set(
  (
    'export otel plugin vis script_reference strptime format_duration approxEqual pluck_array split strip_prefix hex_to_ascii ' +
    'bytes_to_hex atoi replace normalize_mysql normalize_pgsql uri_parse uri_recompose redact_pii_best_effort ' +
    'grpc_status_code_to_str pprof nslookup cidrs_contain_ip shared_libraries get_cidrs vizier_id vizier_name vizier_namespace ' +
    'upid_to_cmdline upid_to_pod upid_to_pod_id upid_to_pod_name upid_to_service upid_to_service_id upid_to_service_name ' +
    'upid_to_namespace upid_to_node_name upid_to_hostname upid_to_container_id upid_to_container_name upid_to_pod_status ' +
    'upid_to_pod_qos upid_to_start_ts upid_to_deployment_id upid_to_deployment_name upid_to_replicaset_id upid_to_replicaset_name ' +
    'pod_id_to_pod_name pod_id_to_namespace pod_id_to_node_name pod_id_to_service_id pod_id_to_service_name pod_id_to_start_time ' +
    'pod_name_to_pod_id pod_name_to_pod_ip pod_name_to_namespace pod_name_to_service_name pod_name_to_start_time ' +
    'pod_name_to_status service_id_to_service_name service_id_to_cluster_ip service_name_to_service_id service_name_to_namespace ' +
    'ip_to_pod_id ip_to_service_id container_id_to_start_time container_name_to_container_id has_service_name has_service_id ' +
    'http_resp_message mysql_command_name protocol_name kafka_api_key_name time_to_int64 int64_to_time sample ' +
    'GetLinuxHeadersStatus GetProfilerSamplingPeriodMS GetUDFList GetUDAList GetUDTFList GetCronScriptHistory Version'
  ).split(' '),
);
