import { finishTexts } from './aggregates/all.ts';
import type { Application } from './plan.ts';

/** The words of a UINT128. */
const high = (upid: string) => `CAST(${upid} >> 64 AS UBIGINT)`;
const low = (upid: string) => `CAST(${upid} & CAST(18446744073709551615 AS UHUGEINT) AS UBIGINT)`;
/** A part of a UINT128; a number that does not fit gives none. */
const word = (x: string, type: string) => `CAST(TRY_CAST(${x} AS ${type}) AS UHUGEINT)`;
/** RFC 6901 pointer to a member. */
const pointer = (key: string) => `'/' || replace(replace(${key}, '~', '~0'), '/', '~1')`;
/** A test on a JSON text; DuckDB fails on what is no JSON. */
const isJson = (json: string, type: 'OBJECT' | 'ARRAY') =>
  `CASE WHEN json_valid(${json}) THEN json_type(${json}) = '${type}' ELSE ${json} IS NULL AND NULL END`;
/** A number in a JSON object if it is written as one of these types, else zero. */
const memberNumber = (json: string, key: string, types: string, zero: string) =>
  `CASE WHEN ${json} IS NULL OR ${key} IS NULL THEN NULL WHEN ${isJson(json, 'OBJECT')} AND json_type(${json}, ${pointer(key)}) IN (${types})` +
  ` THEN json_extract_string(${json}, ${pointer(key)}) ELSE '${zero}' END`;
/** DuckDB refuses logarithms of zero and less: IEEE 754's answers instead. */
const logarithm = (name: string) => (x: string) =>
  `CASE WHEN ${x} > 0 THEN ${name}(${x}) WHEN ${x} = 0 THEN CAST('-inf' AS DOUBLE) WHEN ${x} < 0 THEN CAST('nan' AS DOUBLE) ELSE ${x} END`;
const ln = logarithm('ln');
const whole = String.raw`'\s*[+-]?[0-9]+\s*'`;
const white = 'chr(32) || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)';

type Write = (...operands: string[]) => string;

/**
 * Functions in DuckDB's SQL; one that is not here is a row function of the store, `px_<name>`. Text positions count characters
 * from 0, as in Python (Pixie counts bytes).
 */
