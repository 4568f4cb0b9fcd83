import { describe, expect, test } from 'vitest';
import { classifyArm64, classifyX86 } from './index.ts';

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.split(' '), (byte) => Number.parseInt(byte, 16));
}

describe('x86-64', () => {
  test.each([
    ['push %rbp', '55'],
    ['push %r15', '41 57'],
    ['jbe short', '76 38'],
    ['jbe near', '0f 86 00 01 00 00'],
    ['jmp short', 'eb 13'],
    ['jmp near', 'e9 00 00 00 00'],
    ['call', 'e8 00 00 00 00'],
    ['nop', '90'],
  ])('emulated: %s', (_, hex) => expect(classifyX86(bytes(hex))).toBe('emulated'));

  test.each([
    ['cmp 0x10(%r14),%rsp', '49 3b 66 10'],
    ['sub $0x20,%rsp', '48 83 ec 20'],
    ['mov', '48 8b 00'],
    ['lea', '48 8d 05 00 00 00 00'],
    ['ret', 'c3'],
    ['pop', '5d'],
    ['movsd', 'f2 0f 10 05 00 00 00 00'],
    ['call *%rax', 'ff d0'],
    ['jmp *(%rcx,%rax,8)', 'ff 24 c1'],
    ['vmovdqa by an opcode that happens to be allowed', 'c5 fd 7f 06'],
  ])('stepped: %s', (_, hex) => expect(classifyX86(bytes(hex))).toBe('stepped'));

  test.each([
    ['int3 (runtime.abort)', 'cc'],
    ['hlt', 'f4'],
    ['ud2', '0f 0b'],
    ['syscall', '0f 05'],
    ['lock xadd', 'f0 48 0f c1 08'],
    ['lock and', 'f0 20 18'],
    ['a jmp with operand size', '66 e9 00 00 00 00'],
    ['a jcc with operand size', '66 0f 85 00 00 00 00'],
    ['nop of 5 bytes, which 6.18 rewrites', '0f 1f 44 00 00'],
    ['nop of 10 bytes, which 7.2 rewrites', '66 2e 0f 1f 84 00 00 00 00 00'],
    ['nop of 2 bytes', '66 90'],
    ['nop of 3 bytes', '0f 1f 00'],
    ['cs override', '2e 8b 00'],
    ['mov to ss', '8e d0'],
    ['evex', '62 f1 7d 48 6f 06'],
    ['vmovdqu', 'c5 fe 6f 06'],
    ['in', 'ec'],
    ['cli', 'fa'],
    ['nothing', '48'],
  ])('refused: %s', (_, hex) => expect(classifyX86(bytes(hex))).toBe('refused'));
});

describe('arm64', () => {
  const word = (value: number): Uint8Array =>
    Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
  test.each([
    ['b.ls', 0x54000629, 'emulated'],
    ['b', 0x14000010, 'emulated'],
    ['bl', 0x94000010, 'emulated'],
    ['cbz', 0xb4000040, 'emulated'],
    ['tbnz', 0x37000040, 'emulated'],
    ['ret', 0xd65f03c0, 'emulated'],
    ['br x27', 0xd61f0360, 'emulated'],
    ['adrp', 0x90000000, 'emulated'],
    ['str x30, [sp, #-80]!', 0xf81b0ffe, 'stepped'],
    ['ldr x16, [x28, #16]', 0xf9400b90, 'stepped'],
    ['cmp sp, x16', 0xeb3063ff, 'stepped'],
    ['nop', 0xd503201f, 'stepped'],
    ['ldr x0, literal', 0x58000040, 'refused'],
    ['ldaxr', 0xc85ffc00, 'refused'],
    ['stlxr', 0xc801fc00, 'refused'],
    ['mrs tpidr_el0', 0xd53bd040, 'refused'],
    ['svc', 0xd4000001, 'refused'],
    ['brk', 0xd4200000, 'refused'],
    ['udf', 0x00000000, 'refused'],
    ['bti c', 0xd503245f, 'refused'],
    ['retaa', 0xd65f0bff, 'refused'],
  ] as const)('%s', (_, value, expected) => expect(classifyArm64(word(value))).toBe(expected));
});
