import type { RowFunction } from './row-function.ts';

/** Two hexadecimal digits a byte; what is no such text, or no UTF-8, becomes an empty text. */
function hexToAscii(hex: string): string {
  if (hex.length % 2 !== 0 || !/^[\da-fA-F]*$/.test(hex)) return '';
  try {
    return decodeURIComponent(hex.replace(/../g, '%$&'));
  } catch {
    return '';
  }
}

/** `\x61\x62`: the UTF-8 bytes of a text. */
function bytesToHex(text: string): string {
  return encodeURIComponent(text).replace(/%(..)|./g, (character, hex?: string) => {
    return `\\x${hex ?? character.charCodeAt(0).toString(16).toUpperCase()}`;
  });
}

/** A JSON object of patterns by name: the name of the first that matches the whole text. */
function matchRule(rules: string, text: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(rules);
  } catch {
    return '';
  }
  if (typeof parsed !== 'object' || parsed === null) return '';
  for (const [name, pattern] of Object.entries(parsed)) {
    if (typeof pattern !== 'string') continue;
    const ignoring = pattern.startsWith('(?i)');
    try {
      const whole = new RegExp(`^(?:${ignoring ? pattern.slice(4) : pattern})$`, ignoring ? 'isu' : 'su');
      if (whole.test(text)) return name;
    } catch {
      // A rule that is no pattern matches nothing, as in Pixie.
    }
  }
  return '';
}

export const texts: readonly RowFunction[] = [
  { name: 'hex_to_ascii', parameters: ['text'], result: 'text', call: hexToAscii },
  { name: 'bytes_to_hex', parameters: ['text'], result: 'text', call: bytesToHex },
  { name: '_match_regex_rule', parameters: ['text', 'text'], result: 'text', call: matchRule },
];
