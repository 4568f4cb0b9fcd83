import type { Diagnostic, Span } from '#base';
import { type Token, tokenize } from './token.ts';
import type { Expression } from './tree.ts';

export type ParsedExpression =
  | { readonly ok: true; readonly expression: Expression }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** How deep `*`, `(` and `.` may nest: a bound for the parser's own stack. */
const deepest = 100;

const supported = 'what is supported: names, $0, #0, fields (a.b.c), *p';

/** What an operator after a complete operand is called in words; binding powers as in Go's specification, "Operator precedence". */
const infix: Readonly<Record<string, { readonly power: number; readonly what: string }>> = {
  '||': { power: 1, what: 'boolean operators are' },
  '&&': { power: 2, what: 'boolean operators are' },
  ...powers(3, 'comparison is', '== != < <= > >='),
  ...powers(4, 'arithmetic is', '+ - | ^'),
  ...powers(5, 'arithmetic is', '* / % << >> & &^'),
  '.': { power: 7, what: '' },
  '[': { power: 7, what: 'indexing is' },
  '(': { power: 7, what: 'a call or conversion is' },
  '{': { power: 7, what: 'a composite literal is' },
};

const prefix: Readonly<Record<string, string>> = {
  '&': 'taking an address is',
  '!': 'boolean operators are',
  '-': 'arithmetic is',
  '+': 'arithmetic is',
  '^': 'arithmetic is',
  '<-': 'receiving from a channel is',
  '[': 'a slice or array type is',
};
const unaryPower = 6;

const literals: Readonly<Record<string, string>> = {
  number: 'a number literal is',
  string: 'a string literal is',
  rune: 'a rune literal is',
};

const keywords = new Set(
  'break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var'.split(
    ' ',
  ),
);

/**
 * Parses one expression in Go's syntax. What of that syntax is not there yet is refused by name (`goexpr.unsupported`);
 * anything else is `goexpr.syntax`. A diagnostic's span is in the expression's own text, unless `span` tells where the
 * expression stands in a script: then it is that, and the message names the place.
 */
export function parseExpression(text: string, span?: Span): ParsedExpression {
  try {
    return { ok: true, expression: new Parser(text).whole() };
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure;
    return { ok: false, diagnostics: [failure.diagnostic(text, span)] };
  }
}

/** Leaves the parser; never leaves this file. */
class Refusal extends Error {
  readonly id: string;
  readonly at: Token;
  readonly hints: readonly string[];

  constructor(id: 'goexpr.syntax' | 'goexpr.unsupported', message: string, at: Token, hints: readonly string[] = []) {
    super(message);
    this.id = id;
    this.at = at;
    this.hints = hints;
  }

  diagnostic(text: string, span: Span | undefined): Diagnostic {
    const own: Span = {
      start: this.at.start,
      end: Math.max(this.at.end, this.at.start + 1),
      line: 1,
      column: this.at.start + 1,
    };
    const place = text === '' ? '' : ` (at character ${this.at.start + 1} of '${text}')`;
    const message = `${this.message}${place}`;
    const hints = this.hints.length > 0 ? { hints: this.hints } : {};
    return { id: this.id, message, span: span ?? own, ...hints };
  }
}

/** A Pratt parser: `expression(power)` takes in every operator that binds tighter than `power`. */
class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  whole(): Expression {
    if (this.#peek().kind === 'end') throw new Refusal('goexpr.syntax', 'the expression is empty', this.#peek());
    const expression = this.#expression(0);
    if (this.#peek().kind !== 'end') throw this.#unexpected('the end of the expression');
    return expression;
  }

  #peek(): Token {
    return this.#tokens[this.#at]!;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  #expression(power: number): Expression {
    if (++this.#depth > deepest) throw new Refusal('goexpr.syntax', 'the expression is nested too deep', this.#peek());
    let left = this.#operand();
    for (let count = 0; ; count++) {
      const token = this.#peek();
      const operator = token.kind === 'operator' ? infix[token.text] : undefined;
      if (operator === undefined || operator.power <= power) break;
      if (token.text !== '.') throw this.#unsupported(operator.what, token);
      if (count >= deepest) throw new Refusal('goexpr.syntax', 'the expression is nested too deep', token);
      left = this.#selector(left);
    }
    this.#depth--;
    return left;
  }

  #operand(): Expression {
    const token = this.#take();
    switch (token.kind) {
      case 'identifier':
        if (keywords.has(token.text)) throw this.#unsupported(`'${token.text}' is`, token);
        return { kind: 'name', name: token.text, start: token.start, end: token.end };
      case 'result':
      case 'parameter':
        return { kind: token.kind, index: Number(token.text.slice(1)), start: token.start, end: token.end };
      case 'number':
      case 'string':
      case 'rune':
        throw this.#unsupported(literals[token.kind]!, token);
      case 'operator': {
        if (token.text === '*') {
          const operand = this.#expression(unaryPower);
          return { kind: 'dereference', operand, start: token.start, end: operand.end };
        }
        if (token.text === '(') {
          const inner = this.#expression(0);
          if (this.#peek().text !== ')') throw this.#unexpected(`')'`);
          const close = this.#take();
          return { ...inner, start: token.start, end: close.end };
        }
        const what = prefix[token.text];
        if (what !== undefined) throw this.#unsupported(what, token);
        break;
      }
      default:
    }
    this.#at = this.#tokens.indexOf(token);
    throw this.#unexpected('a name');
  }

  #selector(operand: Expression): Expression {
    this.#take();
    const field = this.#peek();
    if (field.text === '(') throw this.#unsupported('a type assertion is', field);
    if (field.kind !== 'identifier') throw this.#unexpected(`a field's name after '.'`);
    this.#take();
    return {
      kind: 'selector',
      operand,
      field: field.text,
      fieldStart: field.start,
      start: operand.start,
      end: field.end,
    };
  }

  #unsupported(what: string, at: Token): Refusal {
    return new Refusal('goexpr.unsupported', `${what} not supported yet`, at, [supported]);
  }

  #unexpected(wanted: string): Refusal {
    const found = this.#peek().kind === 'end' ? 'the expression ends' : `'${this.#peek().text}' stands`;
    return new Refusal('goexpr.syntax', `${found} where ${wanted} should be`, this.#peek());
  }
}

function powers(power: number, what: string, operators: string): Record<string, { power: number; what: string }> {
  return Object.fromEntries(operators.split(' ').map((operator) => [operator, { power, what }]));
}