const functions: Readonly<Record<string, Write>> = {
  ...finishTexts,
  toFloat: (x) => `CAST(${x} AS DOUBLE)`,
  toInt: (x) => `CAST(${x} AS BIGINT)`,
  // Remainders have the sign of the dividend: one more of the divisor makes them Python's.
  floorDivide: (a, b) => `(${a} - ((${a} % ${b}) + ${b}) % ${b}) // ${b}`,
  floorQuotient: (a, b) => `floor(${a} / ${b})`,
  bin: (x, size) => `${x} - ${x} % ${size}`,
  log_bucket: (x) => `CASE WHEN ${x} > 0 THEN pow(2, floor(log2(${x}))) WHEN ${x} <= 0 THEN 0 END`,
  abs: (x) => `abs(${x})`,
  ceil: (x) => `ceil(${x})`,
  floor: (x) => `floor(${x})`,
  sqrt: (x) => `CASE WHEN ${x} < 0 THEN CAST('nan' AS DOUBLE) ELSE sqrt(${x}) END`,
  ln,
  log: (base, x) => `(${ln(x)}) / (${ln(base)})`,
  log2: logarithm('log2'),
  log10: logarithm('log10'),
  exp: (x) => `exp(${x})`,
  pow: (x, y) => `pow(${x}, ${y})`,
  least: (a, b) => `CASE WHEN ${a} <= ${b} THEN ${a} WHEN ${a} > ${b} THEN ${b} END`,
  greatest: (a, b) => `CASE WHEN ${a} >= ${b} THEN ${a} WHEN ${a} < ${b} THEN ${b} END`,
  approxEqual: (a, b) => `abs(${a} - ${b}) < CAST('2.220446049250313e-16' AS DOUBLE)`,
  invert: (x) => `~${x}`,
  time_to_int64: (x) => x,
  int64_to_time: (x) => x,
  select: (condition, yes, no) => `CASE WHEN ${condition} THEN ${yes} WHEN NOT ${condition} THEN ${no} END`,
  is_missing: (x) => `${x} IS NULL`,
  coalesce: (x, other) => `coalesce(${x}, ${other})`,
  contains: (s, part) => `contains(${s}, ${part})`,
  starts_with: (s, prefix) => `starts_with(${s}, ${prefix})`,
  ends_with: (s, suffix) => `ends_with(${s}, ${suffix})`,
  length: (s) => `length(${s})`,
  find: (s, part) => `instr(${s}, ${part}) - 1`,
  substring: (s, start, length) =>
    `CASE WHEN ${start} < 0 OR ${length} < 0 THEN '' ELSE substring(${s}, ${start} + 1, ${length}) END`,
  tolower: (s) => `lower(${s})`,
  toupper: (s) => `upper(${s})`,
  trim: (s) => `trim(${s}, ${white})`,
  strip_prefix: (prefix, s) =>
    `CASE WHEN starts_with(${s}, ${prefix}) THEN substring(${s}, length(${prefix}) + 1) WHEN ${prefix} IS NOT NULL THEN ${s} END`,
  atoi: (s, other) =>
    `CASE WHEN ${s} IS NULL THEN NULL WHEN regexp_full_match(${s}, ${whole}) THEN coalesce(TRY_CAST(ltrim(trim(${s}, ${white}), '+') AS BIGINT), ${other}) ELSE ${other} END`,
  atof: (s, other) =>
    `CASE WHEN ${s} IS NULL THEN NULL ELSE coalesce(TRY_CAST(trim(${s}, ${white}) AS DOUBLE), ${other}) END`,
  itoa: (x) => `CAST(${x} AS VARCHAR)`,
  regex_match: (pattern, s) => `regexp_full_match(${s}, ${pattern}, 's')`,
  replace: (pattern, s, substitution) => `regexp_replace(${s}, ${pattern}, ${substitution}, 'gs')`,
  pluck: (json, key) =>
    `CASE WHEN ${json} IS NULL OR ${key} IS NULL THEN NULL WHEN ${isJson(json, 'OBJECT')} THEN coalesce(json_extract_string(${json}, ${pointer(key)}), '') ELSE '' END`,
  pluck_int64: (json, key) =>
    `coalesce(TRY_CAST(${memberNumber(json, key, `'BIGINT', 'UBIGINT'`, '0')} AS BIGINT), CASE WHEN ${json} IS NOT NULL AND ${key} IS NOT NULL THEN 0 END)`,
  pluck_float64: (json, key) => `TRY_CAST(${memberNumber(json, key, `'DOUBLE'`, '0')} AS DOUBLE)`,
  pluck_array: (json, index) =>
    `CASE WHEN ${json} IS NULL OR ${index} IS NULL THEN NULL WHEN ${index} >= 0 AND ${isJson(json, 'ARRAY')} THEN coalesce(json_extract_string(${json}, '/' || ${index}), '') ELSE '' END`,
  split: (s, delimiter) => `CAST(to_json(string_split(${s}, ${delimiter})) AS VARCHAR)`,
  upid_to_pid: (upid) => `CAST(${high(upid)} & 4294967295 AS BIGINT)`,
  upid_to_asid: (upid) => `CAST(${high(upid)} >> 32 AS BIGINT)`,
  // Pixie's text of a UPID; px.to_string(upid) has the form that px.uint128 reads.
  upid_to_string: (upid) => `format('{}:{}:{}', ${high(upid)} >> 32, ${high(upid)} & 4294967295, ${low(upid)})`,
  upid_to_start_ts: (upid) => `CAST(${low(upid)} AS BIGINT)`,
  upid: (asid, pid, ticks) =>
    `(${word(asid, 'UINTEGER')} << 96) | (${word(pid, 'UINTEGER')} << 64) | ${word(ticks, 'UBIGINT')}`,
  pod_name_to_namespace: namespaceOf,
  service_name_to_namespace: namespaceOf,
  has_value: hasValue,
  has_service_name: hasValue,
  has_service_id: hasValue,
  // What a table that a table function made has: of metadata by function and key, of this machine.
  metadataField: (key, table, operation, otherwise) => `coalesce(${metadata(key, table, operation)}, ${otherwise})`,
  metadataNumber: metadata,
  metadataAt,
  machineField: (table, field) => `coalesce((SELECT any_value(m_.${field}) FROM ${table} AS m_), '')`,
  machineNumber: (table, field) => `(SELECT any_value(m_.${field}) FROM ${table} AS m_)`,
  // What an aggregate of several columns takes.
  _packed: (...values) =>
    `CASE WHEN ${values.map((value) => `${value} IS NOT NULL`).join(' AND ')} THEN CAST(json_array(${values.join(', ')}) AS VARCHAR) END`,
  _script_reference: (label, script, ...rest) =>
    `CAST(json_object('label', ${label}, 'script', ${script}, 'args', json_object(${rest.join(', ')})) AS VARCHAR)`,
};

