import type { Diagnostic } from '#base';
import { parse } from './statements.ts';
import type { Token } from './token.ts';
import { Tokenizer } from './tokenizer.ts';

export type Formatted =
  | { readonly ok: true; readonly source: string }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** No blank behind these. */
const tightAfter = new Set(['(', '[', '{', '.', '~', '@']);
/** No blank in front of these. */
const tightBefore = new Set([')', ']', '}', ',', ':', '.', ';']);
const unaryPlaces = /^(?:[([{,:=]|[-+*/%<>]=?|[=!]=|\*\*|\/\/|return|in|and|or|not|if|else|is|lambda)$/;

/**
 * The script with its lines laid out in one way: four blanks a level, one around operators, none inside brackets, at most two
 * empty lines. Line ends, comments and texts stay as they are, so that it means the same; formatting it again changes nothing.
 */
export function format(source: string): Formatted {
  const { diagnostics } = parse(source);
  const faults = diagnostics.filter(({ id }) => id === 'pxl.syntax');
  if (faults.length > 0) return { ok: false, diagnostics: faults };
  return { ok: true, source: laidOut(source) };
}

function laidOut(source: string): string {
  const tokens = allTokens(source);
  let out = '';
  let level = 0;
  let at = 0;
  let previous: Token | undefined;
  let before: Token | undefined;
  /** Open brackets; `(:`: of a parameter that has a type, whose `=` has blanks (PEP 8). */
  const stack: string[] = [];
  let levelBefore = 0;
  for (const token of tokens) {
    if (token.kind === 'indent') level++;
    else if (token.kind === 'dedent') level--;
    if (token.kind === 'indent' || token.kind === 'dedent' || token.kind === 'newline') continue;
    const gap = source.slice(at, token.span.start) + (token.kind === 'end' ? '\n' : '');
    if (gap.includes('\n') || previous === undefined) {
      out = out.replace(/[ \t]+$/, '') + lineBreak(gap, previous === undefined, token, { level, levelBefore });
      levelBefore = level;
    } else {
      const spaced = gap.includes('\\') ? ' ' : between(before, previous, token, stack.at(-1));
      out += spaced;
    }
    if (token.kind === 'end') break;
    out += source.slice(token.span.start, token.span.end).replace(/\r\n/g, '\n');
    at = token.span.end;
    if (/^[([{]$/.test(token.text)) stack.push(token.text);
    else if (/^[)\]}]$/.test(token.text)) stack.pop();
    else if (token.text === ':' && stack.at(-1) === '(') stack.splice(-1, 1, '(:');
    else if (token.text === ',' && stack.at(-1) === '(:') stack.splice(-1, 1, '(');
    before = previous;
    previous = token;
  }
  return out === '' ? '' : `${out.replace(/\s+$/, '')}\n`;
}

function allTokens(source: string): Token[] {
  const tokenizer = new Tokenizer(source, () => {});
  const tokens: Token[] = [];
  for (;;) {
    const token = tokenizer.next();
    tokens.push(token);
    if (token.kind === 'end') return tokens;
  }
}

/** What stands between the last token of a line and the first of the next: comments, at most two empty lines, the indentation. */
function lineBreak(
  gap: string,
  first: boolean,
  token: Token,
  { level, levelBefore }: { readonly level: number; readonly levelBefore: number },
): string {
  const inBracket = token.depth > 0;
  const lines = gap.replace(/\r/g, '').split('\n');
  const indent = '    '.repeat(level);
  const parts: string[] = [];
  lines.forEach((line, i) => {
    const last = i === lines.length - 1;
    const text = line.trim();
    if (i === 0 && !first) parts.push(text === '' ? '' : `  ${text}`);
    else if (last) parts.push('');
    else if (text !== '')
      parts.push(inBracket ? line.replace(/\s+$/, '') : `${commentIndent(line, token, level, levelBefore)}${text}`);
    else parts.push('');
  });
  const kept = parts.filter(
    (part, i) =>
      part !== '' || i === 0 || i === parts.length - 1 || i < 3 || parts.slice(i - 2, i).some((each) => each !== ''),
  );
  // Inside brackets people align as they like.
  const lead = inBracket ? lines.at(-1)! : token.kind === 'end' ? '' : indent;
  return (
    (first
      ? kept
          .slice(0, -1)
          .map((part) => `${part}\n`)
          .join('')
          .replace(/^\n+/, '')
      : kept.join('\n')) + lead
  );
}

/** A comment that stands deeper than the line behind it belongs to the block that ends there. */
function commentIndent(line: string, next: Token, level: number, levelBefore: number): string {
  const own = /^[ \t]*/.exec(line)![0].length;
  return '    '.repeat(own > next.span.column - 1 ? Math.max(level, levelBefore) : level);
}

/** Nothing or one blank between two tokens of a line. */
function between(before: Token | undefined, left: Token, right: Token, open: string | undefined): string {
  if (tightAfter.has(left.text) && left.kind === 'operator') return '';
  // `1 .real` is no number with a point.
  if (right.text === '.' && left.kind === 'int') return ' ';
  if (right.kind === 'operator' && tightBefore.has(right.text)) return '';
  const callee = left.kind === 'name' || left.text === ')' || left.text === ']' || left.kind === 'string';
  if ((right.text === '(' || right.text === '[') && right.kind === 'operator' && callee) return '';
  if ((left.text === '=' || right.text === '=') && open === '(') return '';
  // A sign in front of a value.
  if (
    /^[-+*]{1,2}$/.test(left.text) &&
    left.kind === 'operator' &&
    (before === undefined || unaryPlaces.test(before.text))
  )
    return '';
  // Of a slice.
  if (left.text === ':' && left.kind === 'operator' && open === '[') return '';
  return ' ';
}
