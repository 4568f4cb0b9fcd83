import { type Assembler, fp, immediate, type Label, type Register, r0, r1, r2, r3, r4, r5, r7 } from '#asm';

/**
 * IEEE 754 numbers of 64 bits in a machine that has integers only: addition rounds to nearest, ties to even, as the processor's does. Numbers are in registers as their bits.
 */

const sign = 1n << 63n;
const infinity = 0x7ffn << 52n;
const fraction = (1n << 52n) - 1n;

/** The bits of a float of 32 bits as those of one of 64 of the same value. Loses r0, r3–r5. */
export function widen(asm: Assembler, register: Register): void {
  const [small, special, done] = [asm.newLabel(), asm.newLabel(), asm.newLabel()];
  // r3: the sign; r4: the exponent; r5: the fraction.
  asm.mov(r3, register);
  asm.alu('rsh', r3, immediate(31));
  asm.alu('lsh', r3, immediate(63));
  asm.mov(r4, register);
  asm.alu('rsh', r4, immediate(23));
  asm.alu('and', r4, immediate(0xff));
  asm.mov(r5, register);
  asm.alu('and', r5, immediate(0x7f_ffff));
  asm.jumpIf('eq', r4, immediate(0xff), special);
  asm.jumpIf('eq', r4, immediate(0), small);
  asm.alu('add', r4, immediate(1023 - 127));
  asm.alu('lsh', r5, immediate(29));
  asm.jump(done);
  asm.label(special);
  asm.mov(r4, immediate(0x7ff));
  asm.alu('lsh', r5, immediate(29));
  asm.jump(done);
  asm.label(small);
  asm.jumpIf('eq', r5, immediate(0), done);
  // The leading bit goes to place 52, where the exponent's addition takes it in.
  asm.mov(r4, immediate(1023 - 126 - 1));
  asm.alu('lsh', r5, immediate(29));
  for (const bits of [16, 8, 4, 2, 1]) {
    const next = asm.newLabel();
    asm.mov(r0, r5);
    asm.alu('rsh', r0, immediate(53 - bits));
    asm.jumpIf('ne', r0, immediate(0), next);
    asm.alu('lsh', r5, immediate(bits));
    asm.alu('sub', r4, immediate(bits));
    asm.label(next);
  }
  asm.label(done);
  asm.alu('lsh', r4, immediate(52));
  asm.alu('add', r5, r4);
  asm.alu('or', r5, r3);
  asm.mov(register, r5);
}

/** Goes to `nan` if the register has one. Loses r0, r3. */
export function requireNumber(asm: Assembler, register: Register, nan: Label): void {
  asm.mov(r3, register);
  asm.alu('lsh', r3, immediate(1));
  asm.loadConstant(r0, infinity << 1n);
  asm.jumpIf('gt', r3, r0, nan);
}

/** The bits of a number as a word without a sign of the same order. Loses r0, r3. */
export function toOrder(asm: Assembler, register: Register): void {
  asm.mov(r3, register);
  asm.alu('arsh', r3, immediate(63));
  asm.loadConstant(r0, sign);
  asm.alu('or', r3, r0);
  asm.alu('xor', register, r3);
}

