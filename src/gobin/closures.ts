import { address } from '#base';
import { attribute, type Die } from '#dwarf';
import type { DebugInfo } from './debuginfo.ts';
import { receiverOf } from './names.ts';
import { isSourceName, parametersInOrder } from './parameters.ts';
import type { CapturedVariable, Closure, GoFunction } from './types.ts';

/** Up to so many bytes of debug info all of it is gone through for closures: it takes some 50 ms. */
const mostInfoBytes = 32 << 20;

/** Which packages are gone through where those of `packages` are asked for: all where debug info is small enough, else package main and these. */
export function closurePackages({ dwarf }: DebugInfo, packages: readonly string[]): ReadonlySet<string> | 'all' {
  return dwarf.infoBytes <= mostInfoBytes ? 'all' : new Set(['main', ...packages]);
}

/** Larger variables are captured by reference, whatever is done with them (cmd/compile/internal/escape, flowClosure). */
const mostByValue = 128;

interface CapturedDie {
  readonly name: string;
  readonly offset: number;
  readonly type: number;
  readonly variable: Die;
}

/** The code of a function or a part of it, by addresses of the file. */
export type CodeReader = (start: number, end: number) => Uint8Array;

/** Functions with captured variables of these packages. A variable that is captured by reference is a pointer to it. `code`: of amd64, else undefined. */
export function findClosures(
  debug: DebugInfo,
  packages: ReadonlySet<string> | 'all',
  code: CodeReader | undefined,
): readonly Closure[] {
  const { dwarf } = debug;
  const found = new Map<number, { readonly die: Die; readonly captured: CapturedDie[] } | undefined>();
  for (const { subprogram, variable, offset } of dwarf.captured((name) => packages === 'all' || packages.has(name))) {
    if (!found.has(subprogram)) {
      const die = dwarf.die(subprogram);
      // Without code of its own: inlined wherever it is called.
      const hasCode = die !== undefined && dwarf.address(die, attribute.lowPc) !== undefined;
      found.set(subprogram, hasCode ? { die, captured: [] } : undefined);
    }
    const origin = originOf(debug, variable);
    const type = dwarf.number(variable, attribute.type) ?? (origin && dwarf.number(origin, attribute.type));
    const name = text(debug, variable);
    if (type !== undefined && name !== undefined)
      found.get(subprogram)?.captured.push({ name, offset, type, variable });
  }
  return [...found.values()].flatMap((closure) => {
    if (closure === undefined) return [];
    const low = dwarf.address(closure.die, attribute.lowPc)!;
    const own = code && { code, start: low, end: low + (dwarf.codeSize(closure.die) ?? 0) };
    const dictionary = closure.captured.find((each) => each.name === '.dict')?.offset;
    const captured = closure.captured
      .filter((each) => each.name !== '.dict')
      .map((each) => fieldOf(debug, each, closure.captured, own));
    const name = text(debug, closure.die) ?? '';
    return [{ code: address(low), name, captured, ...(dictionary === undefined ? {} : { dictionary }) }];
  });
}

/**
 * The variable as a field of what the func points to. Debug info calls it `&v`, of a pointer type, where it is captured by reference, and as well where it lies in
 * the closure itself but the function's code handles it by its address only: one that is too large for registers (cmd/compile/internal/ssagen, ClosureVars). Then the
 * code tells which, by whether it loads the word there or takes its address.
 */
function fieldOf(
  debug: DebugInfo,
  captured: CapturedDie,
  all: readonly CapturedDie[],
  own: { readonly code: CodeReader; readonly start: number; readonly end: number } | undefined,
): CapturedVariable {
  const { name, offset, type } = captured;
  if (!name.startsWith('&')) return { name, offset, type };
  const field = { name: name.slice(1), offset };
  const pointer = debug.type(type);
  const elem = pointer.kind === 'pointer' ? pointer.elem : undefined;
  if (elem === undefined) return { ...field, type };
  const reference = { ...field, type, byReference: true } as const;
  const { size } = debug.type(elem);
  const room = Math.min(...all.map((each) => each.offset - offset).filter((bytes) => bytes > 0));
  if (size > mostByValue || room < size) return reference;
  const isScalar = !['struct', 'array'].includes(debug.type(elem).kind);
  const seen = own && accessBefore(debug, captured, own);
  const first = own && seen === undefined ? firstAccess(own.code(own.start, own.end), offset) : seen;
  if (first === 'address') return { ...field, type: elem };
  // A load alone may be that of a first field.
  if (seen === 'load' || isScalar) return reference;
  return { ...field, unknown: 'debug info does not tell whether it is captured by value or by reference' };
}

