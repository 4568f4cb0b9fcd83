import { aggregateOf } from './aggregates/all.ts';
import { duckdbType } from './duckdb-types.ts';
import type { Window, WindowValue } from './plan.ts';

/** A window's value in DuckDB's SQL: `by` and `order` are texts, the last of `order` the rows' own. */
export function windowText(
  plan: Window,
  { function: name, column, argument: value }: WindowValue,
  argument: string,
  { by, order }: { readonly by: readonly string[]; readonly order: readonly string[] },
): string {
  const partition = by.length > 0 ? `PARTITION BY ${by.join(', ')} ` : '';
  const over = (keys: readonly string[], frame = '') =>
    `OVER (${partition}${keys.length > 0 ? `ORDER BY ${keys.join(', ')}` : ''}${frame})`;
  switch (name) {
    case 'lag':
    case 'lead':
      return `${name}(${argument}, ${plan.offset}) ${over(order)}`;
    case 'row_number':
      return `row_number() ${over(order)}`;
    case 'rank':
    case 'dense_rank':
      // Rows that are equal in what the script orders by share a rank.
      return `${name}() ${over(order.slice(0, plan.order.length))}`;
    case 'difference':
      return `TRY_CAST(CAST(${argument} AS ${wide(column.type)}) - lag(${argument}, ${plan.offset}) ${over(order)} AS ${duckdbType(column)})`;
    default: {
      const start = plan.preceding === undefined ? 'UNBOUNDED' : `${plan.preceding}`;
      const frame = ` ROWS BETWEEN ${start} PRECEDING AND CURRENT ROW`;
      return running(name, value, argument, column, over(order, frame), order);
    }
  }
}

function wide(type: string): string {
  return type === 'FLOAT64' ? 'DOUBLE' : 'HUGEINT';
}

/** An aggregate over the rows up to this one. */
function running(
  name: Exclude<WindowValue['function'], 'lag' | 'lead' | 'rank' | 'dense_rank' | 'row_number' | 'difference'>,
  value: WindowValue['argument'],
  argument: string,
  column: WindowValue['column'],
  over: string,
  order: readonly string[],
): string {
  if (name === 'first' || name === 'last') return `${name}_value(${argument} IGNORE NULLS) ${over}`;
  const [rows = '1'] = order;
  return aggregateOf(name).text(argument, { argument: value, result: column, order: rows, over: ` ${over}` });
}
