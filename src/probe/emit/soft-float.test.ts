import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Assembler, r0, r1, r2, r3 } from '#asm';
import { newWorld, run } from '../../../testing/ebpf/index.ts';
import { addFloats, toOrder, widen } from './soft-float.ts';

const view = new DataView(new ArrayBuffer(8));

function bits(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

function float(value: bigint): number {
  view.setBigUint64(0, value);
  return view.getFloat64(0);
}

function computed(body: (asm: Assembler) => void): bigint {
  const asm = new Assembler();
  body(asm);
  asm.mov(r0, r1);
  asm.exit();
  return run(asm.program('x'), newWorld(2));
}

function added(a: number, b: number): number {
  return float(
    computed((asm) => {
      asm.loadConstant(r1, bits(a));
      asm.loadConstant(r2, bits(b));
      asm.loadConstant(r3, 0n);
      addFloats(asm, -16);
    }),
  );
}

/** Numbers of all sizes, and pairs that are near to each other, where digits are lost and ties are. */
const anyBits = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(float);
const number = fc.oneof(
  fc.double(),
  anyBits,
  fc.integer().map(Number),
  fc.constantFrom(0, -0, Infinity, -Infinity, 5e-324, 2 ** -1022, Number.MAX_VALUE),
);
const near = fc
  .record({
    a: fc.double({ noNaN: true }),
    down: fc.integer({ min: -60, max: 60 }),
    low: fc.bigInt({ min: 0n, max: 7n }),
    minus: fc.boolean(),
  })
  .map(({ a, down, low, minus }): [number, number] => {
    const b = float((bits(a * 2 ** down) & ~7n) | low);
    return [a, minus ? -b : b];
  });

it('adds as the processor does', () => {
  fc.assert(
    fc.property(fc.oneof(fc.tuple(number, number), near), ([a, b]) => {
      expect(added(a, b)).toBe(a + b);
    }),
    { numRuns: 3_000 },
  );
});

it('widens floats of 32 bits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (value) => {
      view.setUint32(0, value);
      const wanted = view.getFloat32(0);
      const wide = computed((asm) => {
        asm.loadConstant(r1, BigInt(value));
        widen(asm, r1);
      });
      expect(float(wide)).toBe(wanted);
    }),
    { numRuns: 2_000, examples: [[0], [1], [0x007f_ffff], [0x0080_0000], [0x8000_0001], [0x7f80_0000], [0xff80_0000]] },
  );
});

it('orders them', () => {
  const order = (value: number) =>
    computed((asm) => {
      asm.loadConstant(r1, bits(value));
      toOrder(asm, r1);
    });
  fc.assert(
    fc.property(fc.double({ noNaN: true }), fc.double({ noNaN: true }), (a, b) => {
      if (a < b) expect(order(a)).toBeLessThan(order(b));
    }),
  );
});
