import type { Diagnostic, Span } from '#base';
import { joined, type Token, type TokenKind } from './token.ts';
import { Tokenizer } from './tokenizer.ts';
import type { Expression } from './tree.ts';

/** Thrown to the statement loop after a fault was reported; never leaves this folder. */
export class Abandoned extends Error {}

/** Deepest tree that is accepted, so that walking it never exhausts the stack. */
const mostHeight = 400;

const opening = new Set(['(', '[', '{']);
const closing = new Set([')', ']', '}']);

/** One token of lookahead over the tokenizer, and the diagnostics. At most one fault a statement is reported: the first. */
export class Cursor {
  readonly diagnostics: Diagnostic[] = [];
  readonly tokenizer: Tokenizer;
  token: Token;
  /** The token before `token`. */
  previous: Token;
  /** Functions around the current statement. */
  functionDepth = 0;
  /** Loops around it in the same function. */
  loopDepth = 0;
  /** Something was accepted that is no Python: a comma left out between arguments on lines of their own. */
  lenient = false;
  #faulted = false;
  #statement: Token;
  readonly #heights = new WeakMap<Expression, number>();
  #nesting = 0;

  constructor(source: string) {
    this.tokenizer = new Tokenizer(source, (diagnostic) => {
      if (!this.#faulted) this.diagnostics.push(named(diagnostic));
      this.#faulted = true;
    });
    this.token = this.tokenizer.next();
    this.previous = this.token;
    this.#statement = this.token;
  }

  at(text: string): boolean {
    return (this.token.kind === 'operator' || this.token.kind === 'keyword') && this.token.text === text;
  }

  is(kind: TokenKind): boolean {
    return this.token.kind === kind;
  }

  advance(): Token {
    const token = this.token;
    this.previous = token;
    if (token.kind !== 'end') this.token = this.tokenizer.next();
    return token;
  }

  accept(text: string): Token | undefined {
    return this.at(text) ? this.advance() : undefined;
  }

  expect(text: string, where = ''): Token {
    return this.accept(text) ?? this.fault(`expected '${text}'${where} but found ${this.describe()}`);
  }

  expectName(what: string): Token {
    if (this.token.kind === 'name') return this.advance();
    if (this.token.kind === 'keyword') return this.fault(`\`${this.token.text}\` is a keyword and cannot be ${what}`);
    return this.fault(`expected ${what} but found ${this.describe()}`);
  }

  /** The current token for a message. */
  describe(): string {
    switch (this.token.kind) {
      case 'newline':
        return 'the end of the line';
      case 'end':
        return 'the end of the script';
      case 'indent':
        return 'a deeper indentation';
      case 'dedent':
        return 'the end of the block';
      case 'string':
        return 'a string';
      default:
        return `\`${this.token.text}\``;
    }
  }

  /** Reports a fault at the current token, or at the bracket that was evidently not closed, and leaves the statement. */
  fault(message: string, span: Span = this.token.span, hints?: readonly string[]): never {
    const open = this.#unclosed();
    if (open && span === this.token.span) {
      this.#syntax(`'${open.text}' was never closed`, open.span);
      if (this.token.kind !== 'end') this.#restart();
    } else this.#syntax(message, span, hints);
    throw new Abandoned();
  }

  /** Reports something that Python has and PxL has not; reading goes on. */
  unsupported(what: string, span: Span, hint?: string): void {
    if (this.#faulted) return;
    this.diagnostics.push({
      id: 'pxl.unsupported',
      message: `${what} not supported in PxL`,
      span,
      ...(hint ? { hints: [hint] } : {}),
    });
  }

  /** Reports a block that nothing begins, without leaving the statement; one behind another fault of the indentation follows from that. */
  unexpectedIndent(span: Span): void {
    if (this.diagnostics.some(({ message }) => message.startsWith('IndentationError'))) this.#faulted = true;
    else this.#syntax('unexpected indent', span);
  }

  /**
   * Reads a part of the source that stands inside a token, with `read`: what is at `start` counts as an opening parenthesis and what is at `end`
   * as its closing one.
   */
  within<T>(start: number, end: number, read: (inner: Cursor) => T): T {
    const { source } = this.tokenizer;
    const blank = source.slice(0, start).replace(/[^\r\n]/g, ' ');
    const inner = new Cursor(`${blank}(${source.slice(start + 1, end)})`);
    try {
      while (inner.is('indent') || inner.is('newline')) inner.advance();
      inner.advance();
      return read(inner);
    } finally {
      for (const diagnostic of inner.diagnostics) if (!this.#faulted) this.diagnostics.push(diagnostic);
      this.#faulted ||= inner.diagnostics.some((diagnostic) => diagnostic.id === 'pxl.syntax');
    }
  }

  beginStatement(): void {
    this.#faulted = false;
    this.#statement = this.token;
  }

  get faulted(): boolean {
    return this.#faulted;
  }

  /** Skips to the end of the logical line, its newline included. A line that begins a new statement ends an open bracket. */
  skipLine(): void {
    const column = this.#statement.span.column;
    for (;;) {
      const { kind, firstOnLine, depth, span, text } = this.token;
      if (kind === 'end') {
        const open = this.tokenizer.bracket(depth);
        if (open) this.#syntax(`'${open.text}' was never closed`, open.span);
        return;
      }
      if (kind === 'newline') {
        this.advance();
        return;
      }
      if (
        depth > 0 &&
        firstOnLine &&
        span.column <= column &&
        span.line > this.#statement.span.line &&
        !closing.has(text)
      ) {
        this.#restart();
        continue;
      }
      this.advance();
    }
  }

  /** Records the height of a tree node over its children; too high a tree is a fault. */
  grown<E extends Expression>(node: E, ...children: readonly Expression[]): E {
    let height = 0;
    for (const child of children) height = Math.max(height, this.#heights.get(child) ?? 0);
    if (height >= mostHeight) this.fault('this expression is nested too deeply', node.span);
    this.#heights.set(node, height + 1);
    return node;
  }

  /** Runs `parse` one level deeper in the recursion of the parser. */
  nested<T>(parse: () => T): T {
    if (this.#nesting >= mostHeight) this.fault('this is nested too deeply');
    this.#nesting++;
    try {
      return parse();
    } finally {
      this.#nesting--;
    }
  }

  /** From the start of `from` to the end of the last token read. */
  spanFrom(from: Span): Span {
    return joined(from, this.previous.span);
  }

  #restart(): void {
    this.tokenizer.restart(this.token.span);
    this.token = this.tokenizer.next();
  }

  /** The innermost open bracket, if the current token shows that it should have been closed before. */
  #unclosed(): { readonly text: string; readonly span: Span } | undefined {
    const { kind, depth, firstOnLine, span, text } = this.token;
    if (depth === 0 || closing.has(text)) return undefined;
    const startsStatement =
      firstOnLine && span.line > this.#statement.span.line && span.column <= this.#statement.span.column;
    return kind === 'end' || (startsStatement && !opening.has(text)) ? this.tokenizer.bracket(depth) : undefined;
  }

  #syntax(message: string, span: Span, hints?: readonly string[]): void {
    if (this.#faulted) return;
    this.#faulted = true;
    this.diagnostics.push(named({ id: 'pxl.syntax', message, span, ...(hints ? { hints } : {}) }));
  }
}

/** What is no Python has Python's name of the error before its message, as in Pixie. */
function named(diagnostic: Diagnostic): Diagnostic {
  if (diagnostic.id !== 'pxl.syntax') return diagnostic;
  const name = /\b(?:in|unin)dent(?:ation|ed)?\b/.test(diagnostic.message) ? 'IndentationError' : 'SyntaxError';
  return { ...diagnostic, message: `${name}: ${diagnostic.message}` };
}
