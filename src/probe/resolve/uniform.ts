import type { ResolvedColumn, ResolvedProbe } from './resolved.ts';

/**
 * One table has one type for a column: the first function that has the value decides, in others of another type it is missing. What one
 * function alone says of its meaning (a duration) does not hold for all.
 */
export function uniform(probes: readonly ResolvedProbe[]): readonly ResolvedProbe[] {
  const forms = probes[0]!.columns.map((_, i) => {
    const first = probes.find(({ columns }) => !isMissing(columns[i]!)) ?? probes[0]!;
    const { column } = first.columns[i]!;
    const alike = probes.every(
      ({ columns }) => isMissing(columns[i]!) || columns[i]!.column.semantic === column.semantic,
    );
    return { column: alike ? column : { ...column, semantic: 'ST_NONE' as const }, function: first.function.name };
  });
  const fitted = (column: ResolvedColumn, i: number): ResolvedColumn => {
    const { column: form, function: first } = forms[i]!;
    const { type, unsigned } = column.column;
    if (type === form.type && unsigned === form.unsigned) return { ...column, column: form };
    if (isMissing(column) || !('value' in column)) return { ...column, column: form };
    const reason = `is ${type} here, but the column is ${form.type} as in ${first}`;
    return { ...column, column: form, value: { kind: 'missing', reason } };
  };
  return probes.map((probe) => ({ ...probe, columns: probe.columns.map(fitted) }));
}

function isMissing(column: ResolvedColumn): boolean {
  if (column.from === 'aggregate') {
    const { of } = column.aggregate;
    return of !== undefined && of.from !== 'latency' && of.value.kind === 'missing';
  }
  return 'value' in column && column.value.kind === 'missing';
}
