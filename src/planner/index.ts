export { type Check, type CheckStage, checkScript, offlineCatalog } from './check.ts';
export {
  type CompileOptions,
  compileLogical,
  compileMutations,
  compileQuery,
  type LogicalQuery,
  type MutationOptions,
} from './compile.ts';
export { emptyTables } from './empty-tables.ts';
export { aggregateList, functionList, tableFunctionList } from './function-list.ts';
export type { Relational, Scalar } from './plan.ts';
export { planText } from './plan-text.ts';
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
export { readVis, type Vis, type VisVariable, visCalls } from './vis.ts';
