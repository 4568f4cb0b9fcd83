import { floatStatus } from '#model';

/** A float32 becomes the float64 of the same value. */
export function floatAt(view: DataView, at: number, size: 4 | 8): number {
  return size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true);
}

/** As JSON: the shortest number that is exactly this float32 or float64 again, or one of "NaN", "+Inf", "-Inf". */
export function floatJson(value: number, size: 4 | 8): string {
  const text = floatText(value, size);
  return Number.isFinite(value) ? text : `"${text}"`;
}

/** As Go's %v writes it where it is no number. */
export function floatText(value: number, size: 4 | 8): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  return String(size === 4 ? shortest32(value) : value);
}

/** `(1.5-2i)`, as Go's %v has it. */
export function complexText(real: number, imaginary: number, size: 4 | 8): string {
  const second = floatText(imaginary, size);
  return `(${floatText(real, size)}${/^[+-]/.test(second) ? '' : '+'}${second}i)`;
}

/** The float64 with the shortest text among those that round to the float32 `value`. */
function shortest32(value: number): number {
  // Nine significant digits tell any two float32 apart (IEEE 754, 5.12.2).
  for (let digits = 1; digits <= 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return value;
}

/** Why a float that was in a register is missing; undefined for a status that is not of floats. `at`: where its slot is. */
export function floatFault(status: number, view: DataView, at: number): string | undefined {
  switch (status) {
    case floatStatus.noKicker:
      return `in a float register: no kicker on CPU ${view.getUint32(at, true)}`;
    case floatStatus.notSaved:
      return 'in a float register: the kernel had not saved it';
    default:
      return undefined;
  }
}
