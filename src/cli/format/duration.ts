const steps = [
  { unit: 'ns', size: 1 },
  { unit: 'µs', size: 1e3 },
  { unit: 'ms', size: 1e6 },
  { unit: 's', size: 1e9 },
] as const;

/** Nanoseconds in readable units: `850 ns`, `4.0 µs`, `250 ms`, `1.5 s`, `1 min 1 s`, `1 day 1 h`. */
export function readableDuration(ns: bigint | number): string {
  const value = Number(ns);
  if (!Number.isFinite(value)) return String(value);
  if (value < 0) return `-${readableDuration(-value)}`;
  if (value >= 59.95e9) return longDuration(Math.round(value / 1e9));
  for (const { unit, size } of steps) {
    const text = amount(value / size, unit === 'ns' && Number.isInteger(value));
    if (unit === 's' || Number(text) < 1000) return `${text} ${unit}`;
  }
  throw new RangeError('no unit');
}

/** One decimal below 100, none above. */
function amount(value: number, whole: boolean): string {
  return whole || value >= 99.95 ? String(Math.round(value)) : value.toFixed(1);
}

function longDuration(seconds: number): string {
  const parts = [
    { unit: 'day', count: Math.floor(seconds / 86_400) },
    { unit: 'h', count: Math.floor(seconds / 3_600) % 24 },
    { unit: 'min', count: Math.floor(seconds / 60) % 60 },
    { unit: 's', count: seconds % 60 },
  ];
  const first = parts.findIndex((part) => part.count > 0);
  return parts
    .slice(first, first + 2)
    .filter((part) => part.count > 0)
    .map(({ unit, count }) => `${count} ${unit === 'day' && count !== 1 ? 'days' : unit}`)
    .join(' ');
}
