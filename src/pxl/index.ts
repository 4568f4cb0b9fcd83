export { type ScriptFunction, scriptFunctions } from './functions.ts';
export { type Formatted, format } from './layout.ts';
export { type ScriptParameter, scriptParameters, type WithParameters, withParameters } from './parameters.ts';
export { type Parsed, parse } from './statements.ts';
export { quoted } from './strings.ts';
export type * from './tree.ts';
