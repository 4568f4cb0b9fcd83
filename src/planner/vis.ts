import { type Diagnostic, nearest } from '#base';
import { quoted } from '#pxl';
import type { Compiled, FunctionCall } from './types.ts';

/** A parameter of a script that has a vis.json. */
export interface VisVariable {
  readonly name: string;
  /** Pixie's name: PX_STRING, PX_INT64, PX_NAMESPACE, … */
  readonly type: string;
  /** Undefined: the parameter must be given. */
  readonly defaultValue?: string;
  readonly description?: string;
  readonly validValues?: readonly string[];
}

interface VisFunction {
  readonly name: string;
  readonly outputName: string;
  readonly arguments: readonly { readonly name: string; readonly value?: string; readonly variable?: string }[];
}

/** What a vis.json says of a script's parameters and of the functions to call; how to draw the results is left out. */
export interface Vis {
  readonly variables: readonly VisVariable[];
  readonly functions: readonly VisFunction[];
}

type Json = unknown;
class Malformed extends Error {}

/** Reads a vis.json (px.vispb.Vis in src/api/proto/vispb/vis.proto of Pixie, as protobuf JSON). */
export function readVis(text: string): Compiled<Vis> {
  try {
    const vis = object(parsed(text), 'the whole');
    const variables = array(vis.variables, 'variables').map(readVariable);
    const functions: VisFunction[] = [];
    for (const each of array(vis.globalFuncs, 'globalFuncs')) {
      const item = object(each, 'globalFuncs');
      functions.push(readFunction(item.func, textOf(item.outputName, 'outputName')));
    }
    array(vis.widgets, 'widgets').forEach((each, i) => {
      const item = object(each, 'widgets');
      if (item.func === undefined) return;
      const name = item.name;
      functions.push(readFunction(item.func, typeof name === 'string' && name !== '' ? name : `widget_${i}`));
    });
    return { ok: true, value: { variables, functions } };
  } catch (thrown) {
    if (!(thrown instanceof Malformed)) throw thrown;
    return { ok: false, diagnostics: [{ id: 'vis.malformed', message: `vis.json: ${thrown.message}` }] };
  }
}

/**
 * The calls of the script's functions with these values of its variables; a variable that is not given has its default.
 * Pass them to `compileMutations` and `compileQuery`.
 */
export function visCalls(vis: Vis, values: ReadonlyMap<string, string>): Compiled<readonly FunctionCall[]> {
  const diagnostics: Diagnostic[] = [];
  const names = vis.variables.map((variable) => variable.name);
  for (const name of values.keys()) if (!names.includes(name)) diagnostics.push(unknownVariable(name, names));
  const bound = new Map<string, string>();
  for (const { name, type, defaultValue, validValues } of vis.variables) {
    const value = values.get(name) ?? defaultValue;
    if (value === undefined) diagnostics.push({ id: 'vis.missing', message: `--${name} is required` });
    else if (validValues && validValues.length > 0 && !validValues.includes(value)) {
      const hints = [`one of: ${validValues.join(', ')}`];
      diagnostics.push({ id: 'vis.value', message: `--${name} cannot be \`${value}\``, hints });
    } else bound.set(name, type === 'PX_STRING_LIST' ? listText(value) : value);
  }
  const calls = vis.functions.map((each): FunctionCall => {
    const given = each.arguments.map(({ name, value, variable }) => {
      if (variable !== undefined && !names.includes(variable)) {
        diagnostics.push({
          id: 'vis.malformed',
          message: `vis.json: ${each.name} uses the unknown variable '${variable}'`,
        });
      }
      return { name, value: (variable === undefined ? value : bound.get(variable)) ?? '' };
    });
    return { name: each.name, outputName: each.outputName, arguments: given };
  });
  return diagnostics.length > 0 ? { ok: false, diagnostics } : { ok: true, value: calls };
}

/** `a,b`, as Pixie's page has it, as PxL writes it; what is written as a list stays. */
function listText(value: string): string {
  const text = value.trim();
  return text === '' || text.startsWith('[') ? text || '[]' : `[${text.split(',').map(quoted).join(', ')}]`;
}

function unknownVariable(name: string, names: readonly string[]): Diagnostic {
  const near = nearest(name, names);
  const hints = near.length > 0 ? [`did you mean ${near.map((each) => `--${each}`).join(' or ')}?`] : [];
  hints.push(names.length > 0 ? `it has: ${names.map((each) => `--${each}`).join(', ')}` : 'it has none');
  return { id: 'pxl.no-such-parameter', message: `the script has no parameter --${name}`, hints };
}

function readVariable(json: Json): VisVariable {
  const item = object(json, 'variables');
  const valid = item.validValues;
  return {
    name: textOf(item.name, 'name'),
    type: typeof item.type === 'string' ? item.type : 'PX_STRING',
    ...(typeof item.defaultValue === 'string' ? { defaultValue: item.defaultValue } : {}),
    ...(typeof item.description === 'string' ? { description: item.description } : {}),
    ...(valid === undefined
      ? {}
      : { validValues: array(valid, 'validValues').map((each) => textOf(each, 'validValues')) }),
  };
}

function readFunction(json: Json, outputName: string): VisFunction {
  const item = object(json, 'func');
  return {
    name: textOf(item.name, 'func.name'),
    outputName,
    arguments: array(item.args, 'args').map((each) => {
      const argument = object(each, 'args');
      return {
        name: textOf(argument.name, 'args.name'),
        ...(typeof argument.value === 'string' ? { value: argument.value } : {}),
        ...(typeof argument.variable === 'string' ? { variable: argument.variable } : {}),
      };
    }),
  };
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Malformed(`not JSON: ${(cause as Error).message}`);
  }
}

function object(json: Json, what: string): Record<string, Json> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, Json>;
  throw new Malformed(`${what} must be an object`);
}

function array(json: Json, what: string): readonly Json[] {
  if (json === undefined || json === null) return [];
  if (Array.isArray(json)) return json;
  throw new Malformed(`${what} must be an array`);
}

function textOf(json: Json, what: string): string {
  if (typeof json === 'string') return json;
  throw new Malformed(`${what} must be a string`);
}

/** Values for the variables that have no default: the first valid one, or one of the right form. */
export function standIns(vis: Vis): ReadonlyMap<string, string> {
  const forms: Record<string, string> = { PX_INT64: '1', PX_FLOAT64: '1', PX_BOOLEAN: 'true', PX_LIST: '[]' };
  const wanted = vis.variables.filter(({ defaultValue }) => defaultValue === undefined);
  return new Map(
    wanted.map(({ name, type, validValues }) => [
      name,
      validValues?.[0] ?? forms[type] ?? '00000001-0000-0001-0000-000000000001',
    ]),
  );
}
