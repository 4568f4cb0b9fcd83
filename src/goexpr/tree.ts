/** Offsets in the expression's own text, UTF-16 units, end exclusive. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export type UnaryOperator = '-' | '+' | '^' | '!';
export type BinaryOperator =
  | '||'
  | '&&'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '+'
  | '-'
  | '|'
  | '^'
  | '*'
  | '/'
  | '%'
  | '<<'
  | '>>'
  | '&'
  | '&^';

/** What is known of a call beside Go's variables: how it ended, and the goroutine that makes it. */
export const callFacts = ['latency', 'outcome', 'goid', 'parent_goid', 'labels'] as const;
export type CallFact = (typeof callFacts)[number];

/** A Go expression. Types are found in a later step, against a function's variables. */
export type Expression = Range &
  (
    | { readonly kind: 'name'; readonly name: string }
    /** `$n`: the n-th result. `#n`: the n-th parameter, receiver first. Both from 0. */
    | { readonly kind: 'result' | 'parameter'; readonly index: number }
    /** `$latency`, `$goid` */
    | { readonly kind: 'fact'; readonly fact: CallFact }
    /** Integer and rune literals. `text` as it was written. */
    | { readonly kind: 'integer'; readonly value: bigint; readonly text: string }
    | { readonly kind: 'float'; readonly value: number; readonly text: string }
    /** A string literal: its bytes (a `\xff` in it need not be UTF-8). */
    | { readonly kind: 'string'; readonly bytes: Uint8Array; readonly text: string }
    /** `10ms`: an integer constant, nanoseconds. Not Go's, which would write `10*time.Millisecond`. */
    | { readonly kind: 'duration'; readonly ns: bigint; readonly text: string }
    /** `operand.field`; `fieldStart` is where the field's name begins. */
    | { readonly kind: 'selector'; readonly operand: Expression; readonly field: string; readonly fieldStart: number }
    /** `*operand` */
    | { readonly kind: 'dereference'; readonly operand: Expression }
    | { readonly kind: 'index'; readonly operand: Expression; readonly index: Expression }
    /** `operand[low:high]` */
    | {
        readonly kind: 'slice';
        readonly operand: Expression;
        readonly low: Expression | undefined;
        readonly high: Expression | undefined;
      }
    /** A call or a conversion: `len(s)`, `float64(n)`, `strings.Contains(s, "x")`. */
    | { readonly kind: 'call'; readonly callee: Expression; readonly args: readonly Expression[] }
    /** `operand.(type)`; the type as text, without spaces. */
    | { readonly kind: 'assertion'; readonly operand: Expression; readonly type: string }
    | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression }
    | {
        readonly kind: 'binary';
        readonly operator: BinaryOperator;
        readonly left: Expression;
        readonly right: Expression;
      }
  );

/** Binding powers, as in Go's specification, "Operator precedence". */
export const binaryPower: Readonly<Record<BinaryOperator, number>> = {
  '||': 1,
  '&&': 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '+': 4,
  '-': 4,
  '|': 4,
  '^': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  '<<': 5,
  '>>': 5,
  '&': 5,
  '&^': 5,
};
export const unaryPower = 6;
export const primaryPower = 7;

/** The expression in Go's syntax, with parentheses only where they are needed. */
export function expressionText(expression: Expression): string {
  switch (expression.kind) {
    case 'name':
      return expression.name;
    case 'result':
      return `$${expression.index}`;
    case 'parameter':
      return `#${expression.index}`;
    case 'fact':
      return `$${expression.fact}`;
    case 'integer':
    case 'float':
    case 'string':
    case 'duration':
      return expression.text;
    case 'selector':
      return `${within(expression.operand, primaryPower)}.${expression.field}`;
    case 'index':
      return `${within(expression.operand, primaryPower)}[${expressionText(expression.index)}]`;
    case 'slice': {
      const bound = (side: Expression | undefined) => (side === undefined ? '' : expressionText(side));
      return `${within(expression.operand, primaryPower)}[${bound(expression.low)}:${bound(expression.high)}]`;
    }
    case 'call':
      return `${within(expression.callee, primaryPower)}(${expression.args.map(expressionText).join(', ')})`;
    case 'assertion':
      return `${within(expression.operand, primaryPower)}.(${expression.type})`;
    case 'dereference':
      return `*${within(expression.operand, unaryPower)}`;
    case 'unary': {
      const operand = within(expression.operand, unaryPower);
      // `--x` and `++x` would be read as Go's statements.
      return operand.startsWith(expression.operator)
        ? `${expression.operator}(${operand})`
        : `${expression.operator}${operand}`;
    }
    case 'binary': {
      const power = binaryPower[expression.operator];
      return `${within(expression.left, power)} ${expression.operator} ${within(expression.right, power + 1)}`;
    }
  }
}

/** With parentheses where it binds less than `power`. */
function within(expression: Expression, power: number): string {
  const text = expressionText(expression);
  return powerOf(expression) < power ? `(${text})` : text;
}

function powerOf(expression: Expression): number {
  switch (expression.kind) {
    case 'binary':
      return binaryPower[expression.operator];
    case 'unary':
    case 'dereference':
      return unaryPower;
    default:
      return primaryPower;
  }
}

/** A type's text with blanks between words alone: `chan int`, `interface{}`, `map[string][]int`. */
export function compactType(text: string): string {
  return text
    .trim()
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/ ?([^\w ]) ?/g, '$1');
}
