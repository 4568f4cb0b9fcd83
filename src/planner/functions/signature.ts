import { BugError } from '#base';
import type { ColumnType, SemanticType } from '#model';

/** `same`: the type, unit and signedness of the parameter at that place. */
export type Result = { readonly same: number } | { readonly type: ColumnType; readonly semantic: SemanticType };

export interface Overload {
  readonly parameters: readonly (readonly [name: string, type: ColumnType])[];
  readonly result: Result;
}

/** Functions over rows by name, with all their forms. */
export type Functions = Readonly<Record<string, readonly Overload[]>>;

const line = /^\s*(\w+)\((.*)\) -> (?:@(\d+)|(\w+)(?:\/(ST_\w+))?)\s*$/;

/**
 * Reads `name(parameter: TYPE, …) -> TYPE`, one form of a function a line. `A|B` as a type stands for one form with each; a result is
 * `TYPE`, `TYPE/ST_UNIT`, or `@i` for that of the parameter i.
 */
export function signatures(text: string): Functions {
  const found: Record<string, Overload[]> = {};
  for (const each of text.split('\n')) {
    if (each.trim() === '') continue;
    const match = line.exec(each);
    if (!match) throw new BugError(`no signature: ${each}`);
    const [, name, list, same, type, semantic = 'ST_NONE'] = match;
    const result: Result =
      same === undefined ? { type: type as ColumnType, semantic: semantic as SemanticType } : { same: Number(same) };
    found[name!] = [...(found[name!] ?? []), ...forms(list!).map((parameters) => ({ parameters, result }))];
  }
  return found;
}

/** Every choice of one type a parameter; equal unions choose alike. */
function forms(list: string): Overload['parameters'][] {
  const parameters = list.split(',').flatMap((each): [string, string][] => {
    const [name, type] = each.split(':').map((part) => part.trim());
    return name === '' ? [] : [[name!, type!]];
  });
  let choices: ReadonlyMap<string, string>[] = [new Map()];
  for (const union of new Set(parameters.map(([, type]) => type))) {
    choices = choices.flatMap((choice) => union.split('|').map((type) => new Map([...choice, [union, type]])));
  }
  return choices.map((choice) => parameters.map(([name, union]) => [name, choice.get(union) as ColumnType] as const));
}

/** `px.bin(value: INT64, size: INT64)` */
export function formText(name: string, { parameters }: Overload): string {
  return `px.${name}(${parameters.map(([each, type]) => `${each}: ${type}`).join(', ')})`;
}
