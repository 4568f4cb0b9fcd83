import type { Diagnostic, Span } from '#base';
import { Abandoned, Cursor } from './cursor.ts';
import { parseExpression, parseExpressionList, parseLoopTargets, parseYield } from './expressions.ts';
import { joined } from './token.ts';
import type {
  Binary,
  BinaryOperator,
  Expression,
  For,
  FunctionDefinition,
  If,
  ImportedName,
  Jump,
  Parameter,
  Script,
  Statement,
  Target,
  Unpacking,
} from './tree.ts';

/** A script's tree, whole or with `invalid` statements where `diagnostics` tell of faults. */
export interface Parsed {
  readonly source: string;
  readonly tree: Script;
  /** Something was accepted that is no Python: a comma left out between arguments on lines of their own. */
  readonly lenient: boolean;
  /** `pxl.syntax`: not Python. `pxl.unsupported`: Python, but not PxL. In order of place. */
  readonly diagnostics: readonly Diagnostic[];
}

const compound: Record<string, string> = {
  while: '`while` loops are',
  with: '`with` statements are',
  try: '`try` statements are',
  class: 'classes are',
  async: '`async` is',
  match: '`match` statements are',
};
/** Blocks that continue another: skipped with it. */
const continuations = new Set(['elif', 'else', 'except', 'finally']);
const simple: Record<string, string> = {
  del: '`del` is',
  assert: '`assert` is',
  raise: '`raise` is',
  global: '`global` is',
  nonlocal: '`nonlocal` is',
};
const augmented = new Set(['+=', '-=', '*=', '/=', '//=', '%=', '**=', '@=', '&=', '|=', '^=', '<<=', '>>=']);

/** Parses a PxL script. Never throws; always gives a tree. */
export function parse(source: string): Parsed {
  const cursor = new Cursor(source);
  const body: Statement[] = [];
  while (!cursor.is('end')) statementLine(cursor, body);
  const span: Span = { start: 0, end: source.length, line: 1, column: 1 };
  const docstring = leadingString(body);
  const tree: Script = { kind: 'script', body, span, ...(docstring === undefined ? {} : { docstring }) };
  const diagnostics = [...cursor.diagnostics].sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
  return { source, tree, lenient: cursor.lenient, diagnostics };
}

function leadingString(body: readonly Statement[]): string | undefined {
  const first = body[0];
  return first?.kind === 'expression' && first.value.kind === 'string' ? first.value.value : undefined;
}

/** One logical line (several statements with `;`) or one compound statement. Always moves on. */
function statementLine(cursor: Cursor, body: Statement[]): void {
  const start = cursor.token.span;
  cursor.beginStatement();
  if (cursor.is('newline') || cursor.is('dedent')) {
    cursor.advance();
    return;
  }
  if (cursor.is('indent')) {
    cursor.unexpectedIndent(start);
    skipBlock(cursor);
    return;
  }
  try {
    if (cursor.at('def') || cursor.at('@')) body.push(cursor.nested(() => functionDefinition(cursor)));
    else if (cursor.at('if')) body.push(cursor.nested(() => ifStatement(cursor)));
    else if (cursor.at('for')) body.push(cursor.nested(() => forStatement(cursor)));
    else if (cursor.is('keyword') && cursor.token.text in compound) skipCompound(cursor, body);
    else if (atMatch(cursor)) skipCompound(cursor, body);
    else simpleLine(cursor, body);
  } catch (thrown) {
    if (!(thrown instanceof Abandoned)) throw thrown;
    do {
      cursor.skipLine();
      if (cursor.is('indent')) skipBlock(cursor);
    } while (cursor.is('keyword') && continuations.has(cursor.token.text));
    body.push({ kind: 'invalid', span: cursor.spanFrom(start) });
  }
}

