import type { RowFunction } from './row-function.ts';

/** What stands behind the colon of `{x:>8.2f}` (Python reference, Format Specification Mini-Language). */
interface Format {
  readonly fill: string;
  readonly align: string | undefined;
  readonly sign: string;
  readonly alternate: boolean;
  /** Zeros between the sign and the digits. */
  readonly zeros: boolean;
  readonly width: number;
  readonly grouping: string | undefined;
  readonly precision: number | undefined;
  /** Empty: what suits the value. */
  readonly type: string;
}

const form = /^(?:(.)?([<>^=]))?([-+ ])?(#)?(0)?(\d{1,3})?([,_])?(?:\.(\d{1,2}))?([bdeEfFgGosxX%])?$/su;

/** The last one that was read: rows of one query have the same. */
let latest: { readonly spec: string; readonly format: Format | undefined } | undefined;

function read(spec: string): Format | undefined {
  if (latest?.spec !== spec) latest = { spec, format: parsed(spec) };
  return latest.format;
}

function parsed(spec: string): Format | undefined {
  const [found, fill, align, sign = '-', alternate, zero, width = '0', grouping, precision, type = ''] =
    form.exec(spec) ?? [];
  if (found === undefined) return undefined;
  return {
    fill: fill ?? (zero ? '0' : ' '),
    align,
    sign,
    alternate: alternate !== undefined,
    zeros: (align === undefined && zero !== undefined) || (align === '=' && (fill ?? zero) === '0'),
    width: Number(width),
    grouping,
    precision: precision === undefined ? undefined : Number(precision),
    type,
  };
}

/** What a value is to a format. */
export type FormattedKind = 'text' | 'int' | 'float';

const types: Readonly<Record<FormattedKind, RegExp>> = {
  text: /^s?$/,
  int: /^[bdoxXeEfFgG%]?$/,
  float: /^[eEfFgG%]?$/,
};
const ofFloats = /[eEfFgG%]/;
const ofBits = /[boxX]/;

/** Why a value cannot be written in this format; undefined if it can. */
export function formatFault(spec: string, kind: FormattedKind): string | undefined {
  const format = read(spec);
  if (format === undefined) return `'${spec}' is no format`;
  const { type, grouping, precision, align, sign, alternate } = format;
  if (!types[kind].test(type)) return `the format '${type}' is not for a ${kind}`;
  const ofNumbers = align === '=' || sign !== '-' || alternate || grouping !== undefined;
  if (kind === 'text' && ofNumbers) return `the format '${spec}' is for numbers`;
  if (kind === 'int' && !ofFloats.test(type) && precision !== undefined)
    return `the format '${spec}' has digits behind a point, and the value has none: write '.${precision}f'`;
  if (kind !== 'text' && alternate && !ofBits.test(type)) return `the format '#' is for b, o, x and X`;
  if (grouping === ',' && ofBits.test(type)) return `a comma is not for '${type}': write '_'`;
  return undefined;
}

/** A value in a format that `formatFault` has nothing against. */
export function formatValue(value: string | bigint | number, spec: string): string {
  if (typeof value === 'string') return formatText(value, spec);
  return typeof value === 'bigint' ? formatInt(value, spec) : formatFloat(value, spec);
}

/** What f-strings write of each row. */
export const formats: readonly RowFunction[] = [
  { name: '_format_text', parameters: ['text', 'text'], result: 'text', call: formatText },
  { name: '_format_int', parameters: ['wide', 'text'], result: 'text', call: formatInt },
  { name: '_format_float', parameters: ['float', 'text'], result: 'text', call: formatFloat },
];

function formatText(text: string, spec: string): string {
  const format = read(spec)!;
  const { precision } = format;
  return padded('', precision === undefined ? text : [...text].slice(0, precision).join(''), format, '<');
}

function formatInt(value: bigint, spec: string): string {
  const format = read(spec)!;
  const { type, alternate } = format;
  if (ofFloats.test(type)) return formatFloat(Number(value), spec);
  const radix = { b: 2, o: 8, x: 16, X: 16 }[type] ?? 10;
  const digits = (value < 0n ? -value : value).toString(radix);
  const sign = signOf(value < 0n, format) + (alternate && radix !== 10 ? `0${type}` : '');
  return padded(sign, grouped(type === 'X' ? digits.toUpperCase() : digits, '', sign, format), format, '>');
}

function formatFloat(value: number, spec: string): string {
  const format = read(spec)!;
  const sign = signOf(value < 0 || Object.is(value, -0), format);
  const cased = (text: string) => (/[EFG]/.test(format.type) ? text.toUpperCase() : text);
  if (!Number.isFinite(value)) {
    const name = `${Number.isNaN(value) ? 'nan' : 'inf'}${format.type === '%' ? '%' : ''}`;
    return padded(sign, cased(name), format, '>');
  }
  const [, whole, behind] = /^(\d+)(.*)$/.exec(digitsOf(Math.abs(value), format))!;
  return padded(sign, cased(grouped(whole!, behind!, sign, format)), format, '>');
}

function signOf(negative: boolean, { sign }: Format): string {
  if (negative) return '-';
  return sign === '-' ? '' : sign;
}

function padded(sign: string, body: string, { fill, align, zeros, width }: Format, usual: '<' | '>'): string {
  const room = width - sign.length - [...body].length;
  if (room <= 0) return sign + body;
  if (align === '=' || (zeros && usual === '>')) return sign + fill.repeat(room) + body;
  if (align === '^') return fill.repeat(room >> 1) + sign + body + fill.repeat(room - (room >> 1));
  return (align ?? usual) === '<' ? sign + body + fill.repeat(room) : fill.repeat(room) + sign + body;
}

/** The digits before the point with marks between them; zeros that fill the width get marks too. */
function grouped(digits: string, behind: string, sign: string, { grouping, type, zeros, width }: Format): string {
  if (grouping === undefined) return digits + behind;
  const marks = ofBits.test(type) ? /\B(?=(?:\w{4})+$)/g : /\B(?=(?:\w{3})+$)/g;
  const marked = (text: string) => text.replace(marks, grouping) + behind;
  let filled = digits;
  while (zeros && sign.length + marked(filled).length < width) filled = `0${filled}`;
  return marked(filled);
}

function digitsOf(value: number, { type, precision }: Format): string {
  switch (type.toLowerCase()) {
    case 'f':
      return fixed(value, precision ?? 6);
    case '%':
      return `${fixed(value * 100, precision ?? 6)}%`;
    case 'e':
      return scientific(value, precision ?? 6);
    case 'g':
      return general(value, precision ?? 6);
    default:
      return precision === undefined ? shortest(value) : withPoint(general(value, precision, 1));
  }
}

/** As Python's repr. */
function shortest(value: number): string {
  const exponent = Number(value.toExponential().split('e')[1]);
  return exponent < -4 || exponent >= 16 ? scientific(value) : withPoint(String(value));
}

function withPoint(digits: string): string {
  return /[.e]/.test(digits) ? digits : `${digits}.0`;
}

/** A number that is half between two rounds to the even one; JavaScript takes the larger. */
function fixed(value: number, digits: number): string {
  if (value >= 1e21) return BigInt(value).toString() + (digits > 0 ? `.${'0'.repeat(digits)}` : '');
  const exact = value.toFixed(100);
  const cut = exact.slice(0, exact.indexOf('.') + (digits > 0 ? digits + 1 : 0));
  const half = /^\.?50*$/.test(exact.slice(cut.length));
  return half && /[02468]$/.test(cut) ? cut : value.toFixed(digits);
}

function scientific(value: number, digits?: number): string {
  return value.toExponential(digits).replace(/e([-+])(\d)$/, 'e$10$2');
}

/** So many digits that tell something; `behind`: of them, those that must be behind the point. */
function general(value: number, precision: number, behind = 0): string {
  const digits = Math.max(1, precision);
  const text = scientific(value, digits - 1);
  const [mantissa, exponent] = text.split('e') as [string, string];
  const plain = Number(exponent) >= -4 && Number(exponent) < digits - behind;
  const short = (each: string) => (each.includes('.') ? each.replace(/\.?0+$/, '') : each);
  return plain ? short(fixed(value, digits - 1 - Number(exponent))) : `${short(mantissa)}e${exponent}`;
}
