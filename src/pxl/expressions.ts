import { closeBracket, startsExpression } from './brackets.ts';
import type { Cursor } from './cursor.ts';
import { parseBraces, parseList, skipComprehension } from './displays.ts';
import type { Grammar } from './grammar.ts';
import { parseLambda } from './lambda.ts';
import { unsupported } from './refused.ts';
import { parseStrings } from './string-literals.ts';
import { parseForTargets } from './targets.ts';
import { joined, type Token } from './token.ts';
import type {
  BinaryOperator,
  CallArgument,
  Comparison,
  ComparisonOperator,
  Conditional,
  Expression,
  Logical,
  Membership,
  Name,
  Slice,
} from './tree.ts';

/** Binding powers of Python's binary operators (Python reference 6.17), weakest first. */
const powers: Record<string, number> = {
  or: 1,
  and: 2,
  '|': 5,
  '^': 6,
  '&': 7,
  '<<': 8,
  '>>': 8,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '//': 10,
  '%': 10,
  '@': 10,
};
const notPower = 3;
const comparisonPower = 4;
const signPower = 11;
const arithmetic = new Set(['+', '-', '*', '/', '%', '//']);
const comparisons = new Set(['<', '>', '<=', '>=', '==', '!=']);
const missing: Record<string, string | undefined> = {
  '|': 'write `or`',
  '&': 'write `and`',
};

const grammar: Grammar = {
  expression: parseExpression,
  list: parseExpressionList,
  starred: parseStarred,
  operators: (cursor) => parseBinary(cursor, 0),
  operand: (cursor) => parseBinary(cursor, comparisonPower + 1),
};

/** The names behind `for`; what else Python takes there is refused. */
export const parseLoopTargets = (cursor: Cursor): Name[] => parseForTargets(cursor, grammar);

/** One expression without a bare comma: Python's `expression`, or `named_expression` when `walrus`. */
export function parseExpression(cursor: Cursor, walrus = false): Expression {
  return cursor.nested(() => {
    const start = cursor.token.span;
    if (cursor.at('lambda')) return parseLambda(cursor, grammar);
    const value = parseBinary(cursor, 0);
    if (cursor.at(':=') && walrus && value.kind === 'name') {
      cursor.advance();
      parseExpression(cursor);
      return unsupported(cursor, 'assignment expressions (`:=`) are', start);
    }
    if (!cursor.at('if')) return value;
    cursor.advance();
    const test = parseBinary(cursor, 0);
    cursor.expect('else', ' in a conditional expression');
    const no = parseExpression(cursor);
    const node: Conditional = { kind: 'conditional', test, yes: value, no, span: cursor.spanFrom(start) };
    return cursor.grown(node, test, value, no);
  });
}

/** Expressions with commas between: one, or a tuple without parentheses. */
export function parseExpressionList(cursor: Cursor): Expression {
  const start = cursor.token.span;
  const first = parseStarred(cursor);
  if (!cursor.at(',')) return first;
  const items = [first];
  while (cursor.accept(',')) {
    if (!startsExpression(cursor)) break;
    items.push(parseStarred(cursor));
  }
  return cursor.grown({ kind: 'tuple', items, span: cursor.spanFrom(start) }, ...items);
}

function parseStarred(cursor: Cursor): Expression {
  const start = cursor.token.span;
  if (!cursor.accept('*')) return parseExpression(cursor, true);
  parseBinary(cursor, comparisonPower + 1);
  return unsupported(cursor, 'unpacking with `*` is', start);
}

