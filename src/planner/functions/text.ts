import { signatures } from './signature.ts';

/** Texts (Pixie's string_ops.cc, regex_ops.cc, uri_ops.cc, sql_ops.cc, pii_ops.cc, request_path_ops.cc, util_ops.cc, net_ops.cc). */
export const textFunctions = signatures(`
  contains(s: STRING, part: STRING) -> BOOLEAN
  starts_with(s: STRING, prefix: STRING) -> BOOLEAN
  ends_with(s: STRING, suffix: STRING) -> BOOLEAN
  length(s: STRING) -> INT64
  find(s: STRING, part: STRING) -> INT64
  substring(s: STRING, start: INT64, length: INT64) -> STRING
  tolower(s: STRING) -> STRING
  toupper(s: STRING) -> STRING
  trim(s: STRING) -> STRING
  strip_prefix(prefix: STRING, s: STRING) -> STRING
  hex_to_ascii(hex: STRING) -> STRING
  bytes_to_hex(s: STRING) -> STRING
  atoi(s: STRING, default: INT64) -> INT64
  atof(s: STRING, default: FLOAT64) -> FLOAT64
  itoa(x: INT64) -> STRING
  to_string(x: BOOLEAN|INT64|FLOAT64|STRING|UINT128) -> STRING
  regex_match(pattern: STRING, s: STRING) -> BOOLEAN
  replace(pattern: STRING, s: STRING, substitution: STRING) -> STRING
  _match_regex_rule(rules: STRING, s: STRING) -> STRING
  normalize_mysql(sql: STRING, command: INT64) -> STRING
  normalize_pgsql(sql: STRING, command: STRING) -> STRING
  uri_parse(uri: STRING) -> STRING
  uri_recompose(scheme: STRING, userInfo: STRING, host: STRING, port: INT64, path: STRING, query: STRING, fragment: STRING) -> STRING
  redact_pii_best_effort(s: STRING) -> STRING
  _predict_request_path_cluster(path: STRING, clusters: STRING) -> STRING
  _match_endpoint(path: STRING, endpoint: STRING) -> BOOLEAN
  cidrs_contain_ip(cidrs: STRING, ip: STRING) -> BOOLEAN
  pluck(json: STRING, key: STRING) -> STRING
  pluck_int64(json: STRING, key: STRING) -> INT64
  pluck_float64(json: STRING, key: STRING) -> FLOAT64
  pluck_array(json: STRING, index: INT64) -> STRING
  split(s: STRING, delimiter: STRING) -> STRING
  protocol_name(protocol: INT64) -> STRING
  http_resp_message(code: INT64) -> STRING
  kafka_api_key_name(key: INT64) -> STRING
  mysql_command_name(command: INT64) -> STRING
  cql_opcode_name(opcode: INT64) -> STRING
  dns_rcode_name(code: INT64) -> STRING
  mux_frame_type_name(type: INT64) -> STRING
  amqp_frame_type_name(type: INT64) -> STRING
  amqp_method_name(class_id: INT64, method_id: INT64) -> STRING
  grpc_status_code_to_str(code: INT64) -> STRING
`);
