import type { RowFunction } from './row-function.ts';

/** An IPv4 or IPv6 address as a number and its width in bits. */
function parseAddress(text: string): { readonly value: bigint; readonly bits: number } | undefined {
  const dotted = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (dotted) {
    const bytes = dotted.slice(1).map(Number);
    if (bytes.some((byte) => byte > 255)) return undefined;
    return { value: bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n), bits: 32 };
  }
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const tail = embedded ? parseAddress(embedded[2]!) : undefined;
  if (embedded && tail === undefined) return undefined;
  const hex = (value: bigint) => value.toString(16);
  const plain = embedded && tail ? `${embedded[1]}${hex(tail.value >> 16n)}:${hex(tail.value & 0xffffn)}` : text;
  const halves = plain.split('::');
  if (halves.length > 2) return undefined;
  const [head, rest] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const given = head!.length + (rest?.length ?? 0);
  if (rest === undefined ? given !== 8 : given > 7) return undefined;
  const groups = [...head!, ...Array<string>(8 - given).fill('0'), ...(rest ?? [])];
  if (!groups.every((group) => /^[\da-fA-F]{1,4}$/.test(group))) return undefined;
  return { value: groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n), bits: 128 };
}

/** Whether one of the blocks of a JSON array (`["10.0.0.0/8"]`) holds the address; false for what is neither. */
function contain(blocks: string, address: string): boolean {
  let parsed: unknown;
  try {
    parsed = JSON.parse(blocks);
  } catch {
    return false;
  }
  const wanted = parseAddress(address);
  if (!Array.isArray(parsed) || wanted === undefined) return false;
  return parsed.some((block: unknown) => {
    const [text, length] = typeof block === 'string' ? block.split('/') : [];
    const base = text === undefined ? undefined : parseAddress(text);
    if (base === undefined || base.bits !== wanted.bits || !/^\d{1,3}$/.test(length ?? '')) return false;
    const prefix = Number(length);
    return prefix <= base.bits && (base.value ^ wanted.value) >> BigInt(base.bits - prefix) === 0n;
  });
}

export const addresses: readonly RowFunction[] = [
  { name: 'cidrs_contain_ip', parameters: ['text', 'text'], result: 'bool', call: contain },
];
