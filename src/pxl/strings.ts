/** What is wrong with an escape sequence, and where it stands in the literal's body. */
export interface EscapeFault {
  readonly message: string;
  readonly offset: number;
}

const simple: Record<string, string> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/**
 * Resolves the escapes of a string literal's body (Python reference 2.4.1). An unknown escape keeps its backslash, as in
 * Python; line ends become `\n`. `\N{name}` is refused: it needs Unicode's table of names.
 */
export function resolveEscapes(body: string, raw: boolean): { readonly value: string; readonly fault?: EscapeFault } {
  const text = body.replace(/\r\n?/g, '\n');
  if (raw || !text.includes('\\')) return { value: text };
  let out = '';
  let at = 0;
  while (at < text.length) {
    const slash = text.indexOf('\\', at);
    if (slash < 0) {
      out += text.slice(at);
      break;
    }
    out += text.slice(at, slash);
    const next = text[slash + 1] ?? '';
    at = slash + 2;
    if (next === '\n') continue;
    if (next in simple) {
      out += simple[next];
      continue;
    }
    if (next >= '0' && next <= '7') {
      const digits = /^[0-7]{1,3}/.exec(text.slice(slash + 1, slash + 4))![0];
      out += String.fromCharCode(Number.parseInt(digits, 8));
      at = slash + 1 + digits.length;
      continue;
    }
    const width = next === 'x' ? 2 : next === 'u' ? 4 : next === 'U' ? 8 : 0;
    if (width > 0) {
      const digits = text.slice(at, at + width);
      if (digits.length < width || !/^[0-9a-fA-F]+$/.test(digits)) {
        return {
          value: out,
          fault: { message: `\\${next} needs ${width} hexadecimal digits behind it`, offset: slash },
        };
      }
      const point = Number.parseInt(digits, 16);
      if (point > 0x10ffff)
        return { value: out, fault: { message: `\\U${digits} is beyond Unicode's last character`, offset: slash } };
      out += String.fromCodePoint(point);
      at += width;
      continue;
    }
    if (next === 'N')
      return { value: out, fault: { message: '\\N{…} is not supported in PxL: write \\uXXXX', offset: slash } };
    out += `\\${next}`;
  }
  return { value: out };
}

/** A PxL string literal of this value, on one line, in single quotes. */
export function quoted(value: string): string {
  let out = "'";
  for (const character of value) {
    const point = character.codePointAt(0)!;
    if (character === '\\' || character === "'") out += `\\${character}`;
    else if (character === '\n') out += '\\n';
    else if (character === '\r') out += '\\r';
    else if (character === '\t') out += '\\t';
    else if (point < 0x20 || point === 0x7f) out += `\\x${point.toString(16).padStart(2, '0')}`;
    else if ((point >= 0xd800 && point < 0xe000) || point === 0x2028 || point === 0x2029) {
      out += `\\u${point.toString(16).padStart(4, '0')}`;
    } else out += character;
  }
  return `${out}'`;
}
