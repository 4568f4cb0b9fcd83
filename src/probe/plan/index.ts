export { maxRecordBytes } from './layout.ts';
export { type EventPlan, type PlannedProbe, planProbe } from './plan.ts';
export { accessText, maxStringBytes, type Root, type SlotSource, sourceText } from './source.ts';
