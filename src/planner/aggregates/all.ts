import type { ColumnType } from '#model';
import type { Scalar, ScalarType } from '../plan.ts';
import { choicePartials, choices } from './choice.ts';
import { countPartials, counts } from './count.ts';
import type { Aggregates, PartialAggregate, Partials } from './definition.ts';
import { histogramFinishes, histogramPartials, histograms } from './histogram.ts';
import type { AggregateName, PartialName } from './names.ts';
import { profiles } from './profile.ts';
import { quantileFinishes, quantilePartials, quantiles } from './quantile.ts';
import { perSecond, rates } from './rate.ts';
import { requestPaths } from './request-paths.ts';
import { spreadFinishes, spreadPartials, spreads } from './spread.ts';
import { statePartials } from './states.ts';
import { sumPartials, sums } from './sum.ts';

export const aggregates: Aggregates<AggregateName> = {
  ...counts,
  ...sums,
  ...choices,
  ...quantiles,
  ...spreads,
  ...histograms,
  ...rates,
  ...requestPaths,
  ...profiles,
};

const partials: Partials<PartialName> = {
  ...countPartials,
  ...sumPartials,
  ...choicePartials,
  ...spreadPartials,
  ...quantilePartials,
  ...histogramPartials,
  ...statePartials,
};

/** What is made of merged values, in DuckDB's SQL: operations that only splits use. */
export const finishTexts: Readonly<Record<string, (...operands: string[]) => string>> = {
  perSecond,
  ...spreadFinishes,
  ...quantileFinishes,
  ...histogramFinishes,
};

/**
 * The type of an aggregate over values of a type, undefined where there is none. `count` counts rows, also those whose value is
 * missing; the others leave missing values out, and over no value at all the result is missing.
 */
export function aggregateType(name: AggregateName, argument: Scalar): ScalarType | undefined {
  return aggregates[name].type(argument);
}

/** The types of the columns that an aggregate of several takes. */
export function inputsOf(name: string): readonly ColumnType[] | undefined {
  return Object.hasOwn(aggregates, name) ? aggregates[name as AggregateName].inputs : undefined;
}

export function isAggregate(name: string): name is AggregateName | PartialName {
  return Object.hasOwn(aggregates, name) || Object.hasOwn(partials, name);
}

export function aggregateOf(name: AggregateName | PartialName): PartialAggregate {
  return Object.hasOwn(aggregates, name) ? aggregates[name as AggregateName] : partials[name as PartialName];
}