function ifStatement(cursor: Cursor): If {
  const head = cursor.advance();
  const test = parseExpression(cursor, true);
  cursor.expect(':', ` behind the condition of \`${head.text}\``);
  const body: Statement[] = [];
  block(cursor, body, `\`${head.text}\` on line ${head.span.line}`);
  const otherwise: Statement[] = [];
  if (cursor.at('elif')) otherwise.push(cursor.nested(() => ifStatement(cursor)));
  else if (cursor.at('else')) {
    const { span } = cursor.advance();
    cursor.expect(':', ' behind `else`');
    block(cursor, otherwise, `\`else\` on line ${span.line}`);
  }
  return { kind: 'if', test, body, otherwise, span: cursor.spanFrom(head.span) };
}

function forStatement(cursor: Cursor): For {
  const head = cursor.expect('for');
  const targets = parseLoopTargets(cursor);
  cursor.expect('in', ' behind the variable of `for`');
  const iterable = parseExpressionList(cursor);
  cursor.expect(':', ' behind the head of `for`');
  const body: Statement[] = [];
  cursor.loopDepth++;
  try {
    block(cursor, body, `\`for\` on line ${head.span.line}`);
  } finally {
    cursor.loopDepth--;
  }
  const other = cursor.accept('else');
  if (other) {
    cursor.unsupported('`else` behind `for` is', other.span);
    cursor.expect(':', ' behind `else`');
    block(cursor, [], `\`else\` on line ${other.span.line}`);
  }
  return { kind: 'for', targets, iterable, body, span: cursor.spanFrom(head.span) };
}

function simpleLine(cursor: Cursor, body: Statement[]): void {
  do {
    if (cursor.is('newline') || cursor.is('end')) break;
    body.push(simpleStatement(cursor));
  } while (cursor.accept(';'));
  if (cursor.is('newline')) cursor.advance();
  else if (!cursor.is('end')) cursor.fault(afterStatement(cursor));
}

function afterStatement(cursor: Cursor): string {
  return `invalid syntax: ${cursor.describe()} cannot stand behind a finished statement`;
}

function simpleStatement(cursor: Cursor): Statement {
  const start = cursor.token;
  if (cursor.at('import')) return importStatement(cursor);
  if (cursor.at('from')) return fromImport(cursor);
  if (cursor.at('return')) return returnStatement(cursor);
  if (cursor.accept('pass')) return { kind: 'pass', span: start.span };
  if (cursor.accept('break')) return jump(cursor, 'break', start.span);
  if (cursor.accept('continue')) return jump(cursor, 'continue', start.span);
  if (start.kind === 'keyword' && start.text in simple) {
    cursor.unsupported(simple[start.text]!, start.span);
    return unread(cursor, start.span);
  }
  return expressionOrAssignment(cursor);
}

function jump(cursor: Cursor, kind: Jump['kind'], span: Span): Jump {
  if (cursor.loopDepth === 0) {
    cursor.fault(kind === 'break' ? "'break' outside loop" : "'continue' not properly in loop", span);
  }
  return { kind, span };
}

/** Skips the rest of a simple statement that was refused. */
function unread(cursor: Cursor, start: Span): Statement {
  while (!/^(newline|end|indent|dedent)$/.test(cursor.token.kind) && !(cursor.at(';') && cursor.token.depth === 0)) {
    cursor.advance();
  }
  if (cursor.is('end') && cursor.token.depth > 0) cursor.fault('unexpected end');
  return { kind: 'invalid', span: cursor.spanFrom(start) };
}

