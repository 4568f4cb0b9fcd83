export { maxRecordBytes } from './layout.ts';
export { type EventPlan, type PlannedProbe, planProbe } from './plan.ts';
export {
  accessText,
  type FloatRoot,
  followsPointers,
  maxStringBytes,
  type Root,
  rootsOf,
  type SlotSource,
  sourceText,
} from './source.ts';
