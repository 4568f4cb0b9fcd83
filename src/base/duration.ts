const unitsNs: Record<string, bigint> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};

/**
 * Parses a whole duration such as `5m`, `1h30m`, `1.5h`, `-5m`, `250ms` into nanoseconds. Units: ns us µs ms s m h d.
 * Undefined for anything else, also for trailing text (Pixie reads `10minutes` as ten minutes; this does not).
 */
export function parseDuration(text: string): bigint | undefined {
  const match = /^([+-]?)((?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d))+)$/.exec(text.trim());
  if (!match) return undefined;
  let total = 0n;
  for (const [, whole, fraction = '', unit] of match[2]!.matchAll(/(\d+)(?:\.(\d+))?(ns|us|µs|ms|s|m|h|d)/g)) {
    const scale = unitsNs[unit!]!;
    total += BigInt(whole!) * scale + (BigInt(fraction || '0') * scale) / 10n ** BigInt(fraction.length);
  }
  return match[1] === '-' ? -total : total;
}

/** `1h30m`, `4m59s`, `250ms`: the two largest units that are not zero. */
export function formatDuration(ns: bigint): string {
  if (ns < 0n) return `-${formatDuration(-ns)}`;
  let rest = ns;
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's', 'ms', 'us', 'ns']) {
    const count = rest / unitsNs[unit]!;
    rest %= unitsNs[unit]!;
    if (count > 0n) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join('') || '0s';
}