function parseBinary(cursor: Cursor, least: number): Expression {
  return cursor.nested(() => {
    const start = cursor.token.span;
    let left = parseUnary(cursor, least);
    for (;;) {
      const token = cursor.token;
      if (token.kind !== 'operator' && token.kind !== 'keyword') return left;
      if (comparisons.has(token.text) || token.text === 'in' || token.text === 'is' || token.text === 'not') {
        if (comparisonPower < least) return left;
        left = parseComparison(cursor, left);
        continue;
      }
      const power = powers[token.text];
      if (power === undefined || power < least) return left;
      cursor.advance();
      const right = parseBinary(cursor, power + 1);
      const span = joined(start, right.span);
      const text = token.text;
      if (text === 'and' || text === 'or') {
        left = cursor.grown(
          { kind: 'logical', operator: text, operatorSpan: token.span, left, right, span },
          left,
          right,
        );
      } else if (arithmetic.has(text)) {
        const operator = text as BinaryOperator;
        left = cursor.grown({ kind: 'binary', operator, operatorSpan: token.span, left, right, span }, left, right);
      } else {
        cursor.unsupported(`the operator \`${text}\` is`, token.span, missing[text]);
        left = cursor.grown({ kind: 'unsupported', what: `\`${text}\``, span }, left, right);
      }
    }
  });
}

function parseComparison(cursor: Cursor, first: Expression): Expression {
  const token = cursor.advance();
  let name = token.text;
  if (name === 'not') {
    cursor.expect('in', ' behind `not`');
    name = 'not in';
  } else if (name === 'is' && cursor.accept('not')) name = 'is not';
  const right = parseBinary(cursor, comparisonPower + 1);
  const span = joined(first.span, right.span);
  // `a < b < c` is `a < b and b < c`.
  const chained = isComparison(first) && !isParenthesised(cursor, first) ? lastOperand(first) : undefined;
  const left = chained ?? first;
  const made: Comparison | Membership = comparisons.has(name)
    ? { kind: 'comparison', operator: name as ComparisonOperator, operatorSpan: token.span, left, right, span }
    : {
        kind: 'membership',
        operator: name.startsWith('is') ? 'is' : 'in',
        negated: name === 'not in' || name === 'is not',
        operatorSpan: token.span,
        left,
        right,
        span,
      };
  cursor.grown(made, left, right);
  if (!chained) return made;
  const both: Logical = { kind: 'logical', operator: 'and', operatorSpan: token.span, left: first, right: made, span };
  inChain.add(both);
  return cursor.grown(both, first, made);
}

/** Chains of comparisons: an `and` that was written out takes no part in one. */
const inChain = new WeakSet<Expression>();

function isComparison(node: Expression): boolean {
  return node.kind === 'comparison' || node.kind === 'membership' || inChain.has(node);
}

function lastOperand(node: Expression): Expression | undefined {
  if (node.kind === 'logical') return lastOperand(node.right);
  return node.kind === 'comparison' || node.kind === 'membership' ? node.right : undefined;
}

/** A node does not say whether it stood in parentheses; `(a < b) == c` is no chain. */
function isParenthesised(cursor: Cursor, node: Expression): boolean {
  return parenthesised.get(cursor)?.has(node) ?? false;
}
const parenthesised = new WeakMap<Cursor, WeakSet<Expression>>();

function parseUnary(cursor: Cursor, least: number): Expression {
  const token = cursor.token;
  if (cursor.at('not')) {
    if (least > notPower) return cursor.fault('`not` must be put in parentheses here');
    cursor.advance();
    const operand = parseBinary(cursor, notPower);
    return cursor.grown({ kind: 'unary', operator: 'not', operand, span: joined(token.span, operand.span) }, operand);
  }
  if (cursor.at('-') || cursor.at('+') || cursor.at('~')) {
    cursor.advance();
    const operator = token.text as '-' | '+' | '~';
    const operand = cursor.nested(() => parseUnary(cursor, signPower));
    return cursor.grown({ kind: 'unary', operator, operand, span: joined(token.span, operand.span) }, operand);
  }
  return parsePower(cursor);
}

function parsePower(cursor: Cursor): Expression {
  const start = cursor.token.span;
  const awaited = cursor.accept('await');
  const base = parsePostfix(cursor);
  if (awaited) cursor.unsupported('`await` is', awaited.span);
  const token = cursor.token;
  if (!cursor.accept('**')) return base;
  const exponent = cursor.nested(() => parseUnary(cursor, signPower));
  const span = cursor.spanFrom(start);
  return cursor.grown(
    { kind: 'binary', operator: '**', operatorSpan: token.span, left: base, right: exponent, span },
    base,
    exponent,
  );
}

