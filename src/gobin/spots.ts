import type { Address } from '#base';
import type { Architecture } from './abi.ts';
import type { DebugInfo } from './debuginfo.ts';
import type { Handovers } from './handovers.ts';
import { findLine } from './lines.ts';
import { isSourceName } from './parameters.ts';
import type { Pclntab } from './pclntab.ts';
import type { GoVariable, LineSpot, LineSpots, TypeRef } from './types.ts';
import { variablesAt } from './variables.ts';

/** What it takes to say which variables are where in the middle of a function. */
export interface SpotInput {
  readonly architecture: Architecture;
  readonly info: DebugInfo;
  readonly table: Pclntab | undefined;
  readonly handovers: Handovers;
}

/** The places of a line, by any suffix of its file's path that only one file has. Undefined without function table. */
export function lineSpots(
  suffix: string,
  line: number,
  { architecture, info, table, handovers }: SpotInput,
): LineSpots | undefined {
  if (table === undefined) return undefined;
  const functionAt = (pc: number) => {
    const index = table.findByPc(pc as Address);
    return index < 0 ? undefined : table.function(index);
  };
  const found = findLine(info.dwarf, suffix, line, functionAt);
  if (found.kind !== 'found') return found;
  const resolve = (ref: TypeRef) => info.type(ref);
  const spots = found.runs.flatMap((run): LineSpot[] => {
    const index = table.findByPc(run.start as Address);
    if (index < 0) return [];
    const into = table.function(index);
    const isHandover = (pc: number) => handovers.has(into, pc);
    const at: LineSpot['at'] = (pc, isTrusted, continued) => {
      const frameBytes = table.frameSize(pc);
      const scope = info.scopeAt(into.entry, pc);
      if (frameBytes === undefined || scope === undefined) return undefined;
      const named = scope.variables.filter(({ name }) => isSourceName(name));
      const located = { architecture, pc, frameBytes, resolve, isHandover, isTrusted, continued };
      const variables = referred(variablesAt(named, located), info);
      const { inlined, instance } = scope;
      return { variables, frameBytes, function: scope.function, inlined, instance };
    };
    return [{ into: { ...into, name: info.nameAt(into.entry) ?? into.name }, ...run, at }];
  });
  return { ...found, spots };
}

/** Debug info has a variable that is on the heap, or that a closure has captured by reference, as `&v`, a pointer. Each name once, the innermost. */
function referred(variables: readonly GoVariable[], info: DebugInfo): GoVariable[] {
  const byName = new Map<string, GoVariable>();
  for (const variable of variables) {
    const pointer = variable.name.startsWith('&') ? info.type(variable.type) : undefined;
    const shown: GoVariable =
      pointer?.kind === 'pointer' && pointer.elem !== undefined
        ? { ...variable, name: variable.name.slice(1), type: pointer.elem, byReference: true }
        : variable;
    byName.set(shown.name, shown);
  }
  return [...byName.values()];
}
