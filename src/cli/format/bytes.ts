const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;

/** A byte count in readable units: `9 B`, `1.5 KiB`, `4.7 GiB`. */
export function readableBytes(bytes: bigint | number): string {
  let value = Number(bytes);
  if (!Number.isFinite(value)) return String(value);
  if (value < 0) return `-${readableBytes(-value)}`;
  let step = 0;
  while (value >= 1023.95 && step < units.length - 1) {
    value /= 1024;
    step++;
  }
  const text = step === 0 && Number.isInteger(value) ? String(value) : value.toFixed(1);
  return `${text} ${units[step]}`;
}
