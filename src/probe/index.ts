export type { BinaryView, CompilableBinary } from './binary.ts';
export { type Compilation, type CompileOptions, compileTarget } from './compile.ts';
export * from './decode/index.ts';
export { describeCompilation, describeSites, type Stage } from './describe.ts';
export {
  estimateOffset,
  type FloatTrialMap,
  floatTrialProgram,
  mapNames,
  tracepointMaps,
  unwindDropsOffset,
  waitedNsOffset,
} from './emit/index.ts';
export {
  defaultRedaction,
  Redaction,
  type RedactionRules,
  TypeGraphBuilder,
} from './graph/index.ts';
export type { PlannedProbe, SlotSource } from './plan/index.ts';
export {
  type ResolvedColumn,
  type ResolvedProbe,
  type ResolvedValue,
  resolveFunctions,
  resolveProbe,
} from './resolve/index.ts';
export { chooseRuntimeSites, chooseSites, type SiteContext, type SiteWants } from './sites/index.ts';
export {
  type ColumnPlan,
  type CompiledTarget,
  control,
  type EmitFeatures,
  type FilledMap,
  type FloatState,
  type Fold,
  gates,
  type PanicShape,
  type ProbePlan,
  type ProbeSites,
  type ProcessFilter,
  type ProgramSites,
  type Resolution,
  type Site,
  type TracepointMaps,
  type ValueShape,
} from './types.ts';
