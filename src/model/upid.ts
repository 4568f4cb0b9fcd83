/**
 * A process's identity that survives pid reuse: agent id (32 bits, a hash of the node's machine-id), pid (32 bits, as the
 * agent's own pid namespace has it) and the process's start in clock ticks since boot (field 22 of /proc/PID/stat).
 */
export interface Upid {
  readonly agentId: number;
  readonly pid: number;
  readonly startTicks: bigint;
}

/** `aaaaaaaa-pppp-pppp-ssss-ssssssssssss`, as Pixie prints it. */
export function formatUpid(upid: Upid): string {
  const { high, low } = upidWords(upid);
  return formatUuid(high, low);
}

/** A 128-bit number as a UUID text. */
export function formatUuid(high: bigint, low: bigint): string {
  const hex = high.toString(16).padStart(16, '0') + low.toString(16).padStart(16, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The two words of a UUID text (hyphens may be missing); undefined when it is not one. */
export function parseUuid(text: string): { high: bigint; low: bigint } | undefined {
  const hex = text.trim();
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(hex) && !/^[0-9a-f]{32}$/i.test(hex))
    return undefined;
  const digits = hex.replaceAll('-', '');
  return { high: BigInt(`0x${digits.slice(0, 16)}`), low: BigInt(`0x${digits.slice(16)}`) };
}

export function parseUpid(text: string): Upid | undefined {
  const words = parseUuid(text);
  return words && upidFromWords(words.high, words.low);
}

export function upidFromWords(high: bigint, low: bigint): Upid {
  return { agentId: Number(high >> 32n), pid: Number(high & 0xffff_ffffn), startTicks: low };
}

export function upidWords(upid: Upid): { high: bigint; low: bigint } {
  return { high: (BigInt(upid.agentId) << 32n) | BigInt(upid.pid), low: upid.startTicks };
}
