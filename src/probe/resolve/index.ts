export {
  resolveCondition,
  resolveExpression,
  type Scope,
  type TypedCondition,
  type TypedExpression,
} from './expression.ts';
export { resolveFunctions } from './functions.ts';
export { isFurther, isRest } from './instances.ts';
export { notInKernel } from './key.ts';
export { type ResolvedSet, resolveProbes, type Skipped } from './many.ts';
export { type ResolvedPanic, resolvePanic } from './panic.ts';
export { resolveProbe } from './probe.ts';
export type {
  Access,
  CodeRange,
  ConditionLeaf,
  DictionaryTest,
  Guard,
  Hop,
  PartStep,
  PlaceNames,
  ResolvedAggregate,
  ResolvedColumn,
  ResolvedLogPart,
  ResolvedProbe,
  ResolvedSelection,
  ResolvedValue,
  TreePart,
} from './resolved.ts';
export { withoutDebugInfo } from './typing.ts';
