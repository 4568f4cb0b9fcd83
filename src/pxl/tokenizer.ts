import type { Diagnostic, Span } from '#base';
import { resolveEscapes } from './strings.ts';
import { keywords, statementKeywords, type Token, type TokenKind } from './token.ts';

const closers: Record<string, string> = { '(': ')', '[': ']', '{': '}' };
const operators =
  /(?:\*\*=|\/\/=|<<=|>>=|\.\.\.|->|:=|\+=|-=|\*=|\/=|%=|@=|&=|\|=|\^=|==|!=|<=|>=|\*\*|\/\/|<<|>>|[-+*/%@&|^~<>()[\]{},:.;=])/y;
const nameStart = /[\p{XID_Start}_]/u;
const namePattern = /[\p{XID_Start}_][\p{XID_Continue}]*/uy;
const numberPattern =
  /0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:[0-9](?:_?[0-9])*)?\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?[jJ]?|[0-9](?:_?[0-9])*\.?(?:[eE][-+]?[0-9](?:_?[0-9])*)?[jJ]?/y;
const stringStart = /([rRuUbBfF]{0,2})("""|'''|"|')/y;
const prefixes = new Set(['', 'r', 'u', 'b', 'f', 'br', 'rb', 'fr', 'rf']);
/** Python's own limits (Parser/tokenizer.h: MAXLEVEL, MAXINDENT). */
const mostBrackets = 200;
const mostIndents = 100;

/**
 * Cuts PxL into tokens on demand (Python reference 2), INDENT and DEDENT included. Faults go to `report`; the tokenizer goes on behind
 * them. It always ends: every `next` moves on in the source or pops an indentation, and at the end gives `end` for ever.
 */
export class Tokenizer {
  readonly source: string;
  readonly #report: (diagnostic: Diagnostic) => void;
  #at = 0;
  #line = 1;
  #lineStart = 0;
  /** The next character begins a logical line. */
  #fresh = true;
  /** Nothing but white space came on this physical line. */
  #firstOnLine = true;
  /** A token came since the last newline token. */
  #inStatement = false;
  #indents: { readonly width: number; readonly narrow: number }[] = [{ width: 0, narrow: 0 }];
  #pending: Token[] = [];
  readonly #brackets: { readonly text: string; readonly span: Span }[] = [];

  constructor(source: string, report: (diagnostic: Diagnostic) => void) {
    this.source = source;
    this.#report = report;
    if (source.startsWith('\ufeff')) this.#at = this.#lineStart = 1;
  }

  /** The bracket that was the innermost open one before a token of this depth. */
  bracket(depth: number): { readonly text: string; readonly span: Span } | undefined {
    return this.#brackets[depth - 1];
  }

  /** Forgets all open brackets and goes on as if the line of `span` were a new statement. */
  restart(span: Span): void {
    this.#brackets.length = 0;
    this.#pending = [];
    this.#line = span.line;
    this.#lineStart = span.start - (span.column - 1);
    this.#at = this.#lineStart;
    this.#fresh = true;
    if (this.#inStatement) this.#pending.push(this.#token('newline', this.#at, this.#at));
    this.#inStatement = false;
    this.#firstOnLine = true;
  }

  next(): Token {
    for (;;) {
      const waiting = this.#pending.shift();
      if (waiting) return waiting;
      if (this.#fresh && this.#brackets.length === 0) {
        this.#fresh = false;
        this.#indentation();
        continue;
      }
      this.#fresh = false;
      const token = this.#scan();
      if (token) return token;
    }
  }

  #scan(): Token | undefined {
    const source = this.source;
    const start = this.#at;
    if (start >= source.length) return this.#end();
    const character = source[start]!;
    if (character === ' ' || character === '\t' || character === '\f') {
      this.#at++;
      return undefined;
    }
    if (character === '\n' || (character === '\r' && source[start + 1] === '\n')) return this.#lineEnd();
    if (character === '\r') {
      this.#fault('a carriage return alone does not end a line: save the script with LF or CRLF line ends', start);
      this.#at++;
      return undefined;
    }
    if (character === '#') {
      const end = source.indexOf('\n', start);
      this.#at = end < 0 ? source.length : source[end - 1] === '\r' ? end - 1 : end;
      return undefined;
    }
    if (character === '\\') return this.#continuation();
    stringStart.lastIndex = start;
    const opening = stringStart.exec(source);
    if (opening && prefixes.has(opening[1]!.toLowerCase())) return this.#string(opening[1]!.toLowerCase(), opening[2]!);
    if ((character >= '0' && character <= '9') || (character === '.' && /[0-9]/.test(source[start + 1] ?? ''))) {
      return this.#number();
    }
    namePattern.lastIndex = start;
    const name = namePattern.exec(source);
    if (name) return this.#name(name[0]);
    operators.lastIndex = start;
    const operator = operators.exec(source);
    if (operator) return this.#operator(operator[0]);
    const odd = String.fromCodePoint(source.codePointAt(start)!);
    this.#at += odd.length;
    this.#fault(strange(odd), start);
    return undefined;
  }

  #end(): Token {
    const at = this.source.length;
    if (this.#brackets.length === 0) {
      if (this.#inStatement) {
        this.#inStatement = false;
        return this.#token('newline', at, at);
      }
      if (this.#indents.length > 1) {
        this.#indents.pop();
        return this.#token('dedent', at, at);
      }
    }
    return this.#token('end', at, at);
  }

  #lineEnd(): Token | undefined {
    const start = this.#at;
    this.#at += this.source[start] === '\r' ? 2 : 1;
    const token = this.#brackets.length === 0 && this.#inStatement ? this.#token('newline', start, start) : undefined;
    this.#newLine();
    if (token) this.#inStatement = false;
    if (this.#brackets.length === 0) this.#fresh = true;
    return token;
  }

  #newLine(): void {
    this.#line++;
    this.#lineStart = this.#at;
    this.#firstOnLine = true;
  }

  #continuation(): undefined {
    const start = this.#at;
    const end = /\\\r?\n/y;
    end.lastIndex = start;
    const match = end.exec(this.source);
    if (match) {
      if (start + match[0].length >= this.source.length) {
        this.#fault('the script ends behind a line continuation `\\`', start);
      }
      this.#at += match[0].length;
      const first = this.#firstOnLine && !this.#inStatement;
      this.#newLine();
      this.#firstOnLine = first;
      return;
    }
    this.#at++;
    this.#fault('a line continuation `\\` must be the last character of its line', start);
  }

  #indentation(): void {
    let width = 0;
    let narrow = 0;
    // A line that is continued in its indentation has that of its first line, and CPython takes that for both ways to count (Parser/tokenizer.c, cont_line_col).
    let continued = 0;
    let at = this.#at;
    for (; at < this.source.length; at++) {
      const character = this.source[at];
      if (character === ' ') {
        width++;
        narrow++;
      } else if (character === '\t') {
        width = (Math.floor(width / 8) + 1) * 8;
        narrow++;
      } else if (character === '\f') width = narrow = 0;
      else {
        const end = /^\\\r?\n(?=.)/s.exec(this.source.slice(at, at + 4));
        if (!end) break;
        continued ||= width;
        this.#line++;
        this.#lineStart = at + end[0].length;
        at += end[0].length - 1;
      }
    }
    this.#at = at;
    if (continued > 0) width = narrow = continued;
    const rest = this.source.slice(at, at + 2);
    if (at >= this.source.length || rest[0] === '\n' || rest === '\r\n' || rest[0] === '#') return;
    const top = this.#indents.at(-1)!;
    const span = this.#span(at, at);
    if (width > top.width) {
      if (narrow <= top.narrow) this.#fault('inconsistent use of tabs and spaces in indentation', at);
      if (this.#indents.length >= mostIndents) {
        this.#fault('too many levels of indentation', at);
        return;
      }
      this.#indents.push({ width, narrow });
      this.#pending.push({ kind: 'indent', text: '', span, firstOnLine: true, depth: 0 });
      return;
    }
    while (width < this.#indents.at(-1)!.width) {
      this.#indents.pop();
      this.#pending.push({ kind: 'dedent', text: '', span, firstOnLine: true, depth: 0 });
    }
    const now = this.#indents.at(-1)!;
    if (width !== now.width) this.#fault('unindent does not match any outer indentation level', at);
    else if (narrow !== now.narrow) this.#fault('inconsistent use of tabs and spaces in indentation', at);
  }

  #name(text: string): Token | undefined {
    const start = this.#at;
    if (statementKeywords.has(text) && this.#brackets.length > 0 && this.#firstOnLine) {
      const open = this.#brackets.at(-1)!;
      this.#report({ id: 'pxl.syntax', message: `'${open.text}' was never closed`, span: open.span });
      this.restart(this.#span(start, start));
      return undefined;
    }
    this.#at += text.length;
    return this.#token(keywords.has(text) ? 'keyword' : 'name', start, this.#at, undefined, text.normalize('NFKC'));
  }

  #operator(text: string): Token {
    const start = this.#at;
    this.#at += text.length;
    const token = this.#token('operator', start, this.#at);
    if (text in closers) {
      this.#brackets.push({ text, span: token.span });
      if (this.#brackets.length === mostBrackets) this.#fault('too many nested brackets', start);
    } else if (text === ')' || text === ']' || text === '}') {
      const open = this.#brackets.at(-1);
      if (!open) this.#fault(`unmatched '${text}'`, start);
      else if (closers[open.text] !== text) {
        const where = open.span.line === token.span.line ? '' : ` on line ${open.span.line}`;
        this.#fault(`'${text}' does not match the opening '${open.text}'${where}`, start);
      }
      this.#brackets.pop();
    }
    return token;
  }

  #number(): Token {
    const start = this.#at;
    numberPattern.lastIndex = start;
    const text = numberPattern.exec(this.source)?.[0] ?? this.source[start]!;
    this.#at += text.length;
    const rest = /[\p{XID_Continue}_]+/uy;
    rest.lastIndex = this.#at;
    const behind = rest.exec(this.source)?.[0];
    if (behind && !/^(and|else|for|if|in|is|or|not)$/.test(behind)) {
      this.#at += behind.length;
      this.#fault(`\`${text}${behind}\` is neither a number nor a name`, start);
    }
    const plain = text.replaceAll('_', '');
    if (/[jJ]$/.test(plain)) return this.#token('imaginary', start, this.#at);
    if (/^0[xXoObB]/.test(plain)) return this.#token('int', start, this.#at, BigInt(plain));
    if (/^[0-9]+$/.test(plain)) {
      if (/^0+[1-9]/.test(plain)) {
        this.#fault('a decimal number must not begin with 0 (an octal one begins with 0o)', start);
      }
      if (plain.length > 4300) {
        this.#fault('this number is too long', start);
        return this.#token('int', start, this.#at, 0n);
      }
      return this.#token('int', start, this.#at, BigInt(plain));
    }
    return this.#token('float', start, this.#at, Number(plain));
  }

  #string(prefix: string, quote: string): Token {
    const start = this.#at;
    const bodyStart = start + prefix.length + quote.length;
    const from = this.#span(start, start);
    let at = bodyStart;
    const source = this.source;
    let closed = false;
    while (at < source.length) {
      const character = source[at]!;
      if (character === '\\') {
        if (source[at + 1] === '\r' && source[at + 2] === '\n') at++;
        if (source[at + 1] === '\n') {
          this.#line++;
          this.#lineStart = at + 2;
        }
        at += 2;
        continue;
      }
      if (character === '\n') {
        if (quote.length === 1) break;
        this.#line++;
        this.#lineStart = at + 1;
      }
      if (source.startsWith(quote, at)) {
        closed = true;
        break;
      }
      at++;
    }
    const bodyEnd = Math.min(at, source.length);
    this.#at = Math.min(source.length, closed ? at + quote.length : at);
    const span: Span = { ...from, end: this.#at };
    if (!closed) {
      const message =
        quote.length === 3
          ? 'this triple-quoted string was never closed'
          : `this string has no closing ${quote} on its line`;
      this.#report({ id: 'pxl.syntax', message, span: quote.length === 3 ? { ...from, end: bodyStart } : span });
    }
    const body = source.slice(bodyStart, bodyEnd);
    const kind: TokenKind = prefix.includes('b') ? 'bytes' : prefix.includes('f') ? 'fstring' : 'string';
    const { value, fault } = resolveEscapes(body, prefix.includes('r') || kind !== 'string');
    if (fault && closed) this.#report({ id: 'pxl.syntax', message: fault.message, span });
    const first = this.#firstOnLine;
    this.#firstOnLine = false;
    this.#inStatement = true;
    return {
      kind,
      text: source.slice(start, this.#at),
      span,
      value,
      firstOnLine: first,
      depth: this.#brackets.length,
    };
  }

  #token(kind: TokenKind, start: number, end: number, value?: bigint | number, text?: string): Token {
    const token: Token = {
      kind,
      text: text ?? this.source.slice(start, end),
      span: this.#span(start, end),
      firstOnLine: this.#firstOnLine,
      depth: this.#brackets.length,
      ...(value === undefined ? {} : { value }),
    };
    this.#firstOnLine = false;
    if (kind !== 'newline' && kind !== 'dedent' && kind !== 'end') this.#inStatement = true;
    return token;
  }

  #span(start: number, end: number): Span {
    return { start, end, line: this.#line, column: start - this.#lineStart + 1 };
  }

  #fault(message: string, start: number): void {
    this.#report({ id: 'pxl.syntax', message, span: this.#span(start, Math.max(start + 1, this.#at)) });
  }
}

function strange(character: string): string {
  if (nameStart.test(character)) return `\`${character}\` cannot stand here`;
  if (/[\u2018\u2019\u201c\u201d]/.test(character)) return `${character} is a typographic quote: use ' or "`;
  if (character === '\u00a0') return 'a no-break space stands here: use a plain space';
  if (character === '!') return '`!` cannot stand here: write `not`';
  if (character === '?' || character === '$' || character === '`') return `\`${character}\` cannot stand here`;
  return `the character U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')} cannot stand in PxL`;
}
