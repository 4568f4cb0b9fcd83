import { nearest } from '#base';
import { UsageError } from '../failure.ts';

/** What may stand behind `--` for one script. */
export interface Parameter {
  readonly name: string;
  /** `PX_STRING` of a vis.json, or the literal's type. */
  readonly type: string;
  /** Undefined: a value must be given. */
  readonly defaultValue?: string;
  readonly description?: string;
  readonly validValues?: readonly string[];
}

export type ScriptArguments =
  | { readonly kind: 'help' }
  | { readonly kind: 'values'; readonly values: ReadonlyMap<string, string> };

/**
 * Reads `--name value` and `--name=value`; a name may have `-` for `_`. @throws UsageError for anything else, an unknown name (with
 * the nearest ones), a value that is missing, given twice, or not among the valid ones
 */
export function parseScriptArguments(words: readonly string[], parameters: readonly Parameter[]): ScriptArguments {
  const values = new Map<string, string>();
  if (words.includes('--help') || words.includes('-h')) return { kind: 'help' };
  for (let i = 0; i < words.length; i++) {
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(words[i]!);
    if (match === null) throw new UsageError(`behind -- only --name value is understood, not ${words[i]}`);
    const parameter = find(match[1]!, parameters);
    const value = match[2] ?? words[++i];
    if (value === undefined) throw new UsageError(`--${parameter.name} needs a value`);
    if (values.has(parameter.name)) throw new UsageError(`--${parameter.name} is given twice`);
    if (parameter.validValues?.length && !parameter.validValues.includes(value)) {
      throw new UsageError(`--${parameter.name} cannot be ${value}; it is one of ${parameter.validValues.join(', ')}`);
    }
    values.set(parameter.name, value);
  }
  return { kind: 'values', values };
}

function find(name: string, parameters: readonly Parameter[]): Parameter {
  const found =
    parameters.find((parameter) => parameter.name === name) ??
    parameters.find((parameter) => parameter.name === name.replaceAll('-', '_'));
  if (found !== undefined) return found;
  const names = parameters.map((parameter) => parameter.name);
  const near = nearest(name, names).map((candidate) => `--${candidate}`);
  const advice =
    near.length > 0
      ? `did you mean ${near.join(' or ')}?`
      : names.length > 0
        ? `it has ${names.map((candidate) => `--${candidate}`).join(', ')}`
        : 'it has none (a parameter is a top-level `name = <literal>` of the script)';
  throw new UsageError(`the script has no parameter --${name}; ${advice}`);
}

/** The text of `-- --help`. */
export function parametersHelp(script: string, parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return `${script} has no parameters.\n`;
  const names = parameters.map((parameter) => `--${parameter.name} <${parameter.type}>`);
  const width = Math.max(...names.map((name) => name.length));
  const lines = parameters.map((parameter, i) => {
    const value = parameter.defaultValue === undefined ? '(required)' : `default: ${parameter.defaultValue || '""'}`;
    const valid = parameter.validValues?.length ? `  one of ${parameter.validValues.join(', ')}` : '';
    return `  ${names[i]!.padEnd(width)}  ${[parameter.description, value].filter(Boolean).join('  ')}${valid}`;
  });
  return `Parameters of ${script}:\n${lines.join('\n')}\n`;
}
