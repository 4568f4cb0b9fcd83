/** Tokens of Go expressions (Go specification, "Lexical elements"), plus `$n`, `#n`, `$latency` and durations (`10ms`). */
export type TokenKind =
  | 'identifier'
  | 'result'
  | 'parameter'
  | 'fact'
  | 'duration'
  | 'number'
  | 'string'
  | 'rune'
  | 'operator'
  | 'invalid'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset in the expression's text, UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

const patterns: readonly (readonly [TokenKind, RegExp])[] = [
  ['identifier', /[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ['result', /\$\d+/y],
  ['parameter', /#\d+/y],
  ['fact', /\$[a-z_]+/y],
  ['duration', /(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+(?![\p{L}\d_])/uy],
  ['number', /(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)i?/y],
  ['string', /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ['rune', /'(?:[^'\\\n]|\\[^\n]+?)'/uy],
  ['operator', /&&|\|\||==|!=|<=|>=|<<|>>|&\^|<-|\.\.\.|[-+*/%&|^<>=!()[\]{}.,:;]/y],
];

const space = /[ \t\r\n]*/y;

/** The tokens of `text`; what is no token of Go becomes one `invalid` token a character. Ends with an `end` token. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    space.lastIndex = at;
    space.exec(text);
    at = space.lastIndex;
    if (at >= text.length) break;
    let token: Token | undefined;
    for (const [kind, pattern] of patterns) {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      if (match === null || match[0].length === 0) continue;
      token = { kind, text: match[0], start: at, end: at + match[0].length };
      break;
    }
    token ??= { kind: 'invalid', text: String.fromCodePoint(text.codePointAt(at)!), start: at, end: at + 1 };
    tokens.push(token);
    at = token.start + token.text.length;
  }
  tokens.push({ kind: 'end', text: '', start: text.length, end: text.length });
  return tokens;
}
