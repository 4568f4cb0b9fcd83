export { type Analysis, analyse } from './analysis/analysis.ts';
export { columnMembers, contextMembers, describe, type Member, membersOf } from './analysis/describe.ts';
export { type Check, type CheckStage, checkScript, offlineCatalog } from './check.ts';
export {
  type CompileOptions,
  compileLogical,
  compileMutations,
  compileQuery,
  type LogicalQuery,
  type MutationOptions,
} from './compile.ts';
export { duckdbText, followingOf } from './duckdb.ts';
export { emptyTables } from './empty-tables.ts';
export { catalogFunctions } from './function-list.ts';
export { importedModules } from './imports.ts';
export { pixieTableNames } from './pixie-tables.ts';
export { hasNotes, isStreamed, outputColumns, type Relational, type Scalar } from './plan.ts';
export { BadPlan, planFromJson, planToJson } from './plan-json.ts';
export { planText } from './plan-text.ts';
export { ofProcesses, scanOf } from './split/for-nodes.ts';
export { type SplitPlan, splitPlan } from './split/split.ts';
export { tableFunctionRelations } from './table-functions.ts';
export type {
  Catalog,
  Compiled,
  FunctionCall,
  Mutations,
  PlanInput,
  PlanOutput,
  QueryPlan,
} from './types.ts';
export type { Value as ScriptValue } from './value.ts';
export { readVis, standIns, type Vis, type VisVariable, visCalls } from './vis.ts';