/** r1 = r1 + r2. Keeps two words at `scratch` and behind it; loses r0, r2–r5, r7. */
export function addFloats(asm: Assembler, scratch: number): void {
  const [ordered, finite, less, sum, halved, done, end] = Array.from({ length: 7 }, () => asm.newLabel()) as [
    Label,
    Label,
    Label,
    Label,
    Label,
    Label,
    Label,
  ];
  // r3, r4: what is left without the signs; the larger first.
  asm.loadConstant(r0, sign - 1n);
  asm.mov(r3, r1);
  asm.alu('and', r3, r0);
  asm.mov(r4, r2);
  asm.alu('and', r4, r0);
  asm.jumpIf('ge', r3, r4, ordered);
  for (const [a, b] of [
    [r1, r2],
    [r3, r4],
  ] as const) {
    asm.mov(r5, a);
    asm.mov(a, b);
    asm.mov(b, r5);
  }
  asm.label(ordered);
  asm.alu('xor', r2, r1);
  // Infinity and NaN stay; the difference of two infinities is none.
  asm.loadConstant(r0, infinity);
  asm.jumpIf('lt', r3, r0, finite);
  asm.jumpIf('ne', r4, r0, end);
  asm.jumpIf('sge', r2, immediate(0), end);
  asm.loadConstant(r1, infinity | (1n << 51n));
  asm.jump(end);
  asm.label(finite);
  asm.store(8, fp, scratch, r1);
  asm.store(8, fp, scratch + 8, r2);
  // r3, r4: fractions with their leading bit in place 62; r0, r7: exponents.
  unpack(asm, r0, r3);
  unpack(asm, r7, r4);
  asm.mov(r1, r0);
  asm.alu('sub', r1, r7);
  asm.jumpIf('eq', r1, immediate(0), sum);
  asm.jumpIf('le', r1, immediate(63), less);
  asm.mov(r1, immediate(63));
  asm.label(less);
  // What is shifted out is told by the last bit.
  asm.mov(r2, r4);
  asm.alu('rsh', r4, r1);
  asm.mov(r5, r4);
  asm.alu('lsh', r5, r1);
  asm.jumpIf('eq', r5, r2, sum);
  asm.alu('or', r4, immediate(1));
  asm.label(sum);
  asm.load(8, r2, fp, scratch + 8);
  const [same, added] = [asm.newLabel(), asm.newLabel()];
  asm.jumpIf('sge', r2, immediate(0), same);
  asm.alu('sub', r3, r4);
  asm.jump(added);
  asm.label(same);
  asm.alu('add', r3, r4);
  asm.label(added);
  asm.load(8, r1, fp, scratch);
  // Nothing is left of a difference; of two zeros what they are.
  asm.jumpIf('ne', r3, immediate(0), halved);
  asm.jumpIf('sge', r2, immediate(0), end);
  asm.mov(r1, immediate(0));
  asm.jump(end);
  asm.label(halved);
  const small = asm.newLabel();
  asm.jumpIf('sge', r3, immediate(0), small);
  asm.mov(r4, r3);
  asm.alu('and', r4, immediate(1));
  asm.alu('rsh', r3, immediate(1));
  asm.alu('or', r3, r4);
  asm.alu('add', r0, immediate(1));
  asm.jump(done);
  asm.label(small);
  // The leading bit back to place 62, as far as the exponent goes.
  for (const bits of [32, 16, 8, 4, 2, 1]) {
    const next = asm.newLabel();
    asm.mov(r4, r3);
    asm.alu('rsh', r4, immediate(63 - bits));
    asm.jumpIf('ne', r4, immediate(0), next);
    asm.jumpIf('le', r0, immediate(bits), next);
    asm.alu('lsh', r3, immediate(bits));
    asm.alu('sub', r0, immediate(bits));
    asm.label(next);
  }
  asm.label(done);
  const [up, rounded, fits] = [asm.newLabel(), asm.newLabel(), asm.newLabel()];
  asm.mov(r4, r3);
  asm.alu('and', r4, immediate(0x3ff));
  asm.alu('rsh', r3, immediate(10));
  asm.jumpIf('gt', r4, immediate(0x200), up);
  asm.jumpIf('lt', r4, immediate(0x200), rounded);
  asm.mov(r4, r3);
  asm.alu('and', r4, immediate(1));
  asm.jumpIf('eq', r4, immediate(0), rounded);
  asm.label(up);
  asm.alu('add', r3, immediate(1));
  asm.label(rounded);
  // The leading bit, where there is one, counts the exponent up, and a carry once more.
  asm.alu('sub', r0, immediate(1));
  asm.alu('lsh', r0, immediate(52));
  asm.alu('add', r3, r0);
  asm.loadConstant(r0, infinity);
  asm.jumpIf('le', r3, r0, fits);
  asm.mov(r3, r0);
  asm.label(fits);
  asm.loadConstant(r0, sign);
  asm.alu('and', r1, r0);
  asm.alu('or', r1, r3);
  asm.label(end);
}

/** `exponent` and `bits`: from a number without its sign, the leading bit in place 62. Loses r5. */
function unpack(asm: Assembler, exponent: Register, bits: Register): void {
  const [subnormal, done] = [asm.newLabel(), asm.newLabel()];
  asm.mov(exponent, bits);
  asm.alu('rsh', exponent, immediate(52));
  asm.loadConstant(r5, fraction);
  asm.alu('and', bits, r5);
  asm.jumpIf('eq', exponent, immediate(0), subnormal);
  asm.loadConstant(r5, fraction + 1n);
  asm.alu('or', bits, r5);
  asm.jump(done);
  asm.label(subnormal);
  asm.mov(exponent, immediate(1));
  asm.label(done);
  asm.alu('lsh', bits, immediate(10));
}
