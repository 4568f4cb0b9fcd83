import { type Scalar, type ScalarType, typeOf } from '../plan.ts';
import { type Aggregates, isNumber, type Partials, type Split } from './definition.ts';

/** Of the nodes' answers the same is taken again. */
const again = (name: 'min' | 'max' | 'any'): Split => ({
  kind: 'parts',
  parts: (argument) => [{ partial: name, type: typeOf(argument), merge: name }],
});

const ordered = (argument: Scalar): ScalarType | undefined =>
  isNumber(argument) || argument.type === 'TIME64NS' || argument.type === 'STRING' ? typeOf(argument) : undefined;

/** Aggregates that are one of the values. */
export const choices: Aggregates<'min' | 'max' | 'any' | 'first' | 'last'> = {
  min: { type: ordered, text: (value, { over }) => `min(${value})${over}`, split: again('min') },
  max: { type: ordered, text: (value, { over }) => `max(${value})${over}`, split: again('max') },
  any: { type: typeOf, text: (value, { over }) => `any_value(${value})${over}`, split: again('any') },
  /** In the rows' order, which between nodes is that of `time_`. */
  first: {
    type: typeOf,
    text: (value, { order }) => `arg_min(${value}, ${order})`,
    split: {
      kind: 'parts',
      parts: (argument) => [{ partial: 'first', type: typeOf(argument), merge: 'first', place: 'first_place' }],
    },
  },
  last: {
    type: typeOf,
    text: (value, { order }) => `arg_max(${value}, ${order})`,
    split: {
      kind: 'parts',
      parts: (argument) => [{ partial: 'last', type: typeOf(argument), merge: 'last', place: 'last_place' }],
    },
  },
};

export const choicePartials: Partials<'first_place' | 'last_place'> = {
  first_place: { text: (value, { order }) => `min(${order}) FILTER (${value} IS NOT NULL)` },
  last_place: { text: (value, { order }) => `max(${order}) FILTER (${value} IS NOT NULL)` },
};
