import { type Address, address } from '#base';
import { attribute, type Die } from '#dwarf';
import type { DebugInfo } from './debuginfo.ts';
import { receiverOf } from './names.ts';
import { isSourceName, parametersInOrder } from './parameters.ts';
import type { Closure, GoField, GoFunction } from './types.ts';

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

/** What a method value's function is called: it calls the method with the receiver that it has captured. */
const methodValue = '-fm';

/**
 * Method values (`t.Handle`) of the packages that `findClosures` goes through: debug info has nothing of what they capture, but it is the receiver, behind the
 * code's address (cmd/compile/internal/typecheck, MethodValueType), and the method tells its type. Not those of interfaces.
 */
export function findMethodValues(
  debug: DebugInfo,
  functions: Iterable<GoFunction>,
  packages: ReadonlySet<string>,
): readonly Closure[] {
  const all = debug.dwarf.infoBytes <= mostInfoBytes;
  const found: Closure[] = [];
  for (const { name, entry } of functions) {
    if (!name.endsWith(methodValue) || name.includes('[')) continue;
    const method = name.slice(0, -methodValue.length);
    const { package: path, receiver } = receiverOf(method);
    if (receiver === undefined || !(all || path === 'main' || packages.has(path))) continue;
    const own = parametersInOrder(debug.declaration(method)?.parameters ?? [])[0];
    if (own?.type === undefined) continue;
    // Blank receivers are not listed before Go 1.22: then it is another parameter.
    const type = receiver.startsWith('*') ? `*${path}.${receiver.slice(1)}` : `${path}.${receiver}`;
    if (debug.type(own.type).name !== type) continue;
    const shown = isSourceName(own.name) ? own.name : 'receiver';
    found.push({ code: entry, name, captured: [{ name: shown, offset: 8, type: own.type, embedded: false }] });
  }
  return found;
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
