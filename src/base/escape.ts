/**
 * What a terminal could act on or be fooled by: C0 and C1 controls, DEL, bidirectional overrides and marks, line and
 * paragraph separators, zero-width joiners' cousin U+FEFF, lone surrogates. Values come from traced programs: nothing of theirs may steer the terminal.
 */
const unsafe =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const short: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text with every character that a terminal would act on written as `\n`, `\x1b` or `\u202e`. */
export function escapeControls(text: string): string {
  return text.replace(unsafe, (character) => {
    const known = short[character];
    if (known !== undefined) return known;
    const point = character.charCodeAt(0);
    return point < 0x100 ? `\\x${point.toString(16).padStart(2, '0')}` : `\\u${point.toString(16).padStart(4, '0')}`;
  });
}

/** The same for text that keeps its line breaks (messages of several lines). */
export function escapeLines(text: string): string {
  return text
    .split('\n')
    .map((line) => escapeControls(line))
    .join('\n');
}

/** A JSON text without characters that a terminal acts on: they become `\u009b` escapes, which mean the same. */
export function escapeJson(json: string): string {
  return json.replace(unsafe, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A string as a JSON string, safe on a terminal. */
export function jsonString(text: string): string {
  return escapeJson(JSON.stringify(text));
}
