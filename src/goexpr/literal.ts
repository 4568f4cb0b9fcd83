import { encodeUtf8 } from '#base';
/** The values of Go's literals (Go specification, "Integer literals" to "String literals"). */

/** Undefined: the text is no integer literal. `077` is octal, as in Go. */
export function integerValue(text: string): bigint | undefined {
  if (!/^(?:0[xX](?:_?[\da-fA-F])+|0[bB](?:_?[01])+|0[oO]?(?:_?[0-7])+|0|[1-9](?:_?\d)*)$/.test(text)) return undefined;
  const plain = text.replaceAll('_', '');
  return BigInt(/^0\d/.test(plain) ? `0o${plain.slice(1)}` : plain);
}

/** Undefined: the text is no decimal floating-point literal. */
export function floatValue(text: string): number | undefined {
  if (!/[.eE]/.test(text)) return undefined;
  if (!/^(?:\d(?:_?\d)*)?(?:\.(?:\d(?:_?\d)*)?)?(?:[eE][+-]?\d+)?$/.test(text)) return undefined;
  const value = Number(text.replaceAll('_', ''));
  return Number.isFinite(value) ? value : undefined;
}

const simpleEscapes: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
  "'": 39,
  '"': 34,
};

const escapes = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|([abfnrtv\\'"]))|([^\\])/uy;

/** The bytes of a quoted or raw string literal; undefined: an escape in it is not Go's. */
export function stringBytes(literal: string): Uint8Array | undefined {
  if (literal.startsWith('`')) return encodeUtf8(literal.slice(1, -1).replaceAll('\r', ''));
  const bytes: number[] = [];
  for (const piece of pieces(literal.slice(1, -1)) ?? [undefined]) {
    if (piece === undefined) return undefined;
    if (piece.byte) bytes.push(piece.value);
    else bytes.push(...encodeUtf8(String.fromCodePoint(piece.value)));
  }
  return Uint8Array.from(bytes);
}

/** The code point of a rune literal; undefined: it is none. */
export function runeValue(literal: string): number | undefined {
  const found = pieces(literal.slice(1, -1));
  return found?.length === 1 ? found[0]!.value : undefined;
}

/** Byte values (`\xff`, `\377`) and code points. */
function pieces(text: string): { readonly byte: boolean; readonly value: number }[] | undefined {
  const found: { byte: boolean; value: number }[] = [];
  escapes.lastIndex = 0;
  while (escapes.lastIndex < text.length) {
    const match = escapes.exec(text);
    if (match === null) return undefined;
    const [, hex, short, long, octal, simple, plain] = match;
    if (hex !== undefined) found.push({ byte: true, value: Number.parseInt(hex, 16) });
    else if (octal !== undefined) found.push({ byte: true, value: Number.parseInt(octal, 8) });
    else if (simple !== undefined) found.push({ byte: false, value: simpleEscapes[simple]! });
    else {
      const value = plain === undefined ? Number.parseInt((short ?? long)!, 16) : plain.codePointAt(0)!;
      if (value > 0x10_ffff || (value >= 0xd800 && value < 0xe000)) return undefined;
      found.push({ byte: false, value });
    }
  }
  return found.some((piece) => piece.byte && piece.value > 255) ? undefined : found;
}
