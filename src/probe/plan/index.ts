export { conditionRefusal, type KernelCondition } from './condition.ts';
export { type GroupPlan, groupRefusal, type When } from './group.ts';
export { maxRecordBytes, stackBytes } from './layout.ts';
export { type PanicPlan, planPanic } from './panic.ts';
export { type EventPlan, type PlanContext, type PlannedProbe, planProbe, type SelectionPlan } from './plan.ts';
export {
  accessText,
  type FloatRoot,
  followsPointers,
  type Root,
  readGoroutine,
  rootsOf,
  type ScalarSource,
  type SlotSource,
  sourceText,
  valueText,
  type Way,
} from './source.ts';