function parsePostfix(cursor: Cursor): Expression {
  const start = cursor.token.span;
  let left = parseAtom(cursor);
  for (;;) {
    if (cursor.accept('.')) {
      const name = cursor.expectName('a name behind the dot');
      left = cursor.grown(
        { kind: 'attribute', object: left, name: name.text, nameSpan: name.span, span: cursor.spanFrom(start) },
        left,
      );
    } else if (cursor.at('(')) {
      const callArguments = parseArguments(cursor);
      left = cursor.grown(
        { kind: 'call', function: left, arguments: callArguments, span: cursor.spanFrom(start) },
        left,
        ...callArguments.map((argument) => argument.value),
      );
    } else if (cursor.at('[')) {
      cursor.advance();
      const index = parseIndex(cursor);
      closeBracket(cursor, ']');
      left = cursor.grown({ kind: 'subscript', object: left, index, span: cursor.spanFrom(start) }, left, index);
    } else return left;
  }
}

function parseIndex(cursor: Cursor): Expression {
  const start = cursor.token.span;
  const items: Expression[] = [];
  let comma = false;
  do {
    if (comma && cursor.at(']')) break;
    items.push(parseSliceOrExpression(cursor));
    comma = cursor.at(',');
  } while (cursor.accept(','));
  if (items.length === 1 && !comma) return items[0]!;
  return cursor.grown({ kind: 'tuple', items, span: cursor.spanFrom(start) }, ...items);
}

function parseSliceOrExpression(cursor: Cursor): Expression {
  const start = cursor.token.span;
  const first = cursor.at(':') ? undefined : parseStarred(cursor);
  if (!cursor.at(':')) return first!;
  const parts: (Expression | undefined)[] = [];
  for (let colons = 0; colons < 2 && cursor.accept(':'); colons++) {
    parts.push(cursor.at(':') || cursor.at(',') || cursor.at(']') ? undefined : parseExpression(cursor));
  }
  const [stop, step] = parts;
  const node: Slice = {
    kind: 'slice',
    ...(first ? { start: first } : {}),
    ...(stop ? { stop } : {}),
    ...(step ? { step } : {}),
    span: cursor.spanFrom(start),
  };
  return cursor.grown(node, ...[first, stop, step].filter((each) => each !== undefined));
}

/** The arguments of a call, brackets included. */
export function parseArguments(cursor: Cursor): readonly CallArgument[] {
  cursor.expect('(');
  const found: CallArgument[] = [];
  const names = new Set<string>();
  let unpacked = false;
  while (!cursor.at(')')) {
    const start = cursor.token;
    if (cursor.at('*') || cursor.at('**')) {
      const stars = cursor.advance();
      parseExpression(cursor);
      unpacked ||= stars.text === '**';
      unsupported(cursor, `unpacking with \`${stars.text}\` is`, start.span);
    } else {
      const value = parseExpression(cursor, true);
      if (value.kind === 'name' && start.kind === 'name' && cursor.at('=')) {
        cursor.advance();
        const given = parseExpression(cursor);
        if (names.has(value.name)) cursor.fault(`keyword argument repeated: ${value.name}`, value.span);
        names.add(value.name);
        found.push({ name: value.name, value: given, span: cursor.spanFrom(start.span) });
      } else if (cursor.at('=')) {
        cursor.fault("invalid syntax. Maybe you meant '==' instead of '='?");
      } else {
        if (names.size > 0) cursor.fault('positional argument follows keyword argument', value.span);
        if (unpacked) cursor.fault('positional argument follows keyword argument unpacking', value.span);
        const alone = found.length === 0;
        if (cursor.at('for') || cursor.at('async')) {
          skipComprehension(cursor, grammar, 'generator expressions are', start.span);
          if (!alone || !cursor.at(')')) cursor.fault('a generator expression must be put in parentheses', value.span);
        }
        found.push({ value, span: cursor.spanFrom(start.span) });
      }
    }
    // Pixie's parser does without the comma in front of a keyword argument on a line of its own, and its users have come to.
    const forgotten = names.size > 0 && cursor.token.kind === 'name' && cursor.token.firstOnLine;
    if (cursor.accept(',')) continue;
    if (!forgotten) break;
    cursor.lenient = true;
  }
  closeBracket(cursor, ')');
  return found;
}