function expressionOrAssignment(cursor: Cursor): Statement {
  const start = cursor.token.span;
  const first = cursor.at('yield') ? parseYield(cursor) : parseExpressionList(cursor);
  if (cursor.at(':')) {
    checkTarget(cursor, first, 'annotate');
    cursor.advance();
    parseExpression(cursor);
    if (cursor.accept('=')) parseExpressionList(cursor);
    cursor.unsupported('annotated assignments (`a: int = 1`) are', cursor.spanFrom(start), 'write `a = 1`');
    return { kind: 'invalid', span: cursor.spanFrom(start) };
  }
  if (cursor.is('operator') && augmented.has(cursor.token.text)) {
    const operator = cursor.token;
    checkTarget(cursor, first, 'assign to');
    cursor.advance();
    const right = cursor.at('yield') ? parseYield(cursor) : parseExpressionList(cursor);
    const span = cursor.spanFrom(start);
    const sign = operator.text.slice(0, -1);
    if (!isArithmetic(sign)) cursor.unsupported(`\`${operator.text}\` is`, operator.span, `write \`a = a ${sign} b\``);
    else if (isTarget(first)) {
      const value: Binary = { kind: 'binary', operator: sign, operatorSpan: operator.span, left: first, right, span };
      return { kind: 'assignment', target: first, value: cursor.grown(value, first, right), span };
    }
    return { kind: 'invalid', span };
  }
  if (!cursor.at('=')) return { kind: 'expression', value: first, span: first.span };
  const targets: Expression[] = [];
  let value = first;
  while (cursor.at('=')) {
    checkTarget(cursor, value, 'assign to');
    targets.push(value);
    cursor.advance();
    value = cursor.at('yield') ? parseYield(cursor) : parseExpressionList(cursor);
  }
  const span = cursor.spanFrom(start);
  const [target] = targets;
  if (targets.length === 1 && target !== undefined && isTarget(target))
    return { kind: 'assignment', target, value, span };
  const lists: Unpacking['targets'][number][] = [];
  for (const each of targets) {
    const whole = each.kind !== 'tuple' && each.kind !== 'list';
    const names = (whole ? [each] : each.items).filter(isTarget);
    if (names.length !== (whole ? 1 : each.items.length)) {
      if (!whole)
        cursor.unsupported('assignment to names inside each other is', each.span, 'write one assignment a line');
      return { kind: 'invalid', span };
    }
    lists.push({ names, whole });
  }
  return { kind: 'unpacking', targets: lists, value, span };
}

function isTarget(node: Expression): node is Target {
  return node.kind === 'name' || node.kind === 'attribute' || node.kind === 'subscript';
}

function isArithmetic(sign: string): sign is BinaryOperator {
  return /^(\+|-|\*|\/|%|\/\/|\*\*)$/.test(sign);
}

const unassignable: Partial<Record<Expression['kind'], string>> = {
  int: 'a literal',
  float: 'a literal',
  string: 'a literal',
  dict: 'a dictionary',
  call: 'the result of a call',
  unary: 'an expression',
  binary: 'an expression',
  logical: 'an expression',
  comparison: 'a comparison',
  membership: 'a comparison',
  conditional: 'a conditional expression',
  comprehension: 'a comprehension',
  format: 'an f-string expression',
  lambda: 'a lambda',
};

function checkTarget(cursor: Cursor, target: Expression, verb: string): void {
  if (target.kind === 'tuple' || target.kind === 'list') {
    if (verb === 'assign to' && cursor.at('=')) {
      for (const item of target.items) checkTarget(cursor, item, verb);
      return;
    }
    cursor.fault(`cannot ${verb} a ${target.kind}`, target.span);
  }
  if (target.kind === 'constant') {
    const name = target.value === null ? 'None' : target.value ? 'True' : 'False';
    cursor.fault(`cannot ${verb} ${name}`, target.span);
  }
  const what = unassignable[target.kind];
  if (what) {
    cursor.fault(`cannot ${verb} ${what} here. Maybe you meant '==' instead of '='?`, target.span);
  }
  if (target.kind === 'unsupported' && !target.what.startsWith('unpacking')) {
    cursor.fault(`cannot ${verb} this expression`, target.span);
  }
}

function dottedName(cursor: Cursor): { readonly text: string; readonly span: Span } {
  const first = cursor.expectName('the name of a module');
  let text = first.text;
  while (cursor.accept('.')) text += `.${cursor.expectName('a name behind the dot').text}`;
  return { text, span: cursor.spanFrom(first.span) };
}

