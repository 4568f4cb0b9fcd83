import fc from 'fast-check';
import { expect, it } from 'vitest';
import { floatStatus } from '#model';
import { floatAt, floatFault, floatJson, floatText } from './float.ts';

const view = (write: (view: DataView) => void): DataView => {
  const made = new DataView(new ArrayBuffer(16));
  write(made);
  return made;
};

it('a float32 has the shortest text that gives it again; a float64 too', () => {
  const text32 = (value: number) =>
    floatText(
      floatAt(
        view((v) => v.setFloat32(8, value, true)),
        8,
        4,
      ),
      4,
    );
  expect([0.1, 16777216, 3.4028234663852886e38, 1e-45, -0.3, 1e21, 123456789].map(text32)).toEqual([
    '0.1',
    '16777216',
    '3.4028235e+38',
    '1e-45',
    '-0.3',
    '1e+21',
    '123456790',
  ]);
  expect(floatText(0.1, 8)).toBe('0.1');
  expect(floatText(0.10000000149011612, 8)).toBe('0.10000000149011612');
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = text32(value);
      expect(Math.fround(JSON.parse(text) as number)).toBe(value);
      const digits = text.replace(/e.*$/, '').replaceAll(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '').length;
      expect(digits).toBeLessThanOrEqual(9);
      // One digit less would be another number.
      if (digits > 1) expect(Math.fround(Number(value.toPrecision(digits - 1)))).not.toBe(value);
    }),
  );
});

it('what JSON has no number for', () => {
  expect([Number.NaN, Infinity, -Infinity, -0].map((value) => floatJson(value, 8))).toEqual([
    '"NaN"',
    '"+Inf"',
    '"-Inf"',
    '-0',
  ]);
});

it('why one is missing', () => {
  const slot = view((v) => v.setBigUint64(8, 3n, true));
  expect(floatFault(floatStatus.noKicker, slot, 8)).toBe('in a float register: no kicker on CPU 3');
  expect(floatFault(floatStatus.notSaved, slot, 8)).toBe('in a float register: the kernel had not saved it');
  expect(floatFault(1, slot, 8)).toBeUndefined();
});
