import type { Scalar, ScalarType } from './plan.ts';

export const aggregateNames = ['count', 'sum', 'mean', 'min', 'max', 'quantiles', 'any'] as const;
export type AggregateName = (typeof aggregateNames)[number];

/**
 * The type of an aggregate over values of a type, undefined where there is none (Pixie's math_ops.cc and math_sketches.cc).
 * `count` counts rows, also those whose value is missing; the others leave missing values out, and over no value at all the
 * result is missing; so is a sum beyond 64 bits. `quantiles` is a JSON text with p01 … p99.
 */
export function aggregateType(name: AggregateName, argument: Scalar): ScalarType | undefined {
  const { type, semantic } = argument;
  const numeric = type === 'INT64' || type === 'FLOAT64';
  switch (name) {
    case 'count':
      return { type: 'INT64', semantic: 'ST_NONE' };
    case 'sum':
      if (type === 'BOOLEAN') return { type: 'INT64', semantic: 'ST_NONE' };
      return numeric ? sameType(argument) : undefined;
    case 'mean':
      if (type === 'BOOLEAN') return { type: 'FLOAT64', semantic: 'ST_NONE' };
      return numeric ? { type: 'FLOAT64', semantic } : undefined;
    case 'min':
    case 'max':
      return numeric || type === 'TIME64NS' || type === 'STRING' ? sameType(argument) : undefined;
    case 'quantiles':
      return numeric ? { type: 'STRING', semantic: 'ST_QUANTILES' } : undefined;
    case 'any':
      return sameType(argument);
  }
}

function sameType(argument: Scalar): ScalarType {
  const { type, semantic, unsigned } = argument;
  return { type, semantic, ...(unsigned ? { unsigned } : {}) };
}