function importStatement(cursor: Cursor): Statement {
  const start = cursor.expect('import').span;
  const modules: ImportedName[] = [];
  do {
    const { text, span } = dottedName(cursor);
    modules.push({ name: text, ...aliasOf(cursor), span });
  } while (cursor.accept(','));
  return { kind: 'import', modules, span: cursor.spanFrom(start) };
}

function aliasOf(cursor: Cursor): { readonly alias?: string } {
  return cursor.accept('as') ? { alias: cursor.expectName('a name').text } : {};
}

function fromImport(cursor: Cursor): Statement {
  const start = cursor.expect('from').span;
  const dots = cursor.token;
  if (cursor.at('.') || cursor.at('...')) {
    cursor.unsupported('relative imports are', dots.span);
    return unread(cursor, start);
  }
  const module = dottedName(cursor);
  cursor.expect('import', ' behind the name of the module');
  if (cursor.at('*')) {
    const star = cursor.advance();
    if (cursor.functionDepth > 0) cursor.fault('import * is only allowed at module level', star.span);
    cursor.unsupported('`import *` is', star.span, `write \`import ${module.text}\``);
    return { kind: 'invalid', span: cursor.spanFrom(start) };
  }
  const names: ImportedName[] = [];
  const bracket = cursor.accept('(');
  do {
    if (bracket && names.length > 0 && cursor.at(')')) break;
    const name = cursor.expectName('a name to import');
    names.push({ name: name.text, ...aliasOf(cursor), span: name.span });
  } while (cursor.accept(','));
  if (bracket) cursor.expect(')');
  else if (cursor.previous.text === ',') cursor.fault('a trailing comma needs parentheses around the names');
  return {
    kind: 'from',
    module: module.text,
    moduleSpan: module.span,
    names,
    span: cursor.spanFrom(start),
  };
}

function returnStatement(cursor: Cursor): Statement {
  const start = cursor.expect('return').span;
  if (cursor.functionDepth === 0) cursor.fault("'return' outside function", start);
  if (cursor.is('newline') || cursor.is('end') || cursor.at(';')) return { kind: 'return', span: start };
  const value = parseExpressionList(cursor);
  return { kind: 'return', value, span: joined(start, value.span) };
}

function functionDefinition(cursor: Cursor): Statement {
  const start = cursor.token.span;
  const decorators: Expression[] = [];
  while (cursor.accept('@')) {
    decorators.push(parseExpression(cursor, true));
    if (!cursor.is('newline')) cursor.fault(`expected the end of the line but found ${cursor.describe()}`);
    cursor.advance();
  }
  if (decorators.length > 0 && (cursor.at('class') || cursor.at('async'))) {
    const body: Statement[] = [];
    skipCompound(cursor, body);
    return body[0]!;
  }
  const def =
    cursor.accept('def') ?? cursor.fault(`expected \`def\` behind a decorator but found ${cursor.describe()}`);
  const name = cursor.expectName('the name of a function');
  const parameters = parseParameters(cursor);
  const returns = cursor.accept('->') ? parseExpression(cursor) : undefined;
  cursor.expect(':', ' behind the head of the function');
  const head = cursor.spanFrom(start);
  cursor.functionDepth++;
  const { loopDepth } = cursor;
  cursor.loopDepth = 0;
  const body: Statement[] = [];
  try {
    block(cursor, body, `the function definition on line ${def.span.line}`);
  } finally {
    cursor.functionDepth--;
    cursor.loopDepth = loopDepth;
  }
  const docstring = leadingString(body);
  const node: FunctionDefinition = {
    kind: 'function',
    name: name.text,
    nameSpan: name.span,
    decorators,
    parameters,
    ...(returns ? { returns } : {}),
    ...(docstring === undefined ? {} : { docstring }),
    body,
    span: joined(head, body.at(-1)?.span ?? head),
  };
  return node;
}

