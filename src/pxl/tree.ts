import type { Span } from '#base';

interface Node {
  readonly span: Span;
}

export interface Name extends Node {
  readonly kind: 'name';
  readonly name: string;
}
export interface IntLiteral extends Node {
  readonly kind: 'int';
  readonly value: bigint;
}
export interface FloatLiteral extends Node {
  readonly kind: 'float';
  readonly value: number;
}
/** One string literal, or several beside each other, which Python joins. */
export interface StringLiteral extends Node {
  readonly kind: 'string';
  readonly value: string;
}
/** True, False or None (null). */
export interface Constant extends Node {
  readonly kind: 'constant';
  readonly value: boolean | null;
}
export interface ListDisplay extends Node {
  readonly kind: 'list';
  readonly items: readonly Expression[];
}
export interface TupleDisplay extends Node {
  readonly kind: 'tuple';
  readonly items: readonly Expression[];
}
export interface DictDisplay extends Node {
  readonly kind: 'dict';
  readonly entries: readonly { readonly key: Expression; readonly value: Expression }[];
}
export interface Attribute extends Node {
  readonly kind: 'attribute';
  readonly object: Expression;
  readonly name: string;
  readonly nameSpan: Span;
}
export interface CallArgument {
  /** Undefined: a positional argument. */
  readonly name?: string;
  readonly value: Expression;
  readonly span: Span;
}
export interface Call extends Node {
  readonly kind: 'call';
  readonly function: Expression;
  readonly arguments: readonly CallArgument[];
}
export interface Subscript extends Node {
  readonly kind: 'subscript';
  readonly object: Expression;
  readonly index: Expression;
}
export type UnaryOperator = '+' | '-' | 'not' | '~';
export interface Unary extends Node {
  readonly kind: 'unary';
  readonly operator: UnaryOperator;
  readonly operand: Expression;
}
export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '//' | '**';
export interface Binary extends Node {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly operatorSpan: Span;
  readonly left: Expression;
  readonly right: Expression;
}
export type ComparisonOperator = '<' | '>' | '<=' | '>=' | '==' | '!=';
export interface Comparison extends Node {
  readonly kind: 'comparison';
  readonly operator: ComparisonOperator;
  readonly operatorSpan: Span;
  readonly left: Expression;
  readonly right: Expression;
}
export interface Logical extends Node {
  readonly kind: 'logical';
  readonly operator: 'and' | 'or';
  readonly operatorSpan: Span;
  readonly left: Expression;
  readonly right: Expression;
}
/** `a in b`, `a is b` and their negations. */
export interface Membership extends Node {
  readonly kind: 'membership';
  readonly operator: 'in' | 'is';
  readonly negated: boolean;
  readonly operatorSpan: Span;
  readonly left: Expression;
  readonly right: Expression;
}
/** `yes if test else no` */
export interface Conditional extends Node {
  readonly kind: 'conditional';
  readonly test: Expression;
  readonly yes: Expression;
  readonly no: Expression;
}
/** `a:b:c` as an index. */
export interface Slice extends Node {
  readonly kind: 'slice';
  readonly start?: Expression;
  readonly stop?: Expression;
  readonly step?: Expression;
}
/** `[item for target in iterable if condition]`; with a key `{key: item for …}`. */
export interface Comprehension extends Node {
  readonly kind: 'comprehension';
  readonly key?: Expression;
  readonly item: Expression;
  readonly targets: readonly Name[];
  readonly iterable: Expression;
  readonly conditions: readonly Expression[];
}
/** `f'a{b:.2f}'`: texts and values; `format` is what stands behind the colon, or empty. */
export interface FormattedString extends Node {
  readonly kind: 'format';
  readonly parts: readonly (string | { readonly value: Expression; readonly format: string })[];
}
/** A function without a name; its body is one `return`. */
export interface Lambda extends Node {
  readonly kind: 'lambda';
  readonly parameters: readonly Parameter[];
  readonly body: Expression;
}
/** Python that PxL does not have; a diagnostic was reported for it. */
export interface Unsupported extends Node {
  readonly kind: 'unsupported';
  readonly what: string;
}

export type Expression =
  | Name
  | IntLiteral
  | FloatLiteral
  | StringLiteral
  | Constant
  | ListDisplay
  | TupleDisplay
  | DictDisplay
  | Attribute
  | Call
  | Subscript
  | Unary
  | Binary
  | Comparison
  | Logical
  | Membership
  | Conditional
  | Slice
  | Comprehension
  | FormattedString
  | Lambda
  | Unsupported;

export interface ImportedName {
  readonly name: string;
  readonly alias?: string;
  readonly span: Span;
}
export interface Import extends Node {
  readonly kind: 'import';
  /** Dotted names. */
  readonly modules: readonly ImportedName[];
}
export interface FromImport extends Node {
  readonly kind: 'from';
  readonly module: string;
  readonly moduleSpan: Span;
  readonly names: readonly ImportedName[];
}
export interface ExpressionStatement extends Node {
  readonly kind: 'expression';
  readonly value: Expression;
}
export type Target = Name | Attribute | Subscript;
export interface Assignment extends Node {
  readonly kind: 'assignment';
  readonly target: Target;
  readonly value: Expression;
}
/** `a, b = value`: each list of targets takes the value apart; a list of one takes it whole, as in `a = b = value`. */
export interface Unpacking extends Node {
  readonly kind: 'unpacking';
  readonly targets: readonly { readonly names: readonly Target[]; readonly whole: boolean }[];
  readonly value: Expression;
}
export interface Parameter extends Node {
  readonly name: string;
  readonly annotation?: Expression;
  readonly default?: Expression;
}
export interface FunctionDefinition extends Node {
  readonly kind: 'function';
  readonly name: string;
  readonly nameSpan: Span;
  readonly decorators: readonly Expression[];
  readonly parameters: readonly Parameter[];
  readonly returns?: Expression;
  /** The string that the body begins with. */
  readonly docstring?: string;
  readonly body: readonly Statement[];
}
export interface Return extends Node {
  readonly kind: 'return';
  readonly value?: Expression;
}
/** Decided when the script is compiled. `otherwise` of an `elif` is the one statement of that. */
export interface If extends Node {
  readonly kind: 'if';
  readonly test: Expression;
  readonly body: readonly Statement[];
  readonly otherwise: readonly Statement[];
}
/** Over values that are known when the script is compiled. Several targets take an item apart. */
export interface For extends Node {
  readonly kind: 'for';
  readonly targets: readonly Name[];
  readonly iterable: Expression;
  readonly body: readonly Statement[];
}
export interface Pass extends Node {
  readonly kind: 'pass';
}
/** Out of the loop around it, or to its next item. */
export interface Jump extends Node {
  readonly kind: 'break' | 'continue';
}
/** What could not be read, or what PxL does not have; a diagnostic was reported for it. */
export interface InvalidStatement extends Node {
  readonly kind: 'invalid';
}

export type Statement =
  | Import
  | FromImport
  | ExpressionStatement
  | Assignment
  | FunctionDefinition
  | Return
  | If
  | For
  | Pass
  | Jump
  | Unpacking
  | InvalidStatement;

export interface Script extends Node {
  readonly kind: 'script';
  readonly body: readonly Statement[];
  readonly docstring?: string;
}
