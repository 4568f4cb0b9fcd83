export { rowFunctions } from './all.ts';
export { type FormattedKind, formatFault, formatValue } from './format.ts';
export type { RowFunction, RowType, RowValue } from './row-function.ts';
