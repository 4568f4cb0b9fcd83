import type { ColumnType } from '#model';
import type { Scalar, ScalarType } from '../plan.ts';
import type { AggregateName, PartialName } from './names.ts';

/** What an aggregate's SQL is made of. */
export interface AggregateSite {
  readonly argument: Scalar;
  readonly result: ScalarType;
  /** SQL of what the rows are ordered by. */
  readonly order: string;
  /** ` OVER (…)`, to stand behind every call of an aggregate; empty outside windows. */
  readonly over: string;
  /** The shares of all quantiles of this argument in the same groups, ascending: one pass serves them all. */
  readonly shares?: readonly number[];
}

/** One value that every node computes over its own rows, and the aggregate that makes one of them all. */
export interface Part {
  readonly partial: AggregateName | PartialName;
  readonly type: ScalarType;
  readonly merge: AggregateName | PartialName;
  /** Of the merged value; default: that of the partial one. */
  readonly merged?: ScalarType;
  /** The merge takes the first or the last value: by this partial's value. */
  readonly place?: PartialName;
}

/**
 * How an aggregate is done over rows that lie at several nodes.
 * `rows`: one place must see all rows. `key`: nodes group by its argument too, and the aggregate itself runs over what is left of the
 * rows. `parts`: from partial values, and what `finish` makes of the merged ones (default: the only one, as it is).
 */
export type Split =
  | { readonly kind: 'rows' }
  | { readonly kind: 'key' }
  | {
      readonly kind: 'parts';
      readonly parts: (argument: Scalar) => readonly Part[];
      readonly finish?: (merged: readonly Scalar[], result: ScalarType) => Scalar;
      /** How far the result may be from the one over all rows in one place; default: it is the same. */
      readonly within?: string;
    };

/** Values of a group as one. Missing values are left out; over no value at all the result is missing, where nothing else is said. */
export interface PartialAggregate {
  /** In DuckDB's SQL; `value` is that of the argument. */
  readonly text: (value: string, site: AggregateSite) => string;
}

export interface Aggregate extends PartialAggregate {
  /** The columns that it takes, which are packed into one value; default: one, of any type that `type` knows. */
  readonly inputs?: readonly ColumnType[];
  /** Over values of a type; undefined where there is none. */
  readonly type: (argument: Scalar) => ScalarType | undefined;
  readonly split: Split;
}

export type Aggregates<Name extends AggregateName> = Readonly<Record<Name, Aggregate>>;
export type Partials<Name extends PartialName> = Readonly<Record<Name, PartialAggregate>>;

export const integer: ScalarType = { type: 'INT64', semantic: 'ST_NONE' };
export const float: ScalarType = { type: 'FLOAT64', semantic: 'ST_NONE' };
export const text: ScalarType = { type: 'STRING', semantic: 'ST_NONE' };

export function isNumber({ type }: ScalarType): boolean {
  return type === 'INT64' || type === 'FLOAT64';
}
