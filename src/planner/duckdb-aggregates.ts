import { type AggregateName, quantileOf } from './aggregates.ts';
import { duckdbType } from './duckdb-scalars.ts';
import type { Scalar, ScalarType } from './plan.ts';

const percentiles = ['01', '10', '25', '50', '75', '90', '99'];

/** Of so many values each stands for its own share; of more the difference is below what is shown. */
const fewValues = 256;

/**
 * A quantile as Pixie's t-digest gives it for few values: each in the middle of its share (the i-th of n at (i + 1/2) / n), with straight
 * lines between. Of many values `ofMany`, which is exact where Pixie's is an estimate.
 */
function quantileText(value: string, quantile: string, ofMany: string): string {
  const count = `count(${value})`;
  const sorted = `min(${value}, ${fewValues})`;
  const place = `greatest(0, least(CAST(${quantile} AS DOUBLE) * ${count} - 0.5, ${count} - 1))`;
  const below = `${sorted}[CAST(floor(${place}) AS BIGINT) + 1]`;
  const above = `${sorted}[CAST(ceil(${place}) AS BIGINT) + 1]`;
  const line = `${below} + CASE WHEN ${above} > ${below} THEN (${above} - ${below}) * (${place} - floor(${place})) ELSE 0 END`;
  return `CASE WHEN ${count} > ${fewValues} THEN ${ofMany} ELSE ${line} END`;
}

/** An aggregate in DuckDB's SQL; `order`: what the rows are ordered by. */
export function aggregateText(
  name: AggregateName,
  argument: Scalar,
  text: string,
  result: ScalarType,
  order = '1',
): string {
  const float = `CAST(${text} AS DOUBLE)`;
  const number = argument.type === 'BOOLEAN' ? `CAST(${text} AS BIGINT)` : text;
  const quantile = quantileOf[name];
  if (quantile !== undefined)
    return quantileText(float, quantile, `CAST(quantile_cont(${text}, ${quantile}) AS DOUBLE)`);
  switch (name) {
    case 'count':
      return 'count(*)';
    case 'count_distinct':
      return `count(DISTINCT ${text})`;
    case 'sum':
      return `TRY_CAST(sum(${number}) AS ${duckdbType(result)})`;
    case 'mean':
      return `avg(${number})`;
    case 'min':
      return `min(${text})`;
    case 'max':
      return `max(${text})`;
    case 'any':
      return `any_value(${text})`;
    case 'first':
      return `arg_min(${text}, ${order})`;
    case 'last':
      return `arg_max(${text}, ${order})`;
    case 'stddev':
      return `stddev_samp(${float})`;
    case 'variance':
      return `var_samp(${float})`;
    case 'rate':
      return `CASE WHEN max(${text}) > min(${text}) THEN count(${text}) / ((max(${text}) - min(${text})) / 1e9::DOUBLE) END`;
    case 'histogram': {
      const bucket = `CASE WHEN ${float} > 0 THEN CAST(pow(2, floor(log2(${float}))) AS VARCHAR) ELSE '0.0' END`;
      return `CASE WHEN count(${text}) > 0 THEN CAST(to_json(histogram(${bucket}) FILTER (${text} IS NOT NULL)) AS VARCHAR) END`;
    }
    case '_build_request_path_clusters':
      return `px__build_request_path_clusters(CAST(to_json(list(${text} ORDER BY ${order})) AS VARCHAR))`;
    case 'quantiles': {
      const all = `quantile_cont(${text}, [${percentiles.map((each) => `0.${each}`).join(', ')}])`;
      const fields = percentiles.map((each, i) => {
        const value = quantileText(float, `0.${each}`, `CAST(${all}[${i + 1}] AS DOUBLE)`);
        return `'"p${each}":' || CASE WHEN isfinite(${value}) THEN CAST(${value} AS VARCHAR) ELSE 'null' END`;
      });
      return `CASE WHEN count(${text}) > 0 THEN '{' || ${fields.join(` || ',' || `)} || '}' END`;
    }
    default:
      return 'NULL';
  }
}
