import type { Span } from '#base';
import type { Cursor } from './cursor.ts';
import type { Grammar } from './grammar.ts';
import { unsupported } from './refused.ts';
import type { Name } from './tree.ts';

/** The names behind `for`; what else Python takes there is refused. */
export function parseForTargets(cursor: Cursor, grammar: Grammar): Name[] {
  const start = cursor.token.span;
  const bracket = cursor.at('(') || cursor.at('[') ? cursor.advance() : undefined;
  const names: Name[] = [];
  do {
    if (names.length > 0 && (cursor.at('in') || cursor.at(')') || cursor.at(']'))) break;
    if (!cursor.is('name')) return unreadTargets(cursor, bracket !== undefined, start, grammar);
    const { text, span } = cursor.advance();
    names.push({ kind: 'name', name: text, span });
  } while (cursor.accept(','));
  if (bracket) cursor.expect(bracket.text === '(' ? ')' : ']');
  if (!cursor.at('in')) return unreadTargets(cursor, false, start, grammar);
  return names;
}

function unreadTargets(cursor: Cursor, bracket: boolean, start: Span, grammar: Grammar): Name[] {
  if (bracket || !(cursor.at('*') || cursor.at('.') || cursor.at('[') || cursor.at('('))) {
    return cursor.fault(`expected the name of a variable but found ${cursor.describe()}`);
  }
  skipTargets(cursor, grammar);
  unsupported(cursor, 'anything but names behind `for` is', start);
  return [];
}

/** Any targets at all, of what is refused as a whole. */
export function skipTargets(cursor: Cursor, grammar: Grammar): void {
  do {
    if (cursor.at('in')) break;
    cursor.accept('*');
    grammar.operand(cursor);
  } while (cursor.accept(','));
}
