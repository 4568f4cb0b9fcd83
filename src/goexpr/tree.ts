/** Offsets in the expression's own text, UTF-16 units, end exclusive. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A Go expression. Types are found in a later step, against a function's variables. */
export type Expression = Range &
  (
    | { readonly kind: 'name'; readonly name: string }
    /** `$n`: the n-th result. `#n`: the n-th parameter, receiver first. Both from 0. */
    | { readonly kind: 'result' | 'parameter'; readonly index: number }
    /** `operand.field`; `fieldStart` is where the field's name begins. */
    | { readonly kind: 'selector'; readonly operand: Expression; readonly field: string; readonly fieldStart: number }
    /** `*operand` */
    | { readonly kind: 'dereference'; readonly operand: Expression }
  );

/** The expression in Go's syntax, with parentheses only where they are needed. */
export function expressionText(expression: Expression): string {
  switch (expression.kind) {
    case 'name':
      return expression.name;
    case 'result':
      return `$${expression.index}`;
    case 'parameter':
      return `#${expression.index}`;
    case 'dereference':
      return `*${expressionText(expression.operand)}`;
    case 'selector': {
      const operand = expressionText(expression.operand);
      return expression.operand.kind === 'dereference'
        ? `(${operand}).${expression.field}`
        : `${operand}.${expression.field}`;
    }
  }
}
