import * as iced from 'iced-x86';
import { describe, expect, test } from 'vitest';
import { address } from '#base';
import { flow, stackLocation } from './types.ts';
import { createX86Decoder, createX86Formatter } from './x86.ts';

const decode = createX86Decoder(iced);
const format = createX86Formatter(iced);
const at = address(0x401000);

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (byte) => Number.parseInt(byte, 16));
}

/** DWARF numbers. */
const [rax, rcx, rdi, rsp, rbp, r12] = [1 << 0, 1 << 2, 1 << 5, 1 << 7, 1 << 6, 1 << 12];

test('flow and targets, relative to the entry', () => {
  // jbe +4; call -0x10; jmp +0; je near -6; ret; jmp *%rax; call *%rax; int3; ud2; syscall; nop
  const code = decode(bytes('7604 e8e9ffffff eb00 0f84f1ffffff c3 ffe0 ffd0 cc 0f0b 0f05 90'.replaceAll(' ', '')), at);
  expect([...code.flow]).toEqual([
    flow.conditional,
    flow.call,
    flow.jump,
    flow.conditional,
    flow.return,
    flow.indirectJump,
    flow.indirectCall,
    flow.other,
    flow.other,
    flow.call,
    flow.next,
  ]);
  expect([...code.targets].slice(0, 4)).toEqual([6, -16, 9, 0]);
  expect(code.targets.slice(4).every(Number.isNaN)).toBe(true);
  expect([...code.offsets]).toEqual([0, 2, 7, 9, 15, 16, 18, 20, 21, 23, 25, 26]);
  expect(code).toMatchObject({ entry: at, count: 11, invalidAt: -1 });
});

describe('effects', () => {
  test.each([
    ['push %rbp', '55', rsp!, 0, 1],
    ['mov %rax,%rcx', '4889c1', rcx!, 0, 0],
    ['mov $1,%ecx writes all of RCX', 'b901000000', rcx!, 0, 0],
    ['mov %al,%cl', '88c1', rcx!, 0, 0],
    ['mov %rax,8(%rsp)', '4889442408', 0, 0, 1],
    ['cmp 16(%r14),%rsp', '493b6610', 0, 0, 0],
    ['lea -8(%rsp),%r12', '4c8d6424f8', r12!, 0, 0],
    ['movsd (%rax),%xmm1', 'f20f1008', 0, 2, 0],
    ['xorps %xmm15,%xmm15', '450f57ff', 0, 0x8000, 0],
    ['incq (%rax)', '48ff00', 0, 0, 1],
    ['xchg %rax,%rdi', '4897', rax! | rdi!, 0, 0],
    ['cmovne %rax,%rdi may write', '480f45f8', rdi!, 0, 0],
    ['leave', 'c9', rsp! | rbp!, 0, 0],
  ])('%s', (_, hex, registers, floats, memory) => {
    const { prefix } = decode(bytes(hex), at);
    expect([prefix.count, prefix.registers[0], prefix.floats[0], prefix.memory[0]]).toEqual([
      1,
      registers,
      floats,
      memory,
    ]);
  });

  test('go on behind a conditional jump, but not behind others, and not for ever', () => {
    expect(decode(bytes('7600 55 eb00 55'.replaceAll(' ', '')), at).prefix.count).toBe(3);
    expect(decode(new Uint8Array(500).fill(0x90), at).prefix.count).toBe(64);
  });
});

test('what cannot be decoded is where decoding stops', () => {
  const code = decode(bytes('5506c3'), at);
  expect(code).toMatchObject({ count: 1, invalidAt: 1 });
  expect([...code.offsets]).toEqual([0, 1]);
  expect(decode(new Uint8Array(), at)).toMatchObject({ count: 0, invalidAt: -1 });
});

test('text', () => {
  expect(format(bytes('55'), at)).toBe('push %rbp');
  expect(format(bytes('eb13'), at)).toMatch(/^jmp .*401015/i);
  expect(format(bytes('06'), at)).toBe('(bad)');
});

const slot = (bytes: number) => stackLocation + bytes;

test.each([
  ['nop', '90', { kind: 'nop', writes: [] }],
  ['mov %rax,%rcx', '4889c1', { kind: 'move', writes: [2], from: 0 }],
  ['mov %eax,%eax cuts off', '89c0', { kind: 'move', writes: [0] }],
  ['mov 8(%rsp),%rax', '488b442408', { kind: 'move', writes: [0], from: slot(8) }],
  ['mov %rax,8(%rsp)', '4889442408', { kind: 'move', writes: [slot(8)], from: 0 }],
  ['movups %xmm1,8(%rsp)', '0f114c2408', { kind: 'move', writes: [slot(8)], from: 18 }],
  ['mov $1,%ecx', 'b901000000', { kind: 'move', writes: [2] }],
  ['xor %eax,%eax', '31c0', { kind: 'move', writes: [0], setsFlags: true }],
  ['lea 8(%rsp),%rax', '488d442408', { kind: 'move', writes: [0] }],
  ['lea 8(%rcx),%rax', '488d4108', { kind: 'other', writes: [0] }],
  ['mov (%rcx),%rax', '488b01', { kind: 'other', writes: [0] }],
  ['mov %rax,(%rcx)', '488901', { kind: 'effect', writes: [] }],
  ['incq (%rax)', '48ff00', { kind: 'effect', setsFlags: true }],
  ['test %al,(%rcx)', '8401', { kind: 'effect', setsFlags: true }],
  ['cmp %rcx,%rax', '4839c8', { kind: 'other', writes: [], setsFlags: true }],
  ['cmovne %rax,%rdi', '480f45f8', { kind: 'select', writes: [5], setsFlags: false }],
  ['movzbl %al,%ecx', '0fb6c8', { kind: 'move', writes: [2] }],
])('role: %s', (_, hex, role) => {
  const found = decode(bytes(hex), at).role(0);
  expect(found).toMatchObject(role);
  expect(found.from).toBe('from' in role ? role.from : undefined);
});
