import * as iced from 'iced-x86';
import { expect, test } from 'vitest';
import { address } from '#base';
import { flowGraph } from './flow-graph.ts';
import { stackLocation } from './types.ts';
import { ValueFlow } from './value-flow.ts';
import { createX86Decoder } from './x86.ts';

const decode = createX86Decoder(iced);
const [rax, rbx, rcx] = [0, 3, 2];
const slot = stackLocation + 8;

function flowIn(...instructions: readonly string[]): ValueFlow {
  const bytes = Uint8Array.from(
    instructions.flatMap((hex) => hex.match(/../g)!.map((byte) => Number.parseInt(byte, 16))),
  );
  const code = decode(bytes, address(0x1000));
  return new ValueFlow(code, flowGraph(code, [], () => false)!, () => new Set([rax!]));
}

test('a move makes another place hold the same value, anything else a new one', () => {
  // mov %rax,%rbx; mov %rbx,8(%rsp); inc %rax; mov 8(%rsp),%rcx; ret
  const values = flowIn('4889c3', '48895c2408', '48ffc0', '488b4c2408', 'c3');
  const given = values.before(0, rax);
  expect([values.before(1, rbx), values.before(2, slot), values.before(4, rcx)]).toEqual([given, given, given]);
  expect(values.before(3, rax)).not.toBe(given);
});

test('a call leaves new values in registers, and the stack as it is', () => {
  // mov %rbx,8(%rsp); call +0 (to itself and on); ret
  const values = flowIn('48895c2408', 'e800000000', 'c3');
  const given = values.before(0, rbx);
  expect(values.before(2, slot)).toBe(given);
  expect(values.before(2, rbx)).not.toBe(given);
});

test('where ways meet, a place holds the value of both, or one of its own', () => {
  // test %eax,%eax; je +3; mov %rax,%rbx; inc %rcx; ret
  const values = flowIn('85c0', '7403', '4889c3', '48ffc1', 'c3');
  expect(values.before(3, rax)).toBe(values.before(0, rax));
  expect([values.before(0, rbx), values.before(0, rax)]).not.toContain(values.before(3, rbx));
});

test('in a loop a place that is written holds a value of each turn, one that is not the value from before', () => {
  // inc %rcx; cmp %rax,%rcx; jl -8; ret
  const values = flowIn('48ffc1', '4839c1', '7cf8', 'c3');
  expect(values.before(0, rax)).toBe(values.before(3, rax));
  expect(values.before(0, rcx)).not.toBe(values.before(1, rcx));
});

test('what is read afterwards: by an instruction, by a call or a return that hands it over', () => {
  // mov %rbx,8(%rsp); call +0; mov 8(%rsp),%rcx; ret
  const values = flowIn('48895c2408', 'e800000000', '488b4c2408', 'c3');
  expect([rax, rbx, rcx].map((place) => values.isRead(0, place!))).toEqual([true, true, false]);
  expect([values.isRead(1, rbx!), values.isRead(1, slot), values.isRead(3, slot), values.isRead(3, rax!)]).toEqual([
    false,
    true,
    false,
    true,
  ]);
});
