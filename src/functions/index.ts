export { rowFunctions } from './all.ts';
export type { RowFunction, RowType, RowValue } from './row-function.ts';
