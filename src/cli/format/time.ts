/** RFC 3339 in UTC with all nine digits: `2023-11-14T22:13:20.123456789Z`. `ns` counts from 1970. */
export function rfc3339Utc(ns: bigint): string {
  const { ms, nanos } = split(ns);
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return `${ns}`;
  return `${date.toISOString().slice(0, 19)}.${String(nanos).padStart(9, '0')}Z`;
}

/** RFC 3339 in the local zone with its offset, as many digits as are needed: `2023-11-14T22:13:21.5+00:00`. */
export function rfc3339Local(ns: bigint): string {
  const { ms, nanos } = split(ns);
  const date = new Date(ms);
  const year = date.getFullYear();
  if (Number.isNaN(year)) return `${ns}`;
  const fraction = nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
  return `${pad(year, 4)}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${clock(date)}${fraction}${offset(date)}`;
}

/** The local time of day with microseconds, for live lines: `22:13:21.500000`. */
export function timeOfDay(ns: bigint): string {
  const { ms, nanos } = split(ns);
  return `${clock(new Date(ms))}.${pad(Math.floor(nanos / 1000), 6)}`;
}

/** Whole milliseconds for `Date` (floored to the second) and the nanoseconds within the second. */
function split(ns: bigint): { ms: number; nanos: number } {
  const nanos = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { ms: Number((ns - nanos) / 1_000_000n), nanos: Number(nanos) };
}

function clock(date: Date): string {
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}

function pad(value: number, digits = 2): string {
  return String(value).padStart(digits, '0');
}
