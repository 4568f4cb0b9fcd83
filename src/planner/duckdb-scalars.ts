import { comparisonText } from './duckdb-comparisons.ts';
import { functionText } from './duckdb-functions.ts';
import { metadataText } from './duckdb-metadata.ts';
import { computedOnce } from './duckdb-once.ts';
import { duckdbType } from './duckdb-types.ts';
import type { Application, ConstantScalar, Scalar, ScalarType } from './plan.ts';

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
      return scalar.identifier ? identifier(String(scalar.value)) : constantText(scalar);
    case 'apply':
      return computedOnce(
        scalar.arguments,
        scalar.arguments.map((argument) => scalarText(argument, column)),
        (operands) => applicationText(scalar, operands),
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

const infix: Readonly<Record<string, string | undefined>> = {
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  modulo: '%',
  concat: '||',
  and: 'AND',
  or: 'OR',
};

function applicationText(scalar: Application, operands: readonly string[]): string {
  const { operation } = scalar;
  if (asksTable(scalar) && scalar.type !== 'FLOAT64' && (mayOverflow.has(operation) || isArithmetic(operation))) {
    return wideText(scalar, operands);
  }
  if (operation === 'retype') return operands[0]!;
  if (operation === 'not') return `(NOT ${operands[0]})`;
  if (operation === 'in') return `(${operands[0]} IN (${operands.slice(1).join(', ')}))`;
  if (operation === 'negate') {
    if (scalar.arguments[0]!.unsigned) return `TRY_CAST(-CAST(${operands[0]} AS HUGEINT) AS BIGINT)`;
    return orMissing(`(-${operands[0]})`, scalar);
  }
  const compared = comparisonText(scalar, operands);
  if (compared !== undefined) return compared;
  const sign = infix[operation];
  if (sign === undefined) {
    // DuckDB widens some results (`bin` of an unsigned, `length`, `select` of two kinds of integer).
    const typed = `CAST(${metadataText(scalar) ?? functionText(scalar, operands)} AS ${duckdbType(scalar)})`;
    return mayOverflow.has(operation) ? orMissing(typed, scalar) : typed;
  }
  if (!isArithmetic(operation)) return `(${operands.join(` ${sign} `)})`;
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

function isArithmetic(operation: string): boolean {
  return /^[-+*/%]$/.test(infix[operation] ?? '') || operation === 'negate';
}

/** Something in it is looked up in another table. */
function asksTable(scalar: Scalar): boolean {
  if (scalar.kind !== 'apply') return false;
  return /^(machine|metadata)(Field|Number|At)$/.test(scalar.operation) || scalar.arguments.some(asksTable);
}

/** Whole numbers with 128 bits, for DuckDB takes no TRY around a subquery. */
function wideText(scalar: Application, operands: readonly string[]): string {
  const { operation } = scalar;
  const wide = operands.map((text, i) => (scalar.arguments[i]!.type === 'FLOAT64' ? text : `CAST(${text} AS HUGEINT)`));
  const sign = infix[operation];
  const made =
    operation === 'negate'
      ? `-${wide[0]}`
      : sign
        ? wide.join(` ${sign} `)
        : functionText(scalar, operation === 'toInt' ? operands : wide);
  const cast = `TRY_CAST(${made} AS ${duckdbType(scalar)})`;
  const divides = operation === 'modulo' || operation === 'floorDivide' || operation === 'bin';
  return divides ? `CASE WHEN ${wide[1]} <> 0 THEN ${cast} END` : cast;
}

/** Functions whose result may leave the 64 bits. */
const mayOverflow = new Set(['abs', 'bin', 'ceil', 'floor', 'floorDivide', 'toInt']);

/** Whole numbers that leave their 64 bits are missing, as is a remainder by zero; one row's must not end the query of all others. */
function orMissing(text: string, { type }: ScalarType): string {
  return type === 'FLOAT64' ? text : `TRY(${text})`;
}
