import type { Cursor } from './cursor.ts';
import type { Grammar } from './grammar.ts';
import type { Expression, Lambda, Parameter } from './tree.ts';

/** `lambda a, b=1: a + b` */
export function parseLambda(cursor: Cursor, grammar: Grammar): Expression {
  const start = cursor.expect('lambda').span;
  const parameters: Parameter[] = [];
  const names = new Set<string>();
  let defaults = false;
  let starred = false;
  while (!cursor.at(':')) {
    const at = cursor.token.span;
    const star = cursor.accept('*') ?? cursor.accept('**') ?? cursor.accept('/');
    if (star) {
      starred = true;
      cursor.unsupported(`\`${star.text}\` in the parameters of a lambda is`, star.span);
    }
    if (!star || (star.text !== '/' && cursor.is('name'))) {
      const name = cursor.expectName('a parameter');
      if (names.has(name.text)) cursor.fault(`duplicate argument '${name.text}' in function definition`, name.span);
      names.add(name.text);
      const value = !star && cursor.accept('=') ? grammar.expression(cursor) : undefined;
      if (value) defaults = true;
      else if (defaults && !starred) cursor.fault('non-default argument follows default argument', name.span);
      if (!star) parameters.push({ name: name.text, ...(value ? { default: value } : {}), span: cursor.spanFrom(at) });
    }
    if (!cursor.accept(',')) break;
  }
  cursor.expect(':', ' in a lambda');
  const body = grammar.expression(cursor);
  const node: Lambda = { kind: 'lambda', parameters, body, span: cursor.spanFrom(start) };
  return cursor.grown(node, body);
}
