import { type Diagnostic, nearest, parseDuration, type Span } from '#base';
import { floatValue, integerValue, runeValue, stringBytes } from './literal.ts';
import { type Token, tokenize } from './token.ts';
import {
  type BinaryOperator,
  binaryPower,
  callFacts,
  compactType,
  type Expression,
  primaryPower,
  type UnaryOperator,
  unaryPower,
} from './tree.ts';

export type ParsedExpression =
  | { readonly ok: true; readonly expression: Expression }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** How deep an expression may nest: a bound for the parser's own stack, and for all that walks over the tree. */
const deepest = 100;

const supported =
  'what is supported: variables, $0, #0, literals, fields, *p, a[i], s[i:j], m[k], x.(*T), len, cap, conversions, operators, strings.HasPrefix/HasSuffix/Contains';

/** Operators and beginnings that are Go's, but have no place here: what they are in words. */
const refused: Readonly<Record<string, string>> = {
  '&': 'taking an address is',
  '<-': 'receiving from a channel is',
  '{': 'a composite literal is',
};

const keywords = new Set(
  'break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var'.split(
    ' ',
  ),
);

/**
 * Parses one expression in Go's syntax. What of that syntax has no place here is refused by name (`goexpr.unsupported`);
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
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  whole(): Expression {
    if (this.#peek().kind === 'end') throw new Refusal('goexpr.syntax', 'the expression is empty', this.#peek());
    const expression = this.#expression(0);
    if (this.#peek().kind !== 'end') throw this.#unexpected('the end of the expression');
    return expression;
  }

  #peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  #expect(text: string): Token {
    if (this.#peek().text !== text || this.#peek().kind !== 'operator') throw this.#unexpected(`'${text}'`);
    return this.#take();
  }

  #expression(power: number): Expression {
    if (++this.#depth > deepest) throw this.#tooDeep();
    let left = this.#operand();
    for (let count = 0; ; count++) {
      const token = this.#peek();
      if (token.kind !== 'operator') break;
      if (count >= deepest) throw this.#tooDeep();
      const binary = isBinary(token.text) ? token.text : undefined;
      if (binary !== undefined) {
        const own = binaryPower[binary];
        if (own <= power) break;
        this.#take();
        const right = this.#expression(own);
        left = { kind: 'binary', operator: binary, left, right, start: left.start, end: right.end };
        continue;
      }
      if (primaryPower <= power) break;
      if (token.text === '.') left = this.#selector(left);
      else if (token.text === '[') left = this.#index(left);
      else if (token.text === '(') left = this.#call(left);
      else if (token.text === '{') throw this.#unsupported(refused['{']!, token);
      else break;
    }
    this.#depth--;
    return left;
  }

  #operand(): Expression {
    const token = this.#peek();
    const range = { start: token.start, end: token.end };
    switch (token.kind) {
      case 'identifier':
        if (keywords.has(token.text)) throw this.#unsupported(`'${token.text}' is`, token);
        this.#take();
        return { kind: 'name', name: token.text, ...range };
      case 'result':
      case 'parameter':
        this.#take();
        return { kind: token.kind, index: Number(token.text.slice(1)), ...range };
      case 'fact':
        return this.#fact();
      case 'duration':
      case 'number':
      case 'string':
      case 'rune':
        return this.#literal();
      case 'operator': {
        if (token.text === '*') {
          this.#take();
          const operand = this.#expression(unaryPower);
          return { kind: 'dereference', operand, start: token.start, end: operand.end };
        }
        if (isUnary(token.text)) {
          this.#take();
          const operand = this.#expression(unaryPower);
          return { kind: 'unary', operator: token.text, operand, start: token.start, end: operand.end };
        }
        if (token.text === '(') {
          this.#take();
          const inner = this.#expression(0);
          const close = this.#expect(')');
          return { ...inner, start: token.start, end: close.end };
        }
        if (token.text === '[') throw this.#unsupported('a slice or array type is', token);
        const what = refused[token.text];
        if (what !== undefined) throw this.#unsupported(what, token);
        break;
      }
      default:
    }
    throw this.#unexpected('a name');
  }

  #fact(): Expression {
    const token = this.#peek();
    const name = token.text.slice(1);
    const fact = callFacts.find((each) => each === name);
    if (fact === undefined) {
      const hints = nearest(name, callFacts, 1).map((each) => `did you mean $${each}?`);
      throw new Refusal('goexpr.syntax', `there is no ${token.text}`, token, [
        ...hints,
        `there are $0, $1, … (results), ${callFacts.map((each) => `$${each}`).join(', ')}`,
      ]);
    }
    this.#take();
    return { kind: 'fact', fact, start: token.start, end: token.end };
  }

  #literal(): Expression {
    const token = this.#take();
    const { text, start, end } = token;
    switch (token.kind) {
      case 'duration': {
        const ns = parseDuration(text);
        if (ns !== undefined) return { kind: 'duration', ns, text, start, end };
        break;
      }
      case 'string': {
        const bytes = stringBytes(text);
        if (bytes !== undefined) return { kind: 'string', bytes, text, start, end };
        break;
      }
      case 'rune': {
        const value = runeValue(text);
        if (value !== undefined) return { kind: 'integer', value: BigInt(value), text, start, end };
        break;
      }
      default: {
        if (text.endsWith('i')) throw this.#unsupported('an imaginary literal is', token);
        const integer = integerValue(text);
        if (integer !== undefined) return { kind: 'integer', value: integer, text, start, end };
        const value = floatValue(text);
        if (value !== undefined) return { kind: 'float', value, text, start, end };
      }
    }
    throw new Refusal('goexpr.syntax', `${text} is no ${token.kind} of Go`, token);
  }

  #selector(operand: Expression): Expression {
    this.#take();
    const field = this.#peek();
    if (field.text === '(') return this.#assertion(operand);
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

  /** A type is taken as it stands, up to its own closing parenthesis. */
  #assertion(operand: Expression): Expression {
    const open = this.#take();
    let nested = 0;
    for (; this.#peek().kind !== 'end'; this.#take()) {
      const { kind, text } = this.#peek();
      if (kind !== 'operator') continue;
      if ('([{'.includes(text)) nested++;
      else if (text === ')' && nested === 0) break;
      else if (')]}'.includes(text)) nested--;
    }
    const close = this.#expect(')');
    const type = compactType(this.#text.slice(open.end, close.start));
    if (type === '') throw new Refusal('goexpr.syntax', 'a type is missing between the parentheses', close);
    return { kind: 'assertion', operand, type, start: operand.start, end: close.end };
  }

  #index(operand: Expression): Expression {
    this.#take();
    const colon = () => this.#peek().kind === 'operator' && this.#peek().text === ':';
    const closing = () => this.#peek().kind === 'operator' && this.#peek().text === ']';
    const low = colon() ? undefined : this.#expression(0);
    if (!colon() && low !== undefined) {
      const close = this.#expect(']');
      return { kind: 'index', operand, index: low, start: operand.start, end: close.end };
    }
    this.#take();
    const high = closing() ? undefined : this.#expression(0);
    if (colon()) throw this.#unsupported('a slice with a capacity is', this.#peek());
    const close = this.#expect(']');
    return { kind: 'slice', operand, low, high, start: operand.start, end: close.end };
  }

  #call(callee: Expression): Expression {
    this.#take();
    const args: Expression[] = [];
    const closing = () => this.#peek().kind === 'operator' && this.#peek().text === ')';
    while (!closing()) {
      args.push(this.#expression(0));
      if (closing()) break;
      if (this.#peek().text !== ',') throw this.#unexpected(`',' or ')'`);
      this.#take();
    }
    const close = this.#expect(')');
    return { kind: 'call', callee, args, start: callee.start, end: close.end };
  }

  #tooDeep(): Refusal {
    return new Refusal('goexpr.syntax', 'the expression is nested too deep', this.#peek());
  }

  #unsupported(what: string, at: Token): Refusal {
    return new Refusal('goexpr.unsupported', `${what} not supported`, at, [supported]);
  }

  #unexpected(wanted: string): Refusal {
    const found = this.#peek().kind === 'end' ? 'the expression ends' : `'${this.#peek().text}' stands`;
    return new Refusal('goexpr.syntax', `${found} where ${wanted} should be`, this.#peek());
  }
}

function isBinary(text: string): text is BinaryOperator {
  return Object.hasOwn(binaryPower, text);
}

function isUnary(text: string): text is UnaryOperator {
  return text === '-' || text === '+' || text === '^' || text === '!';
}
