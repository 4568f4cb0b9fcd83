import type { Cursor } from './cursor.ts';
import type { Expression } from './tree.ts';

/** How expressions are read. It is handed to what stands in expressions and holds some itself, so that no file needs one that needs it. */
export interface Grammar {
  /** One expression without a bare comma: Python's `expression`, or `named_expression` when `walrus`. */
  expression(cursor: Cursor, walrus?: boolean): Expression;
  /** Expressions with commas between: one, or a tuple without parentheses. */
  list(cursor: Cursor): Expression;
  /** What may stand in a list: an expression, or `*` and what it unpacks. */
  starred(cursor: Cursor): Expression;
  /** An expression of operators, without `if` and `lambda`. */
  operators(cursor: Cursor): Expression;
  /** One that binds more tightly than a comparison. */
  operand(cursor: Cursor): Expression;
}
