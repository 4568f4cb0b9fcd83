import type { ScalarType } from './plan.ts';

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
