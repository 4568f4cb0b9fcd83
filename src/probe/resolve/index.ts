export {
  resolveCondition,
  resolveExpression,
  type Scope,
  type TypedCondition,
  type TypedExpression,
} from './expression.ts';
export { resolveFunction } from './function.ts';
export { resolveProbe } from './probe.ts';
export type {
  Access,
  ConditionLeaf,
  Guard,
  Hop,
  PartStep,
  ResolvedColumn,
  ResolvedProbe,
  ResolvedValue,
} from './resolved.ts';
