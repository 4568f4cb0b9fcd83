/** Types of a row function's arguments and result; `int` is a bigint, `wide` one that may be unsigned too. */
export type RowType = 'text' | 'int' | 'wide' | 'float' | 'bool';
export type RowValue = string | bigint | number | boolean;

/**
 * A function of PxL that is no SQL: called once for each row with values that are all there; a missing argument makes a
 * missing result without a call. Pure: equal arguments give equal results. It must not throw.
 */
export interface RowFunction {
  /** As in PxL, without `px.`. */
  readonly name: string;
  readonly parameters: readonly RowType[];
  readonly result: Exclude<RowType, 'wide'>;
  readonly call: (...values: never[]) => RowValue;
}
