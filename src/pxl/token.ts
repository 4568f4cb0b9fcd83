import type { Span } from '#base';

export type TokenKind =
  | 'name'
  | 'keyword'
  | 'int'
  | 'float'
  | 'imaginary'
  | 'string'
  | 'bytes'
  | 'fstring'
  | 'operator'
  | 'newline'
  | 'indent'
  | 'dedent'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** The token's source text; a name is NFKC-normalised as Python does; empty for newline, indent, dedent and end. */
  readonly text: string;
  readonly span: Span;
  /** Value of a string (escapes resolved), int (bigint) or float. */
  readonly value?: string | bigint | number;
  /** Nothing but white space stands before it on its line. */
  readonly firstOnLine: boolean;
  /** Brackets open before it. */
  readonly depth: number;
}

/** Python 3's hard keywords (Python reference 2.3.1). */
export const keywords: ReadonlySet<string> = new Set(
  (
    'False None True and as assert async await break class continue def del elif else except finally for from global if ' +
    'import in is lambda nonlocal not or pass raise return try while with yield'
  ).split(' '),
);

/** Keywords that no expression contains: inside a bracket they prove that the bracket was not closed. */
export const statementKeywords: ReadonlySet<string> = new Set(
  'assert break class continue def del finally global import nonlocal pass raise return try while with'.split(' '),
);

/** The span from the start of `a` to the end of `b`. */
export function joined(a: Span, b: Span): Span {
  return { start: a.start, end: Math.max(a.end, b.end), line: a.line, column: a.column };
}