function metadata(key: string, table: string, operation: string): string {
  return `(SELECT any_value(m_."value") FROM ${table} AS m_ WHERE m_."operation" = ${operation} AND m_."key" = ${key})`;
}

/** Whose an address was at a time: the value of such an entry is `from:to:pod`, without an end while it still is. */
function metadataAt(ip: string, table: string, time: string): string {
  const part = (i: number) => `split_part(m_."value", ':', ${i})`;
  const [from, to] = [`CAST(${part(1)} AS BIGINT)`, `CAST(nullif(${part(2)}, '') AS BIGINT)`];
  const then = `${from} <= ${time} AND coalesce(${time} <= ${to}, true)`;
  const found = `SELECT arg_max(${part(3)}, ${from}) FROM ${table} AS m_ WHERE m_."operation" = 'ip_at' AND m_."key" = ${ip} AND ${then}`;
  return `coalesce((${found}), '')`;
}

/** Whether a JSON array holds a text, or is that text itself. */
function hasValue(array: string, value: string): string {
  return `CASE WHEN ${isJson(array, 'ARRAY')} THEN json_contains(${array}, to_json(${value})) ELSE ${array} = ${value} END`;
}

/** Of `namespace/name`; of any other text an empty one. */
function namespaceOf(name: string): string {
  return `CASE WHEN ${name} IS NULL THEN NULL WHEN len(string_split(${name}, '/')) = 2 THEN split_part(${name}, '/', 1) ELSE '' END`;
}

function uuid(upid: string): string {
  const hex = `format('{:016x}{:016x}', ${high(upid)}, ${low(upid)})`;
  return `regexp_replace(${hex}, '^(.{8})(.{4})(.{4})(.{4})', '\\1-\\2-\\3-\\4-')`;
}

/** Functions whose one name has two meanings, by the types of what they are given. */
export function functionText(scalar: Application, operands: readonly string[]): string {
  const { operation } = scalar;
  const [first] = scalar.arguments;
  if (operation === 'round') return roundText(operands);
  if (operation === 'bin' && first?.type === 'FLOAT64') {
    const cut = `CAST(trunc(${operands[0]}) AS BIGINT)`;
    return `${cut} - ${cut} % ${operands[1]}`;
  }
  if (operation === 'to_string') {
    return first?.type === 'UINT128' ? uuid(operands[0]!) : `CAST(${operands[0]} AS VARCHAR)`;
  }
  if (Object.hasOwn(functions, operation)) return functions[operation]!(...operands);
  return `px_${operation}(${operands.join(', ')})`;
}

/** Functions that DuckDB's own SQL writes; for a test. */
export const writtenFunctions: readonly string[] = [...Object.keys(functions), 'round', 'to_string'];

function roundText([x, digits]: readonly string[]): string {
  if (digits === undefined) return `round(${x})`;
  return `CASE WHEN ${digits} BETWEEN 0 AND 100 THEN format('{:.' || ${digits} || 'f}', ${x}) END`;
}
