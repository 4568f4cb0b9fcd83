import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Assembler, decode, disassemble, encode, fp, immediate, type Register, r0, r1, r2, r6 } from './index.ts';

/** A small program with one of everything. */
function sample(): Assembler {
  const asm = new Assembler();
  const out = asm.newLabel();
  const again = asm.newLabel();
  asm.label(again);
  asm.mov(r6, r1);
  asm.loadConstant(r2, 0x1122_3344_5566_7788n);
  asm.loadConstant(r2, -5n);
  asm.alu('rsh', r0, immediate(32));
  asm.alu32('add', r0, r2);
  asm.load(8, r1, r6, 144);
  asm.load(1, r1, r6, 3);
  asm.store(8, fp, -8, r1);
  asm.store(4, fp, -16, immediate(-1));
  asm.loadMapValue(r1, 'control', 24);
  asm.atomicAdd(r1, 0, r2);
  asm.loadMapFd(r1, 'ring');
  asm.call('ringbuf_reserve');
  asm.jumpIf('eq', r0, immediate(0), out);
  asm.jumpIf('gt', r0, r2, again);
  asm.jump(out);
  asm.label(out);
  asm.exit();
  return asm;
}

describe('assembler', () => {
  it('gives the bytes that the kernel documents', () => {
    const asm = new Assembler();
    asm.mov(r0, immediate(0));
    asm.exit();
    // BPF_MOV64_IMM(BPF_REG_0, 0); BPF_EXIT_INSN()
    expect([...asm.program('x').instructions]).toEqual([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('disassembles to one line an instruction, jumps by slot', () => {
    expect(disassemble(sample().program('sample')).split('\n')).toEqual([
      '   0: r6 = r1',
      '   1: r2 = 0x1122334455667788 ll',
      '   3: r2 = -5',
      '   4: r0 >>= 32',
      '   5: w0 += r2',
      '   6: r1 = *(u64 *)(r6 +144)',
      '   7: r1 = *(u8 *)(r6 +3)',
      '   8: *(u64 *)(r10 -8) = r1',
      '   9: *(u32 *)(r10 -16) = -1',
      '  10: r1 = map control value +24',
      '  12: lock *(u64 *)(r1 +0) += r2',
      '  13: r1 = map ring',
      '  15: call ringbuf_reserve#131',
      '  16: if r0 == 0 goto 19',
      '  17: if r0 > r2 goto 0',
      '  18: goto 19',
      '  19: exit',
    ]);
  });

  it('names maps by the slot of their ld_imm64', () => {
    expect(sample().program('sample').maps).toEqual([
      { instruction: 10, map: 'control', kind: 'value', offset: 24 },
      { instruction: 13, map: 'ring', kind: 'fd', offset: 0 },
    ]);
  });

  it('refuses a label that was never put down, and a bad name', () => {
    const asm = new Assembler();
    asm.jump(asm.newLabel());
    expect(() => asm.program('x')).toThrow(/never put down/);
    expect(() => sample().program('a name')).toThrow(/no eBPF program name/);
  });

  it('refuses a jump beyond 16 bits', () => {
    const asm = new Assembler();
    const far = asm.newLabel();
    asm.jump(far);
    for (let i = 0; i < 40_000; i++) asm.mov(r0, immediate(i));
    asm.label(far);
    asm.exit();
    expect(() => asm.program('x')).toThrow(/does not fit 16 bits/);
  });
});

describe('encode and decode', () => {
  it('are inverse', () => {
    const instruction = fc.record({
      opcode: fc.constantFrom(0xbf, 0xb7, 0x79, 0x7b, 0x15, 0x85, 0x95, 0xdb),
      destination: fc.integer({ min: 0, max: 10 }) as fc.Arbitrary<Register>,
      source: fc.integer({ min: 0, max: 10 }),
      offset: fc.integer({ min: -32768, max: 32767 }),
      immediate: fc.integer(),
    });
    const wide = fc.record({
      opcode: fc.constant(0x18),
      destination: fc.integer({ min: 0, max: 9 }) as fc.Arbitrary<Register>,
      source: fc.integer({ min: 0, max: 2 }),
      offset: fc.constant(0),
      immediate: fc.integer(),
      high: fc.integer(),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(instruction, wide)), (instructions) => {
        expect(decode(encode(instructions))).toEqual(instructions);
      }),
    );
  });

  it('refuses a cut ld_imm64', () => {
    expect(() => decode(new Uint8Array([0x18, 0, 0, 0, 0, 0, 0, 0]))).toThrow(/inside ld_imm64/);
  });
});
