import type { Diagnostic, Span } from '#base';
import { type Token, tokenize } from './token.ts';

/** A Go type as it is written. `start`, `end`: where in the text, UTF-16 units. */
export type TypeText = {
  readonly start: number;
  readonly end: number;
} /** `package` as written: empty, a name, or an import path. */ /** `arguments`: of a generic type. */ & (
  | {
      readonly kind: 'name';
      readonly package: string;
      readonly name: string;
      readonly arguments?: readonly TypeText[];
    }
  | { readonly kind: 'pointer' | 'slice' | 'chan'; readonly elem: TypeText }
  | { readonly kind: 'array'; readonly count: number; readonly elem: TypeText }
  | { readonly kind: 'map'; readonly key: TypeText; readonly elem: TypeText }
  | { readonly kind: 'struct'; readonly fields: readonly VariableText[] }
  | { readonly kind: 'interface'; readonly empty: boolean }
  | { readonly kind: 'func' }
);

/** A parameter, result or field; `name` is empty for none. */
export interface VariableText {
  readonly name: string;
  readonly type: TypeText;
}

/** `parameters`: names of its type parameters. */
export interface DeclaredType {
  readonly parameters: readonly string[];
  readonly type: TypeText;
}

/**
 * `func (r *T) M(n int, s string) (float64, error)`, as in the source; the name and the receiver may be left out. Before it may stand declarations of types
 * that it names: `type T struct { Next *T }`.
 */
export interface SignatureText {
  readonly types: ReadonlyMap<string, DeclaredType>;
  readonly receiver: VariableText | undefined;
  readonly parameters: readonly VariableText[];
  readonly results: readonly VariableText[];
}

export type ParsedSignature =
  | { readonly ok: true; readonly signature: SignatureText }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

const example = "signature='func(n int, s string) (float64, error)', 'func (p *T) M(n int) error'";
const deepest = 50;
const mostVariables = 200;
const longestArray = 2 ** 40;

/** Parses a signature. A diagnostic's message names the character, as those of `parseExpression` do. */
export function parseSignature(text: string, span?: Span): ParsedSignature {
  try {
    return { ok: true, signature: new Parser(text).whole() };
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure;
    return { ok: false, diagnostics: [signatureProblem(text, failure.at, failure.message, span, [example])] };
  }
}

/** What is wrong at a place of a signature. */
export function signatureProblem(
  text: string,
  at: { readonly start: number; readonly end: number },
  message: string,
  span: Span | undefined,
  hints: readonly string[] = [],
): Diagnostic {
  const own: Span = { start: at.start, end: Math.max(at.end, at.start + 1), line: 1, column: at.start + 1 };
  return {
    id: 'goexpr.signature',
    message: `${message} (${place(text, at.start)})`,
    span: span ?? own,
    ...(hints.length === 0 ? {} : { hints }),
  };
}

function place(text: string, at: number): string {
  if (!text.includes('\n')) return `at character ${at + 1} of '${text}'`;
  const before = text.slice(0, at).split('\n');
  const line = text.split('\n')[before.length - 1]!.trim();
  return `at line ${before.length}, column ${before.at(-1)!.length + 1} of the signature: '${line}'`;
}

/** Leaves the parser; never leaves this file. */
class Refusal extends Error {
  readonly at: Token;

  constructor(message: string, at: Token) {
    super(message);
    this.at = at;
  }
}

