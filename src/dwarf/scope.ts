import { attribute, tag } from './constants.ts';
import type { Die } from './die.ts';
import type { Dwarf } from './dwarf.ts';
import { type Parameter, parameter, parametersOf } from './subprogram.ts';

/** What can be named at one instruction. */
export interface Scope {
  /** The innermost function: of inlined code the one that was inlined. */
  readonly function: string;
  /** Is that an inlined copy? */
  readonly inlined: boolean;
  /** Offset of the DIE of that function, or copy. */
  readonly instance: number;
  /** Its parameters, results and local variables, each name once: the innermost block's. */
  readonly variables: readonly Parameter[];
}

/** Reads the scope at `pc` in the subprogram DIE at an offset. Undefined when it is none. */
export function readScope(dwarf: Dwarf, offset: number, pc: number): Scope | undefined {
  const die = dwarf.die(offset);
  if (die === undefined || die.tag !== tag.subprogram) return undefined;
  let scope = { die, inlined: false, variables: new Map<string, Parameter>() };
  const enter = (fn: Die, inlined: boolean) => {
    scope = { die: fn, inlined, variables: new Map() };
    const origin = originOf(dwarf, fn);
    for (const each of parametersOf(dwarf, fn, origin)) scope.variables.set(each.name, each);
    walk(fn);
  };
  const walk = (parent: Die) => {
    const inner: Die[] = [];
    for (const child of dwarf.children(parent)) {
      if (child.tag === tag.variable) {
        const variable = parameter(dwarf, child, originOf(dwarf, child));
        scope.variables.set(variable.name, variable);
      } else if (child.tag === tag.lexicalBlock || child.tag === tag.inlinedSubroutine) {
        if (dwarf.ranges(child).some(({ start, end }) => pc >= start && pc < end)) inner.push(child);
      }
    }
    for (const child of inner) {
      if (child.tag === tag.inlinedSubroutine) enter(child, true);
      else walk(child);
    }
  };
  enter(die, false);
  const origin = originOf(dwarf, scope.die);
  const name = dwarf.string(scope.die, attribute.name) ?? (origin && dwarf.string(origin, attribute.name)) ?? '';
  const { inlined, variables } = scope;
  return { function: name, inlined, instance: scope.die.offset, variables: [...variables.values()] };
}

function originOf(dwarf: Dwarf, die: Die): Die | undefined {
  const offset = dwarf.number(die, attribute.abstractOrigin);
  return offset === undefined ? undefined : dwarf.die(offset);
}
