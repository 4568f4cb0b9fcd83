/** A piece of an f-string's body, with its place in it. */
export type FormatPiece =
  | { readonly kind: 'text'; readonly text: string }
  /** `{…}`: from the brace to behind the expression. */
  | { readonly kind: 'value'; readonly start: number; readonly end: number; readonly format: string }
  | { readonly kind: 'fault'; readonly message: string };

/** Cuts an f-string's body (escapes not resolved) into texts and values. Ends with the first fault. */
export function formatPieces(body: string): FormatPiece[] {
  const pieces: FormatPiece[] = [];
  let text = '';
  let at = 0;
  while (at < body.length) {
    const character = body[at]!;
    if (character === '\\' && body.startsWith('\\N{', at)) {
      const close = body.indexOf('}', at);
      const end = close < 0 ? body.length : close + 1;
      text += body.slice(at, end);
      at = end;
    } else if ((character === '{' || character === '}') && body[at + 1] === character) {
      text += character;
      at += 2;
    } else if (character === '}') {
      return [...pieces, { kind: 'fault', message: "single '}' is not allowed" }];
    } else if (character === '{') {
      pieces.push({ kind: 'text', text });
      text = '';
      const value = valueAt(body, at);
      pieces.push(value);
      if (value.kind !== 'value') return pieces;
      at =
        value.end +
        (value.format === ''
          ? body.slice(value.end).indexOf('}')
          : body.slice(value.end).indexOf(value.format) + value.format.length) +
        1;
    } else {
      text += character;
      at++;
    }
  }
  pieces.push({ kind: 'text', text });
  return pieces.filter((piece) => piece.kind !== 'text' || piece.text !== '');
}

/** The value whose `{` is at `start`. */
function valueAt(body: string, start: number): FormatPiece {
  let depth = 0;
  let quote: string | undefined;
  for (let at = start + 1; at < body.length; at++) {
    const character = body[at]!;
    if (quote !== undefined) {
      if (character === quote) quote = undefined;
    } else if (character === "'" || character === '"') quote = character;
    else if ('([{'.includes(character)) depth++;
    else if (depth > 0) {
      if (')]}'.includes(character)) depth--;
    } else if (character === '}' || character === ':' || (character === '!' && body[at + 1] !== '=')) {
      if (body.slice(start + 1, at).trim() === '') return { kind: 'fault', message: 'empty expression not allowed' };
      const close = body.indexOf('}', at);
      if (close < 0) break;
      const format = body.slice(character === '}' ? at : at + (character === ':' ? 1 : 0), close);
      return { kind: 'value', start, end: at, format };
    } else if (character === '\\') return { kind: 'fault', message: 'expression part cannot include a backslash' };
  }
  return { kind: 'fault', message: "expecting '}'" };
}