/** Comments, and what may have in it what looks like one. */
const comments = /`[^`]*`|"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    // Blanks in the place of comments: offsets stay.
    this.#text = text.replace(comments, (found) => (found.startsWith('/') ? found.replace(/[^\n]/g, ' ') : found));
    this.#tokens = tokenize(this.#text);
  }

  whole(): SignatureText {
    const types = this.#declarations();
    const start = this.#at + 1;
    this.#keyword('func');
    let parameters: VariableText[] = [];
    let receiver: VariableText | undefined;
    if (this.#is('(')) parameters = this.#list();
    else if (this.#peek().kind !== 'identifier') throw this.#unexpected("'('");
    // A name: what came before it was the receiver.
    if (this.#peek().kind === 'identifier' && this.#peek(1).text === '(' && !typeWords.has(this.#peek().text)) {
      const group = this.#at > start;
      if (group && parameters.length !== 1) throw new Refusal('a method has one receiver', this.#tokens[start]!);
      receiver = parameters[0];
      this.#take();
      parameters = this.#list();
    } else if (this.#at === start) throw this.#unexpected("'('");
    let results: VariableText[] = [];
    if (this.#is('(')) results = this.#list();
    else if (this.#peek().kind !== 'end') results = [{ name: '', type: this.#type() }];
    if (this.#peek().kind !== 'end') throw this.#unexpected('the end of the signature');
    return { types, receiver, parameters, results };
  }

  /** `type T struct { … }; type ( A int; B []A )` */
  #declarations(): Map<string, DeclaredType> {
    const types = new Map<string, DeclaredType>();
    const one = () => {
      const name = this.#take();
      if (name.kind !== 'identifier') throw new Refusal(`the name of a type is expected${found(name)}`, name);
      const parameters = this.#typeParameters();
      if (this.#is('=')) this.#take();
      if (types.size >= mostVariables) throw this.#unexpected('fewer types');
      if (types.has(name.text)) throw new Refusal(`the type ${name.text} is declared twice`, name);
      types.set(name.text, { parameters, type: this.#type() });
    };
    while (this.#peek().text === 'type') {
      this.#take();
      if (!this.#is('(')) one();
      else {
        this.#take();
        while (!this.#is(')')) {
          one();
          this.#separator(')');
        }
        this.#take();
      }
      this.#separator('');
    }
    return types;
  }

  /** `[K comparable, V any]` directly behind a type's name: what has a blank before it is an array. Constraints do not matter. */
  #typeParameters(): string[] {
    const names: string[] = [];
    if (!this.#is('[') || this.#peek().start !== this.#before()) return names;
    for (let depth = 0; ; ) {
      const token = this.#take();
      if (token.kind === 'end') throw new Refusal("']' is expected", token);
      const begins = depth === 0 || (depth === 1 && token.text === ',');
      if (['[', '(', '{'].includes(token.text)) depth++;
      if ([']', ')', '}'].includes(token.text) && --depth === 0) return names;
      if (!begins) continue;
      const { kind, text } = this.#peek();
      if (kind !== 'identifier') throw this.#unexpected('the name of a type parameter');
      if (text !== '_' && names.includes(text)) throw this.#unexpected('another name');
      names.push(text);
    }
  }

  /** A semicolon, or a new line in its place; before `close` there may be none. */
  #separator(close: string): void {
    if (this.#is(';')) this.#take();
    else if (!this.#onNewLine() && !this.#is(close)) throw this.#unexpected("';'");
  }

  /** Does the next token stand on another line than the last one? */
  #onNewLine(): boolean {
    return this.#text.slice(this.#before(), this.#peek().start).includes('\n');
  }

  /** `(a, b int, xs ...string)` or `(int, string)`. */
  #list(): VariableText[] {
    this.#expect('(');
    const entries: { readonly first: TypeText; readonly type: TypeText | undefined }[] = [];
    while (!this.#is(')')) {
      const first = this.#variadic() ?? this.#type();
      const type = this.#is(',') || this.#is(')') ? undefined : (this.#variadic() ?? this.#type());
      entries.push({ first, type });
      if (entries.length > mostVariables) throw this.#unexpected('fewer parameters');
      if (!this.#is(',')) break;
      this.#take();
    }
    this.#expect(')');
    if (entries.every(({ type }) => type === undefined)) return entries.map(({ first }) => ({ name: '', type: first }));
    // Names have types behind them, or behind a later name.
    const variables: VariableText[] = [];
    for (let i = entries.length - 1, behind: TypeText | undefined; i >= 0; i--) {
      const { first, type } = entries[i]!;
      behind = type ?? behind;
      if (first.kind !== 'name' || first.package !== '' || behind === undefined)
        throw new Refusal('either all have names, or none', this.#tokenAt(first));
      if (first.name !== '_' && variables.some(({ name }) => name === first.name))
        throw new Refusal(`the name ${first.name} is there twice`, this.#tokenAt(first));
      variables.unshift({ name: first.name, type: behind });
    }
    return variables;
  }

  #variadic(): TypeText | undefined {
    if (!this.#is('...')) return undefined;
    const { start } = this.#take();
    const elem = this.#type();
    return { kind: 'slice', elem, start, end: elem.end };
  }

  #type(): TypeText {
    if (++this.#depth > deepest) throw this.#unexpected('a type that nests less deeply');
    const token = this.#take();
    const { start } = token;
    let type: TypeText;
    if (token.text === '*') {
      const elem = this.#type();
      type = { kind: 'pointer', elem, start, end: elem.end };
    } else if (token.text === '(') {
      type = this.#type();
      this.#expect(')');
    } else if (token.text === '[') type = this.#arrayOrSlice(start);
    else if (token.text === '<-') {
      this.#keyword('chan');
      const elem = this.#type();
      type = { kind: 'chan', elem, start, end: elem.end };
    } else if (token.kind === 'identifier') type = this.#named(token);
    else throw new Refusal(`a type is expected${found(token)}`, token);
    this.#depth--;
    return type;
  }

  #named(token: Token): TypeText {
    const { start } = token;
    switch (token.text) {
      case 'map': {
        this.#expect('[');
        const key = this.#type();
        this.#expect(']');
        const elem = this.#type();
        return { kind: 'map', key, elem, start, end: elem.end };
      }
      case 'chan': {
        if (this.#is('<-')) this.#take();
        const elem = this.#type();
        return { kind: 'chan', elem, start, end: elem.end };
      }
      case 'func': {
        this.#list();
        if (this.#is('(')) this.#list();
        else if (this.#startsType() && !this.#onNewLine()) this.#type();
        return { kind: 'func', start, end: this.#before() };
      }
      case 'interface': {
        const empty = this.#tokens[this.#at + 1]?.text === '}';
        this.#skipBraces();
        return { kind: 'interface', empty, start, end: this.#before() };
      }
      case 'struct':
        return { kind: 'struct', fields: this.#fields(), start, end: this.#before() };
    }
    // An import path may have slashes, dots and hyphens: `github.com/a-b/c.T`.
    let path = token.text;
    while (['/', '.', '-'].includes(this.#peek().text) && this.#peek().start === this.#before()) {
      const joint = this.#take();
      const next = this.#take();
      if ((next.kind !== 'identifier' && next.kind !== 'number') || next.start !== joint.end)
        throw new Refusal(`a name is expected${found(next)}`, next);
      path += joint.text + next.text;
    }
    const dot = path.lastIndexOf('.');
    const qualified = dot > 0 && dot > path.lastIndexOf('/');
    const name = qualified
      ? { kind: 'name' as const, package: path.slice(0, dot), name: path.slice(dot + 1) }
      : { kind: 'name' as const, package: '', name: path };
    const types = this.#typeArguments();
    return { ...name, ...(types.length > 0 && { arguments: types }), start, end: this.#before() };
  }

  /** `[string, int]` directly behind a type's name: what has a blank before it is the type of a parameter. */
  #typeArguments(): TypeText[] {
    const types: TypeText[] = [];
    if (!this.#is('[') || this.#peek().start !== this.#before()) return types;
    do {
      this.#take();
      types.push(this.#type());
    } while (this.#is(','));
    this.#expect(']');
    return types;
  }

  #arrayOrSlice(start: number): TypeText {
    if (this.#is(']')) {
      this.#take();
      const elem = this.#type();
      return { kind: 'slice', elem, start, end: elem.end };
    }
    const token = this.#take();
    const count = /^\d+$/.test(token.text) ? Number(token.text) : Number.NaN;
    if (!(count <= longestArray)) throw new Refusal(`the length of an array is expected${found(token)}`, token);
    this.#expect(']');
    const elem = this.#type();
    return { kind: 'array', count, elem, start, end: elem.end };
  }

  /** `{ X, Y int; Name string; *T }` */
  #fields(): VariableText[] {
    this.#expect('{');
    const fields: VariableText[] = [];
    while (!this.#is('}')) {
      const names = [this.#type()];
      while (this.#is(',')) {
        this.#take();
        names.push(this.#type());
      }
      const embedded = this.#is(';') || this.#is('}') || this.#peek().kind === 'string' || this.#onNewLine();
      const type = embedded ? names[0]! : this.#type();
      for (const name of names) {
        if (!embedded && (name.kind !== 'name' || name.package !== ''))
          throw new Refusal('a field has a name', this.#tokenAt(name));
        const field = embedded ? embeddedName(name) : (name as { name: string }).name;
        if (field !== '_' && fields.some((other) => other.name === field))
          throw new Refusal(`the field ${field} is declared twice`, this.#tokenAt(name));
        fields.push({ name: field, type });
      }
      if (fields.length > mostVariables) throw this.#unexpected('fewer fields');
      if (this.#peek().kind === 'string') this.#take();
      this.#separator('}');
    }
    this.#expect('}');
    return fields;
  }

  #skipBraces(): void {
    this.#expect('{');
    for (let open = 1; open > 0; ) {
      const token = this.#take();
      if (token.kind === 'end') throw new Refusal("'}' is expected", token);
      if (token.text === '{') open++;
      else if (token.text === '}') open--;
    }
  }

  #startsType(): boolean {
    const { kind, text } = this.#peek();
    return kind === 'identifier' || text === '*' || text === '[' || text === '<-';
  }

  #tokenAt({ start }: TypeText): Token {
    return this.#tokens.find((token) => token.start === start)!;
  }

  #before(): number {
    return this.#tokens[this.#at - 1]!.end;
  }

  #peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
  }

  #is(text: string): boolean {
    return this.#peek().text === text && this.#peek().kind === 'operator';
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  #expect(text: string): void {
    if (!this.#is(text)) throw this.#unexpected(`'${text}'`);
    this.#take();
  }

  #keyword(text: string): void {
    if (this.#peek().text !== text) throw this.#unexpected(`'${text}'`);
    this.#take();
  }

  #unexpected(wanted: string): Refusal {
    const token = this.#peek();
    return new Refusal(`${wanted} is expected${found(token)}`, token);
  }
}

/** Words that begin a type where a method's name could stand. */
const typeWords = new Set(['func', 'map', 'chan', 'struct', 'interface']);

function found(token: Token): string {
  return token.kind === 'end' ? ', and the text ends' : `, not '${token.text}'`;
}

function embeddedName(type: TypeText): string {
  if (type.kind === 'pointer') return embeddedName(type.elem);
  return type.kind === 'name' ? type.name : '_';
}
