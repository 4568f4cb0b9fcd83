import { type Address, address } from '#base';
import { attribute, type Die } from '#dwarf';
import type { DebugInfo } from './debuginfo.ts';
import type { Closure, GoField } from './types.ts';

/** Up to so many bytes of debug info all of it is gone through for closures: it takes some 50 ms. */
const mostInfoBytes = 32 << 20;

/**
 * Functions with captured variables: those of the whole program where its debug info is small enough, else those of package main and of
 * `packages`. A variable that is captured by reference is a pointer to it.
 */
export function findClosures(debug: DebugInfo, packages: ReadonlySet<string>): readonly Closure[] {
  const { dwarf } = debug;
  const all = dwarf.infoBytes <= mostInfoBytes;
  const found = new Map<number, { code: Address; name: string; captured: GoField[] } | undefined>();
  for (const { subprogram, variable, offset } of dwarf.captured(
    (name) => all || name === 'main' || packages.has(name),
  )) {
    let closure = found.get(subprogram);
    if (!found.has(subprogram)) {
      const die = dwarf.die(subprogram);
      const low = die && dwarf.address(die, attribute.lowPc);
      const name = die && text(debug, die);
      // Without code of its own: inlined wherever it is called.
      closure = low === undefined ? undefined : { code: address(low), name: name ?? '', captured: [] };
      found.set(subprogram, closure);
    }
    const origin = originOf(debug, variable);
    const type = dwarf.number(variable, attribute.type) ?? (origin && dwarf.number(origin, attribute.type));
    const name = text(debug, variable);
    if (closure === undefined || type === undefined || name === undefined) continue;
    // `&n`: by reference.
    closure.captured.push({ name: name.replace(/^&/, ''), offset, type, embedded: false });
  }
  return [...found.values()].flatMap((closure) => (closure === undefined ? [] : [closure]));
}

function originOf({ dwarf }: DebugInfo, die: Die): Die | undefined {
  const offset = dwarf.number(die, attribute.abstractOrigin);
  return offset === undefined ? undefined : dwarf.die(offset);
}

function text(debug: DebugInfo, die: Die): string | undefined {
  const own = debug.dwarf.string(die, attribute.name);
  const origin = own === undefined ? originOf(debug, die) : undefined;
  return own ?? (origin && debug.dwarf.string(origin, attribute.name));
}
