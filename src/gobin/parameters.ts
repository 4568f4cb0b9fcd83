import type { Parameter } from '#dwarf';

/** A name that the compiler made for a blank or unnamed parameter: `~p2` (the number counts parameters, receiver first, a shape function's dictionary too). */
const blankParameter = /^~p(\d+)$/;

/**
 * Parameters in declaration order. Those of an inlinable function come from its abstract instance, which leaves blank
 * ones out; they come last, and their names tell where they belong. `dictionary`: index of the hidden dictionary, which is
 * counted in those names but not listed; undefined: there is none.
 */
export function parametersInOrder(all: readonly Parameter[], dictionary?: number): Parameter[] {
  const named: Parameter[] = [];
  const blank: { at: number; parameter: Parameter }[] = [];
  for (const parameter of all) {
    if (parameter.isResult) continue;
    const match = blankParameter.exec(parameter.name);
    const counted = Number(match?.[1]);
    if (match) blank.push({ at: dictionary !== undefined && counted > dictionary ? counted - 1 : counted, parameter });
    else named.push(parameter);
  }
  blank.sort((a, b) => a.at - b.at);
  for (const { at, parameter } of blank) named.splice(Math.min(at, named.length), 0, parameter);
  return named;
}

/** The same of results: `~r0` (up to Go 1.21 `~b0` where others have names); the number counts results. */
const blankResult = /^~[rb](\d+)$/;

/** Results in declaration order as parameters are, each once: a function with `defer` lists the copy in memory as well, under the same name. */
export function resultsInOrder(all: readonly Parameter[]): Parameter[] {
  const named: Parameter[] = [];
  const blank = new Map<number, Parameter>();
  for (const parameter of all) {
    if (!parameter.isResult) continue;
    const { name } = parameter;
    const at = blankResult.exec(name)?.[1];
    if (at !== undefined) {
      if (!blank.has(Number(at))) blank.set(Number(at), parameter);
    } else if (name === '_' || name === '' || !named.some((other) => other.name === name)) named.push(parameter);
  }
  for (const [at, parameter] of [...blank].sort(([a], [b]) => a - b)) {
    named.splice(Math.min(at, named.length), 0, parameter);
  }
  return named;
}

/** What a user is shown: the source name, else `#i` among the parameters. */
export function parameterName(parameter: Parameter, index: number): string {
  return isSourceName(parameter.name) ? parameter.name : `#${index}`;
}

/** What a user is shown: the source name, else `$i` among the results. */
export function resultName(result: Parameter, index: number): string {
  return isSourceName(result.name) ? result.name : `$${index}`;
}

/** Did people give it? */
export function isSourceName(name: string): boolean {
  return name !== '' && name !== '_' && !name.startsWith('~') && !name.startsWith('.');
}
