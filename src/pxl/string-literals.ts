import type { Cursor } from './cursor.ts';
import { formatPieces } from './format.ts';
import type { Grammar } from './grammar.ts';
import { resolveEscapes } from './strings.ts';
import type { Token } from './token.ts';
import type { Expression, FormattedString, StringLiteral } from './tree.ts';

/** String literals behind each other, which are one. */
export function parseStrings(cursor: Cursor, grammar: Grammar): Expression {
  const first = cursor.token;
  const parts: FormattedString['parts'][number][] = [];
  let refused: string | undefined;
  let kinds = '';
  while (cursor.token.kind === 'string' || cursor.token.kind === 'bytes' || cursor.token.kind === 'fstring') {
    const token = cursor.advance();
    const kind = token.kind === 'bytes' ? 'b' : 's';
    if (kinds !== '' && kinds !== kind) cursor.fault('bytes and strings cannot be joined', token.span);
    kinds = kind;
    if (token.kind === 'bytes') refused = "bytes literals (b'…') are";
    else if (token.kind === 'fstring') parts.push(...formattedParts(cursor, token, grammar));
    else parts.push(token.value as string);
  }
  const span = cursor.spanFrom(first.span);
  if (refused) {
    cursor.unsupported(refused, span);
    return { kind: 'unsupported', what: refused, span };
  }
  if (parts.every((part) => typeof part === 'string')) {
    const literal: StringLiteral = { kind: 'string', value: parts.join(''), span };
    return literal;
  }
  const values = parts.flatMap((part) => (typeof part === 'string' ? [] : [part.value]));
  return cursor.grown({ kind: 'format', parts, span }, ...values);
}

/** The texts and expressions of an f-string (Python reference 2.4.3). */
function formattedParts(cursor: Cursor, token: Token, grammar: Grammar): FormattedString['parts'][number][] {
  const [, prefix, quote] = /^(\w*)("{3}|'{3}|"|')/.exec(token.text) ?? [];
  const raw = prefix === undefined || /r/i.test(prefix);
  const bodyStart = token.span.start + (prefix?.length ?? 0) + (quote?.length ?? 0);
  const parts: FormattedString['parts'][number][] = [];
  for (const piece of formatPieces(token.value as string)) {
    if (piece.kind === 'text') {
      const { value, fault } = resolveEscapes(piece.text, raw);
      if (fault) cursor.fault(fault.message, token.span);
      parts.push(value);
      continue;
    }
    if (piece.kind === 'fault') return cursor.fault(`f-string: ${piece.message}`, token.span);
    const value = cursor.within(bodyStart + piece.start, bodyStart + piece.end, (inner) => {
      const found = grammar.list(inner);
      if (!inner.at(')')) inner.fault(`f-string: ${inner.describe()} cannot stand here`);
      return found;
    });
    if (piece.format.startsWith('!')) {
      cursor.unsupported(`the conversion \`${piece.format.slice(0, 2)}\` is`, token.span, 'write `{x}` or `{x:.2f}`');
    }
    parts.push({ value, format: piece.format });
  }
  return parts;
}