type Access = 'load' | 'address';

/** What a variable is from where its places begin: of what the instruction before gives. */
function accessBefore(
  debug: DebugInfo,
  { variable, offset }: CapturedDie,
  { code, start, end }: { readonly code: CodeReader; readonly start: number; readonly end: number },
): Access | undefined {
  for (const range of debug.dwarf.locations(variable)) {
    if (range.start < start + longAccess || range.start > end) continue;
    const bytes = code(range.start - longAccess, range.start);
    const found = accessAt(bytes, longAccess - shortAccess, offset) ?? accessAt(bytes, 0, offset);
    if (found !== undefined) return found.access;
  }
  return undefined;
}

/** The closure's address is in RDX when its function begins (abi-internal, "Closures"). */
const contextRegister = 2;

function firstAccess(code: Uint8Array, offset: number): Access | undefined {
  for (let at = 0; at < code.length - longAccess; at++) {
    const found = accessAt(code, at, offset);
    if (found?.base === contextRegister) return found.access;
  }
  return undefined;
}

/** Bytes of `mov` and `lea` with a base register and a displacement of one and of four bytes (Intel SDM 2, MOV and LEA with REX.W). */
const shortAccess = 4;
const longAccess = 7;

function accessAt(
  code: Uint8Array,
  at: number,
  offset: number,
): { readonly access: Access; readonly base: number } | undefined {
  const [rex, opcode, modrm] = [code[at]!, code[at + 1]!, code[at + 2]!];
  if ((rex & 0xfa) !== 0x48 || (opcode !== 0x8b && opcode !== 0x8d) || (modrm & 7) === 4) return undefined;
  const mode = modrm >> 6;
  const displacement =
    mode === 1
      ? code[at + 3]!
      : mode === 2
        ? new DataView(code.buffer, code.byteOffset + at + 3, 4).getInt32(0, true)
        : -1;
  if (displacement !== offset) return undefined;
  return { access: opcode === 0x8b ? 'load' : 'address', base: (modrm & 7) | ((rex & 1) << 3) };
}

/** What a method value's function is called: it calls the method with the receiver that it has captured. */
export const methodValue = '-fm';

/**
 * Of functions that are called so the method values (`t.Handle`) of these packages: debug info has nothing of what they capture, but it is the receiver, behind the
 * code's address (cmd/compile/internal/typecheck, MethodValueType), and the method tells its type; of an interface's method there is no declaration, and the code loads both words.
 */
export function findMethodValues(
  debug: DebugInfo,
  functions: Iterable<GoFunction>,
  packages: ReadonlySet<string> | 'all',
  code: CodeReader | undefined,
): readonly Closure[] {
  const found: Closure[] = [];
  for (const { name, entry, end } of functions) {
    if (!name.endsWith(methodValue) || name.includes('[')) continue;
    const method = name.slice(0, -methodValue.length);
    const { package: path, receiver } = receiverOf(method);
    if (receiver === undefined || !(packages === 'all' || packages.has(path))) continue;
    const declared = debug.declaration(method);
    if (declared === undefined && code !== undefined && loadsInterface(code(entry, end))) {
      found.push({ code: entry, name, captured: [{ name: 'receiver', offset: 8, interface: `${path}.${receiver}` }] });
      continue;
    }
    const own = parametersInOrder(declared?.parameters ?? [])[0];
    if (own?.type === undefined) continue;
    // Blank receivers are not listed before Go 1.22: then it is another parameter.
    const type = receiver.startsWith('*') ? `*${path}.${receiver.slice(1)}` : `${path}.${receiver}`;
    if (debug.type(own.type).name !== type) continue;
    const shown = isSourceName(own.name) ? own.name : 'receiver';
    found.push({ code: entry, name, captured: [{ name: shown, offset: 8, type: own.type }] });
  }
  return found;
}

function loadsInterface(code: Uint8Array): boolean {
  return [8, 16].every((offset) => firstAccess(code, offset) === 'load');
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
