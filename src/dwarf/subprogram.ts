import { attribute, tag } from './constants.ts';
import type { Die } from './die.ts';
import type { Dwarf } from './dwarf.ts';
import type { LocationRange } from './loclist.ts';
import type { CodeSpan } from './ranges.ts';

/** A formal parameter of a function, or a result (`isResult`, from DW_AT_variable_parameter). */
export interface Parameter {
  /** As DWARF has it: `s`, `~r0`, `_`, or empty. */
  readonly name: string;
  /** Offset of its type's DIE; undefined where DWARF has none. */
  readonly type: number | undefined;
  readonly isResult: boolean;
  /** Read when asked for. Empty: DWARF tells no place, here or anywhere. */
  locations(): readonly LocationRange[];
}

/** What debug info tells of one function that has code. */
export interface Subprogram {
  readonly name: string;
  /** In declaration order, results last as Go declares them. */
  readonly parameters: readonly Parameter[];
  readonly declLine: number | undefined;
  /** Number of its file in the unit's line table. */
  readonly declFile: number | undefined;
  /** Made by the compiler: a wrapper (DW_AT_trampoline). */
  readonly trampoline: boolean;
  readonly die: Die;
}

/** Reads the subprogram DIE at an offset, names and types through its abstract origin. Undefined when it is none. */
export function readSubprogram(dwarf: Dwarf, offset: number): Subprogram | undefined {
  const die = dwarf.die(offset);
  if (die === undefined || die.tag !== tag.subprogram) return undefined;
  const originOffset = dwarf.number(die, attribute.abstractOrigin);
  const origin = originOffset === undefined ? undefined : dwarf.die(originOffset);
  return {
    name: dwarf.string(die, attribute.name) ?? (origin && dwarf.string(origin, attribute.name)) ?? '',
    parameters: parametersOf(dwarf, die, origin),
    declLine: dwarf.number(die, attribute.declLine) ?? (origin && dwarf.number(origin, attribute.declLine)),
    declFile: dwarf.number(die, attribute.declFile) ?? (origin && dwarf.number(origin, attribute.declFile)),
    trampoline: dwarf.number(die, attribute.trampoline) === 1,
    die,
  };
}

/** An inlined copy of a function, in the function that has it. */
export interface InlinedSubroutine {
  /** As a subprogram's; results are among them. */
  readonly parameters: readonly Parameter[];
  /** Where its code lies: in several pieces, often. */
  readonly ranges: readonly CodeSpan[];
}

/** Reads the inlined_subroutine DIE at an offset. Undefined when it is none. */
export function readInlined(dwarf: Dwarf, offset: number): InlinedSubroutine | undefined {
  const die = dwarf.die(offset);
  if (die === undefined || die.tag !== tag.inlinedSubroutine) return undefined;
  const originOffset = dwarf.number(die, attribute.abstractOrigin);
  const origin = originOffset === undefined ? undefined : dwarf.die(originOffset);
  return { parameters: parametersOf(dwarf, die, origin), ranges: dwarf.ranges(die) };
}

/**
 * The origin's list gives the order: a concrete instance may list its parameters otherwise and leave out dead ones.
 * What only the concrete instance has comes behind.
 */
export function parametersOf(dwarf: Dwarf, die: Die, origin: Die | undefined): Parameter[] {
  const concrete = formals(dwarf, die);
  if (origin === undefined) return concrete.map((formal) => parameter(dwarf, formal, undefined));
  const byOrigin = new Map<number, Die>();
  const own: Die[] = [];
  for (const formal of concrete) {
    const from = dwarf.number(formal, attribute.abstractOrigin);
    if (from === undefined) own.push(formal);
    else byOrigin.set(from, formal);
  }
  const listed = formals(dwarf, origin).map((formal) => parameter(dwarf, byOrigin.get(formal.offset), formal));
  return [...listed, ...own.map((formal) => parameter(dwarf, formal, undefined))];
}

function formals(dwarf: Dwarf, parent: Die): Die[] {
  return [...dwarf.children(parent)].filter((child) => child.tag === tag.formalParameter);
}

export function parameter(dwarf: Dwarf, concrete: Die | undefined, abstract: Die | undefined): Parameter {
  const either = <T>(read: (die: Die) => T | undefined): T | undefined =>
    (concrete && read(concrete)) ?? (abstract && read(abstract));
  return {
    name: either((die) => dwarf.string(die, attribute.name)) ?? '',
    type: either((die) => dwarf.number(die, attribute.type)),
    isResult: either((die) => dwarf.number(die, attribute.variableParameter)) === 1,
    locations: () => (concrete ? dwarf.locations(concrete) : []),
  };
}
