import type { AggregateName } from './aggregates.ts';
import type { Application, ConstantScalar, Operation, Scalar, ScalarType } from './plan.ts';

/** Column types in DuckDB's tables: the store's contract. */
export function duckdbType({ type, unsigned }: ScalarType): string {
  switch (type) {
    case 'BOOLEAN':
      return 'BOOLEAN';
    case 'INT64':
      return unsigned ? 'UBIGINT' : 'BIGINT';
    case 'TIME64NS':
      return 'BIGINT';
    case 'FLOAT64':
      return 'DOUBLE';
    case 'STRING':
      return 'VARCHAR';
    case 'UINT128':
      return 'UHUGEINT';
  }
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * A string literal. A NUL, which would end the text in DuckDB's C API, and line ends, which indenting would change, are
 * written as chr(n).
 */
export function textLiteral(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are looked for
  const parts = text.split(/([\u0000\n\r])/);
  const texts = parts.map((part, i) =>
    i % 2 === 1 ? `chr(${part.charCodeAt(0)})` : `'${part.replaceAll("'", "''")}'`,
  );
  return texts.length === 1 ? texts[0]! : `(${texts.join(' || ')})`;
}

/** A value in DuckDB's SQL; `column` gives the SQL of a column of the operator below. */
export function scalarText(scalar: Scalar, column: (id: number, name: string) => string): string {
  switch (scalar.kind) {
    case 'column':
      return column(scalar.id, scalar.name);
    case 'constant':
      return constantText(scalar);
    case 'apply':
      return applicationText(
        scalar,
        scalar.arguments.map((argument) => scalarText(argument, column)),
      );
  }
}

function constantText(scalar: ConstantScalar): string {
  const { value } = scalar;
  if (typeof value === 'string') return textLiteral(value);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  // As texts: DuckDB reads 0.1 as a DECIMAL, and whole numbers of more than 127 bits not exactly.
  if (typeof value === 'number' || scalar.type === 'UINT128') return `CAST('${value}' AS ${duckdbType(scalar)})`;
  return `CAST(${value} AS ${duckdbType(scalar)})`;
}

const infix: Partial<Record<Operation, string>> = {
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  modulo: '%',
  concat: '||',
  equal: '=',
  notEqual: '<>',
  less: '<',
  lessEqual: '<=',
  greater: '>',
  greaterEqual: '>=',
  and: 'AND',
  or: 'OR',
};

/** The words of a UINT128. */
const high = (upid: string) => `CAST(${upid} >> 64 AS UBIGINT)`;
const low = (upid: string) => `CAST(${upid} & CAST(18446744073709551615 AS UHUGEINT) AS UBIGINT)`;
/** The member of a JSON object by RFC 6901 pointer; what is no JSON, or has no such member, is missing. */
const member = (json: string, key: string) =>
  `CASE WHEN json_valid(${json}) THEN json_extract_string(${json}, '/' || replace(replace(${key}, '~', '~0'), '/', '~1')) END`;
/** DuckDB refuses logarithms of zero and less: IEEE 754's answers instead. */
const logarithm = (name: string) => (x: string) =>
  `CASE WHEN ${x} > 0 THEN ${name}(${x}) WHEN ${x} = 0 THEN CAST('-inf' AS DOUBLE) WHEN ${x} < 0 THEN CAST('nan' AS DOUBLE) END`;

/** Text positions count characters from 0, as in Python (Pixie counts bytes). */
const functions: Partial<Record<Operation, (...operands: string[]) => string>> = {
  not: (x) => `NOT ${x}`,
  toFloat: (x) => `CAST(${x} AS DOUBLE)`,
  bin: (x, size) => `${x} - ${x} % ${size}`,
  abs: (x) => `abs(${x})`,
  ceil: (x) => `ceil(${x})`,
  floor: (x) => `floor(${x})`,
  round: (x) => `round(${x})`,
  sqrt: (x) => `CASE WHEN ${x} < 0 THEN CAST('nan' AS DOUBLE) ELSE sqrt(${x}) END`,
  ln: logarithm('ln'),
  log2: logarithm('log2'),
  log10: logarithm('log10'),
  exp: (x) => `exp(${x})`,
  pow: (x, y) => `pow(${x}, ${y})`,
  contains: (s, part) => `contains(${s}, ${part})`,
  length: (s) => `length(${s})`,
  find: (s, part) => `instr(${s}, ${part}) - 1`,
  substring: (s, start, length) => `substring(${s}, ${start} + 1, ${length})`,
  tolower: (s) => `lower(${s})`,
  toupper: (s) => `upper(${s})`,
  trim: (s) => `trim(${s}, chr(32) || chr(9) || chr(10) || chr(13))`,
  itoa: (x) => `CAST(${x} AS VARCHAR)`,
  select: (condition, yes, no) => `CASE WHEN ${condition} THEN ${yes} WHEN NOT ${condition} THEN ${no} END`,
  pluck: member,
  pluckInt64: (json, key) => `TRY_CAST(${member(json, key)} AS BIGINT)`,
  pluckFloat64: (json, key) => `TRY_CAST(${member(json, key)} AS DOUBLE)`,
  regexMatch: (pattern, s) => `regexp_full_match(${s}, ${pattern})`,
  upidToPid: (upid) => `CAST(${high(upid)} & 4294967295 AS BIGINT)`,
  upidToAsid: (upid) => `CAST(${high(upid)} >> 32 AS BIGINT)`,
  upidToString: (upid) =>
    `regexp_replace(format('{:016x}{:016x}', ${high(upid)}, ${low(upid)}), '^(.{8})(.{4})(.{4})(.{4})', '\\1-\\2-\\3-\\4-')`,
  retype: (x) => x,
};

function applicationText(scalar: Application, operands: readonly string[]): string {
  const { operation } = scalar;
  const function_ = functions[operation];
  if (function_) {
    const text = function_(...operands);
    // DuckDB widens some results (`bin` of an unsigned, `length`, `select` of two kinds of integer).
    if (operation === 'retype' || operation === 'not') return operation === 'not' ? `(${text})` : text;
    const typed = `CAST(${text} AS ${duckdbType(scalar)})`;
    return operation === 'abs' || operation === 'bin' ? orMissing(typed, scalar) : typed;
  }
  if (operation === 'negate') {
    if (scalar.arguments[0]!.unsigned) return `TRY_CAST(-CAST(${operands[0]} AS HUGEINT) AS BIGINT)`;
    return orMissing(`(-${operands[0]})`, scalar);
  }
  const sign = infix[operation]!;
  const isArithmetic = /^[-+*/%]$/.test(sign);
  if (!isArithmetic) return `(${operands.join(` ${sign} `)})`;
  if (scalar.type === 'FLOAT64') {
    const floats = operands.map((text, i) =>
      scalar.arguments[i]!.type === 'FLOAT64' ? text : `CAST(${text} AS DOUBLE)`,
    );
    return `(${floats.join(` ${sign} `)})`;
  }
  if (scalar.arguments.some((argument) => argument.unsigned)) {
    const wide = operands.map((text) => `CAST(${text} AS HUGEINT)`);
    return orMissing(`CAST(${wide.join(` ${sign} `)} AS ${duckdbType(scalar)})`, scalar);
  }
  return orMissing(`(${operands.join(` ${sign} `)})`, scalar);
}

/** Whole numbers that leave their 64 bits are missing, as is a remainder by zero; one row's must not end the query of all others. */
function orMissing(text: string, { type }: ScalarType): string {
  return type === 'FLOAT64' ? text : `TRY(${text})`;
}

const percentiles = ['01', '10', '25', '50', '75', '90', '99'];

export function aggregateText(name: AggregateName, argument: Scalar, text: string, result: ScalarType): string {
  switch (name) {
    case 'count':
      return 'count(*)';
    case 'sum':
      return `TRY_CAST(sum(${argument.type === 'BOOLEAN' ? `CAST(${text} AS BIGINT)` : text}) AS ${duckdbType(result)})`;
    case 'mean':
      return `avg(${argument.type === 'BOOLEAN' ? `CAST(${text} AS BIGINT)` : text})`;
    case 'min':
      return `min(${text})`;
    case 'max':
      return `max(${text})`;
    case 'any':
      return `any_value(${text})`;
    case 'quantiles': {
      const value = `CAST(${text} AS DOUBLE)`;
      const fields = percentiles.map((each) => {
        const quantile = `quantile_cont(${value}, 0.${each})`;
        return `'"p${each}":' || CASE WHEN isfinite(${quantile}) THEN CAST(${quantile} AS VARCHAR) ELSE 'null' END`;
      });
      return `CASE WHEN count(${text}) > 0 THEN '{' || ${fields.join(` || ',' || `)} || '}' END`;
    }
  }
}