function parseAtom(cursor: Cursor): Expression {
  const token = cursor.token;
  switch (token.kind) {
    case 'name':
      cursor.advance();
      return { kind: 'name', name: token.text, span: token.span };
    case 'int':
      cursor.advance();
      return { kind: 'int', value: token.value as bigint, span: token.span };
    case 'float':
      cursor.advance();
      return { kind: 'float', value: token.value as number, span: token.span };
    case 'imaginary':
      cursor.advance();
      return unsupported(cursor, 'complex numbers are', token.span);
    case 'string':
    case 'bytes':
    case 'fstring':
      return parseStrings(cursor, grammar);
    case 'keyword':
      return parseKeyword(cursor, token);
    case 'operator':
      if (cursor.at('(')) return parseParenthesis(cursor);
      if (cursor.at('[')) return parseList(cursor, grammar);
      if (cursor.at('{')) return parseBraces(cursor, grammar);
      if (cursor.accept('...')) return unsupported(cursor, '`...` is', token.span);
      return cursor.fault(`invalid syntax: \`${token.text}\` cannot stand here${instead(token.text)}`);
    default:
      return cursor.fault(`expected an expression but found ${cursor.describe()}`);
  }
}

/** `&&` is two of what is `and`. */
function instead(operator: string): string {
  const other = missing[operator];
  return other === undefined ? '' : `: ${other}`;
}

function parseKeyword(cursor: Cursor, token: Token): Expression {
  if (token.text === 'True' || token.text === 'False' || token.text === 'None') {
    cursor.advance();
    return { kind: 'constant', value: token.text === 'None' ? null : token.text === 'True', span: token.span };
  }
  return cursor.fault(`invalid syntax: the keyword \`${token.text}\` cannot stand here`);
}

/** `yield` is an expression of its own kind that may stand in parentheses, behind `=` and alone. */
export function parseYield(cursor: Cursor): Expression {
  const start = cursor.expect('yield').span;
  if (cursor.accept('from')) parseExpression(cursor);
  else if (startsExpression(cursor)) parseExpressionList(cursor);
  return unsupported(cursor, '`yield` is', start);
}

function parseParenthesis(cursor: Cursor): Expression {
  const start = cursor.advance().span;
  if (cursor.accept(')')) return { kind: 'tuple', items: [], span: cursor.spanFrom(start) };
  if (cursor.at('yield')) {
    const value = parseYield(cursor);
    closeBracket(cursor, ')');
    return value;
  }
  const first = parseStarred(cursor);
  if (cursor.at('for') || cursor.at('async')) {
    const node = skipComprehension(cursor, grammar, 'generator expressions are', start);
    closeBracket(cursor, ')');
    return node;
  }
  if (!cursor.at(',')) {
    closeBracket(cursor, ')');
    if (first.kind === 'unsupported' && first.what.startsWith('unpacking')) {
      cursor.fault('cannot use starred expression here', first.span);
    }
    let group = parenthesised.get(cursor);
    if (!group) parenthesised.set(cursor, (group = new WeakSet()));
    group.add(first);
    return first;
  }
  const items = [first];
  while (cursor.accept(',')) {
    if (cursor.at(')')) break;
    items.push(parseStarred(cursor));
  }
  closeBracket(cursor, ')');
  return cursor.grown({ kind: 'tuple', items, span: cursor.spanFrom(start) }, ...items);
}
