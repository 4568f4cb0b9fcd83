/** A float as JSON: the shortest number that is exactly this value again, or one of "NaN", "+Inf", "-Inf". */
export function floatJson(value: number, size: 4 | 8): string {
  const text = floatText(value, size);
  return Number.isFinite(value) ? text : `"${text}"`;
}

/** As Go's %v writes it where it is no number. */
export function floatText(value: number, size: 4 | 8): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  if (size === 8) return String(value);
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}

/** `(1.5-2i)`, as Go's %v has it. */
export function complexText(real: number, imaginary: number, size: 4 | 8): string {
  const second = floatText(imaginary, size);
  return `(${floatText(real, size)}${/^[+-]/.test(second) ? '' : '+'}${second}i)`;
}
