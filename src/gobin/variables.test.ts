import { expect, test } from 'vitest';
import type { LocationRange, Parameter } from '#dwarf';
import type { GoType } from './types.ts';
import { variablesAt } from './variables.ts';

/** DW_OP_reg*n*, DW_OP_fbreg *n* with DW_OP_piece, as Go's compiler writes them. */
const register = (n: number, size: number) => [0x50 + n, 0x93, size];
const frame = (offset: number, size: number) => [0x91, offset & 0x7f, 0x93, size];
const nothing = (size: number) => [0x93, size];
const [rax, rbx, rcx] = [0, 3, 2];

const types: readonly GoType[] = [
  { kind: 'bool', name: 'bool', size: 1 },
  { kind: 'int', name: 'int64', size: 8 },
  { kind: 'string', name: 'string', size: 16 },
  { kind: 'slice', name: '[]int64', size: 24, elem: 1 },
  {
    kind: 'struct',
    name: 'main.pair',
    size: 32,
    fields: [
      { name: 'ok', type: 0, offset: 0, embedded: false },
      { name: 'n', type: 1, offset: 8, embedded: false },
      { name: 'name', type: 2, offset: 16, embedded: false },
    ],
  },
] as GoType[];

function places(type: number, ...expressions: readonly (readonly number[])[]) {
  const ranges = expressions.map((bytes, i): LocationRange => {
    return { start: 10 * i, end: 10 * i + 10, expression: Uint8Array.from(bytes) };
  });
  const variable = { name: 'v', type, locations: () => ranges } as unknown as Parameter;
  const pc = 10 * (ranges.length - 1);
  const input = {
    architecture: 'amd64',
    pc,
    frameBytes: 100,
    resolve: (ref: number) => types[ref]!,
    isHandover: (at: number) => at === 0,
  } as const;
  const [found] = variablesAt([variable], input);
  return found!.unknown ?? found!.places.map(({ offset, size }) => [offset, size]);
}

test('padding between the parts of a value is in no list', () => {
  const [ok, n] = [register(rax, 1), register(rbx, 8)];
  expect(places(4, [...ok, ...n, ...frame(-16, 8), ...frame(-24, 8)])).toEqual([
    [0, 1],
    [8, 8],
    [16, 8],
    [24, 8],
  ]);
  expect(places(4, [...ok, ...nothing(8), ...frame(-16, 8), ...nothing(8)])).toEqual([
    [0, 1],
    [16, 8],
  ]);
  expect(places(4, [...ok, ...n, ...frame(-16, 16)])).toEqual([
    [0, 1],
    [8, 8],
    [16, 16],
  ]);
});

test('parts that may be these or those are not taken for either', () => {
  expect(places(4, [...register(rax, 8), ...register(rbx, 8)])).toMatch(/some of its parts/);
  expect(places(2, [0x50 + rbx])).toMatch(/some of its parts/);
  expect(places(3, [0x50 + rbx])).toMatch(/some of its parts/);
  expect(places(1, [0x50 + rbx])).toEqual([[0, 8]]);
});

test('two words of a slice are told apart by the registers that they came in', () => {
  expect(places(3, [...register(rax, 8), ...register(rbx, 8)])).toEqual([
    [0, 8],
    [8, 8],
  ]);
  expect(places(3, [...register(rax, 8), ...register(rcx, 8)])).toEqual([
    [0, 8],
    [16, 8],
  ]);
  const moved = [...frame(-16, 8), ...frame(-40, 8)];
  expect(places(3, [...register(rax, 8), ...register(rbx, 8)], [...frame(-16, 8), ...register(rbx, 8)], moved)).toEqual(
    [
      [0, 8],
      [8, 8],
    ],
  );
  expect(places(3, moved)).toMatch(/some of its parts/);
});

test('two words of a slice that no call has left in their registers are not told apart', () => {
  expect(places(3, [], [...register(rax, 8), ...register(rbx, 8)])).toMatch(/some of its parts/);
});
