import { mathFunctions } from './math.ts';
import { metadataFunctions } from './metadata.ts';
import type { Functions } from './signature.ts';
import { textFunctions } from './text.ts';

/** The functions over rows that a script can call, by Pixie's names (src/carnot/funcs at the commit in research/pixie.md) and Sonde's own. */
export const scalarFunctions: Functions = { ...mathFunctions, ...textFunctions, ...metadataFunctions };

/** Functions that stand for an operator: `px.add(a, b)` is `a + b`. */
export const operatorFunctions: Readonly<Record<string, string>> = {
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  modulo: '%',
  equal: '==',
  notEqual: '!=',
  lessThan: '<',
  lessThanEqual: '<=',
  greaterThan: '>',
  greaterThanEqual: '>=',
  logicalAnd: 'and',
  logicalOr: 'or',
  logicalNot: 'not',
  negate: '-',
};

/** What Pixie's `px` has and Sonde's will not have, with the reason. */
export const refusedNames: Readonly<Record<string, string>> = {
  _script_reference: 'px.script_reference(label, script, args) makes the same',
  sample: 'a random sample differs from run to run: use head(), tail() or a filter',
  _text_embedding: 'Sonde runs no machine-learning models',
  _encode_sentence_piece: 'Sonde runs no machine-learning models',
  _kmeans_inference: 'Sonde runs no machine-learning models',
  _kmeans_fit: 'Sonde runs no machine-learning models',
};
