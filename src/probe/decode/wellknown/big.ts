import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';
import { part } from './parts.ts';

/** The number, in decimal: all of it, or the fields. */
const int: WellKnown = (renderer, type, place) => {
  const [neg, abs] = ['neg', 'abs'].map((name) => renderer.field(type, place, name));
  const slice = abs && renderer.type(abs.type);
  if (!neg || !abs || slice?.kind !== 'slice') return undefined;
  const length = word(renderer.view, abs.place.at + 8);
  if (length === 0) return '0';
  const chunk = renderer.reach(word(renderer.view, abs.place.at), slice.elem, place.depth, 1);
  if (typeof chunk === 'string' || chunk.end - chunk.start < 8 * length) return undefined;
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = (value << 64n) | renderer.uint(chunk.start + 8 * i, 8);
  return `${renderer.bytes[neg.place.at] === 0 ? '' : '-'}${value}`;
};

/** `form` of a Float (math/big/float.go). */
const forms = { zero: 0n, finite: 1n, inf: 2n } as const;
/** Larger exponents are not written out, nor more digits. */
const mostExponent = 4096n;
const mostDigits = 1300;

/** `"0.1"`: the shortest decimal digits that are that number again at its precision, in the form of `Float.Text('g', -1)`; else the fields. */
const float: WellKnown = (renderer, type, place) => {
  const [prec, form, neg, mant, exp] = ['prec', 'form', 'neg', 'mant', 'exp'].map((name) =>
    renderer.field(type, place, name),
  );
  const slice = mant && renderer.type(mant.type);
  if (!prec || !form || !neg || !mant || !exp || slice?.kind !== 'slice') return undefined;
  const sign = renderer.bytes[neg.place.at] === 0 ? '' : '-';
  const kind = renderer.uint(form.place.at, 1);
  if (kind === forms.zero) return `"${sign}0"`;
  if (kind === forms.inf) return `"${sign === '' ? '+' : sign}Inf"`;
  const length = word(renderer.view, mant.place.at + 8);
  const chunk = renderer.reach(word(renderer.view, mant.place.at), slice.elem, place.depth, 1);
  if (typeof chunk === 'string' || length === 0 || chunk.end - chunk.start < 8 * length) return undefined;
  let mantissa = 0n;
  for (let i = length - 1; i >= 0; i--) mantissa = (mantissa << 64n) | renderer.uint(chunk.start + 8 * i, 8);
  // 0.mantissa times 2 to the exponent.
  const power = renderer.int(exp.place.at, 4) - 64n * BigInt(length);
  if (power > mostExponent || power < -mostExponent) return undefined;
  return `"${sign}${shortest(mantissa, power, renderer.uint(prec.place.at, 4), 64n * BigInt(length))}"`;
};

/** Decimal digits of `mantissa` times 2 to `power`, so many that no other number of `precision` bits is as near. `bits`: of the mantissa, its highest is set. */
function shortest(mantissa: bigint, power: bigint, precision: bigint, bits: bigint): string {
  // In units of half of the last bit of the precision: the number, and how far the next ones are.
  const unit = bits - precision - 1n;
  const [above, below] = unit < 0n ? [mantissa << -unit, power + unit] : [mantissa >> unit, power + unit];
  const [numerator, denominator] = below < 0n ? [1n, 1n << -below] : [1n << below, 1n];
  const value = above * numerator;
  const isPower = (mantissa & (mantissa - 1n)) === 0n;
  for (let digits = 1; ; digits++) {
    const { whole, exponent } = rounded(value, denominator, digits);
    // |whole × 10^exponent − value / denominator| < half a unit
    const [a, b] = exponent < 0 ? [1n, 10n ** BigInt(-exponent)] : [10n ** BigInt(exponent), 1n];
    const away = whole * a * denominator - value * b;
    // Below a power of two the next number is half as far.
    const far = away >= 0n ? away : isPower ? -2n * away : -away;
    if (far < numerator * b || digits > mostDigits) return plain(whole, exponent);
  }
}

/** `value / denominator` rounded to so many decimal digits: `whole` times 10 to `exponent`. */
function rounded(value: bigint, denominator: bigint, digits: number): { whole: bigint; exponent: number } {
  let exponent = Math.max(1, value.toString().length - denominator.toString().length) - digits;
  if (value < denominator) exponent = value.toString().length - denominator.toString().length - digits;
  for (; ; exponent++) {
    const [a, b] = exponent < 0 ? [10n ** BigInt(-exponent), 1n] : [1n, 10n ** BigInt(exponent)];
    const [above, below] = [value * a, denominator * b];
    const whole = (2n * above + below) / (2n * below);
    if (whole.toString().length <= digits) return { whole, exponent };
  }
}

/** `123.45`, `1.5e+30`: with an exponent from 10^6 on, and below 10^-4, as `%g` has it. */
function plain(whole: bigint, exponent: number): string {
  const digits = whole.toString().replace(/0+$/, '');
  const point = whole.toString().length + exponent;
  if (point > 6 || point < -3) {
    const rest = digits.slice(1);
    const power = point - 1;
    return `${digits[0]}${rest === '' ? '' : `.${rest}`}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  if (digits.length <= point) return digits.padEnd(point, '0');
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** `"1/3"`, as `Rat.String` has it; without a denominator it is 1. */
const rat: WellKnown = (renderer, type, place, path) => {
  const [a, b] = ['a', 'b'].map((name) => renderer.field(type, place, name));
  const above = a && int(renderer, a.type, a.place, path);
  const below = b && int(renderer, b.type, b.place, path);
  return above === undefined || below === undefined ? undefined : `"${above}/${below === '0' ? '1' : below}"`;
};

/** `"-12.345"`, as `Decimal.String` has it: without zeros at the end. */
const decimal: WellKnown = (renderer, type, place, path) => {
  const [value, exp] = ['value', 'exp'].map((name) => part(renderer, type, place, name));
  if (!value || !exp) return undefined;
  if (word(renderer.view, value.place.at) === 0) return '"0"';
  const held = renderer.pointee(value.type, value.place);
  const digits = held && int(renderer, held.type, held.place, path);
  const power = Number(renderer.int(exp.place.at, 4));
  if (digits === undefined || Math.abs(power) > mostDigits) return undefined;
  const [sign, all] = digits.startsWith('-') ? ['-', digits.slice(1)] : ['', digits];
  if (power >= 0) return `"${sign}${all === '0' ? all : all.padEnd(all.length + power, '0')}"`;
  const padded = all.padStart(1 - power, '0');
  const fraction = padded.slice(power).replace(/0+$/, '');
  return `"${sign}${padded.slice(0, power)}${fraction === '' ? '' : `.${fraction}`}"`;
};

export const bigs: Readonly<Record<string, WellKnown>> = {
  'math/big.Int': int,
  'math/big.Rat': rat,
  'math/big.Float': float,
  'github.com/shopspring/decimal.Decimal': decimal,
};