/** The statements behind a head; `head` names it in a message. */
function block(cursor: Cursor, body: Statement[], head: string): void {
  if (!cursor.is('newline')) {
    if (cursor.is('keyword') && (cursor.token.text in compound || /^(def|if|for)$/.test(cursor.token.text))) {
      cursor.fault(`\`${cursor.token.text}\` must begin a line of its own`);
    }
    if (cursor.is('end')) cursor.fault('expected a statement but found the end of the script');
    if (cursor.at(';')) cursor.fault('invalid syntax: `;` cannot stand here');
    simpleLine(cursor, body);
    return;
  }
  cursor.advance();
  if (!cursor.is('indent')) {
    cursor.fault(`expected an indented block after ${head}`);
  }
  cursor.advance();
  // Abandoned statements recover inside statementLine, so only the end of the block or of the script ends this loop.
  while (!cursor.is('dedent') && !cursor.is('end')) statementLine(cursor, body);
  if (cursor.is('dedent')) cursor.advance();
}

function parseParameters(cursor: Cursor): Parameter[] {
  cursor.expect('(', ' behind the name of the function');
  const found: Parameter[] = [];
  const names = new Set<string>();
  let defaults = false;
  let starred = false;
  while (!cursor.at(')')) {
    const start = cursor.token.span;
    const star = cursor.accept('*') ?? cursor.accept('**') ?? cursor.accept('/');
    if (star) {
      cursor.unsupported(
        star.text === '/'
          ? 'positional-only parameters are'
          : `variable length ${star.text === '*' ? 'args' : 'kwargs'} are`,
        star.span,
      );
      starred = true;
    }
    if (!star || (star.text !== '/' && cursor.is('name'))) {
      const name = cursor.expectName('a parameter');
      if (names.has(name.text)) cursor.fault(`duplicate argument '${name.text}' in function definition`, name.span);
      names.add(name.text);
      const annotation = cursor.accept(':') ? parseExpression(cursor) : undefined;
      const value = !star && cursor.accept('=') ? parseExpression(cursor) : undefined;
      if (value) defaults = true;
      else if (defaults && !starred) cursor.fault('non-default argument follows default argument', name.span);
      if (!star) {
        found.push({
          name: name.text,
          ...(annotation ? { annotation } : {}),
          ...(value ? { default: value } : {}),
          span: cursor.spanFrom(start),
        });
      }
    }
    if (!cursor.accept(',')) break;
  }
  if (!cursor.accept(')')) cursor.fault(`expected ',' or ')' but found ${cursor.describe()}`);
  return found;
}

/** `match` is a name as well: the statement has a subject behind it on its line, and a colon at the end. */
function atMatch(cursor: Cursor): boolean {
  if (!cursor.is('name') || cursor.token.text !== 'match') return false;
  const line = cursor.tokenizer.source.slice(cursor.token.span.start).split('\n', 1)[0]!;
  return /^match\s+[\w'"([{][^=]*:\s*(#.*)?$/.test(line);
}

/** Refuses a compound statement by name and skips it with its block and the blocks that continue it. */
function skipCompound(cursor: Cursor, body: Statement[]): void {
  const start = cursor.token.span;
  cursor.unsupported(compound[cursor.token.text]!, start);
  do {
    cursor.skipLine();
    if (cursor.is('indent')) skipBlock(cursor);
  } while (cursor.is('keyword') && continuations.has(cursor.token.text));
  body.push({ kind: 'invalid', span: cursor.spanFrom(start) });
}

/** At an indent token: skips to behind its dedent. */
function skipBlock(cursor: Cursor): void {
  let depth = 0;
  do {
    if (cursor.is('indent')) depth++;
    else if (cursor.is('dedent')) depth--;
    else if (cursor.is('end')) return;
    cursor.advance();
  } while (depth > 0);
}
