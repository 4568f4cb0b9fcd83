import { expect, it } from 'vitest';
import { Assembler, fp, immediate, r0, r1, r2, r3 } from '#asm';
import { BadProgram, newWorld, run } from './index.ts';

function result(body: (asm: Assembler) => void): bigint {
  const asm = new Assembler();
  body(asm);
  asm.exit();
  return run(asm.program('x'), newWorld(2));
}

it('computes as eBPF does', () => {
  expect(
    result((asm) => {
      asm.loadConstant(r0, -128n);
      asm.alu('lsh', r0, immediate(56));
      asm.alu('arsh', r0, immediate(60));
    }),
  ).toBe(0xffff_ffff_ffff_fff8n);
  expect(
    result((asm) => {
      asm.mov(r0, immediate(-1));
      asm.alu32('add', r0, immediate(2));
    }),
  ).toBe(1n);
  expect(
    result((asm) => {
      asm.mov(r1, immediate(-2));
      asm.store(8, fp, -8, r1);
      asm.load(4, r0, fp, -8);
    }),
  ).toBe(0xffff_fffen);
});

it.each<[string, (asm: Assembler) => void, RegExp]>([
  ['a register that was never set', (asm) => asm.mov(r0, r2), /r2 is read before/],
  ['a stack byte that was never written', (asm) => asm.load(8, r0, fp, -8), /stack byte -8/],
  ['memory of nobody', (asm) => asm.store(8, fp, 8, immediate(0)), /write of 8 bytes/],
  ['the context being written', (asm) => asm.store(8, r1, 0, immediate(0)), /write of 8 bytes/],
  [
    'a register that a call has lost',
    (asm) => {
      asm.mov(r2, immediate(1));
      asm.call('ktime_get_ns');
      asm.mov(r0, r2);
    },
    /r2 is read before/,
  ],
  [
    'a record that is never submitted',
    (asm) => {
      asm.loadMapFd(r1, 'ring');
      asm.mov(r2, immediate(64));
      asm.mov(r3, immediate(0));
      asm.call('ringbuf_reserve');
    },
    /record reserved/,
  ],
  [
    'a loop without end',
    (asm) => {
      const again = asm.newLabel();
      asm.label(again);
      asm.jump(again);
    },
    /does not end/,
  ],
])('refuses %s', (_, body, message) => {
  expect(() => result(body)).toThrow(BadProgram);
  expect(() => result(body)).toThrow(message);
});
