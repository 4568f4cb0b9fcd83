import type { Span } from '#base';
import { closeBracket } from './brackets.ts';
import type { Cursor } from './cursor.ts';
import type { Grammar } from './grammar.ts';
import { unsupported } from './refused.ts';
import { parseForTargets, skipTargets } from './targets.ts';
import type { Comprehension, DictDisplay, Expression } from './tree.ts';

/** `[a, b]`, or `[a for x in y if z]`. */
export function parseList(cursor: Cursor, grammar: Grammar): Expression {
  const start = cursor.advance().span;
  const items: Expression[] = [];
  while (!cursor.at(']')) {
    items.push(grammar.starred(cursor));
    if (items.length === 1 && cursor.at('for')) return comprehension(cursor, grammar, { item: items[0]! }, ']', start);
    if (items.length === 1 && cursor.at('async')) {
      const node = skipComprehension(cursor, grammar, 'asynchronous comprehensions are', start);
      closeBracket(cursor, ']');
      return node;
    }
    if (!cursor.accept(',')) break;
  }
  closeBracket(cursor, ']');
  return cursor.grown({ kind: 'list', items, span: cursor.spanFrom(start) }, ...items);
}

/** `{a: b}`, or `{a: b for x in y if z}`; sets are refused. */
export function parseBraces(cursor: Cursor, grammar: Grammar): Expression {
  const start = cursor.advance().span;
  const entries: { key: Expression; value: Expression }[] = [];
  let kind: 'dict' | 'set' | undefined;
  while (!cursor.at('}')) {
    const at = cursor.token.span;
    if (cursor.at('**')) {
      if (kind === 'set') cursor.fault('invalid syntax: `**` cannot stand in a set');
      kind = 'dict';
      cursor.advance();
      grammar.operand(cursor);
      unsupported(cursor, 'unpacking with `**` is', at);
    } else {
      const key = grammar.starred(cursor);
      if (kind === undefined) kind = cursor.at(':') ? 'dict' : 'set';
      if (kind === 'dict') {
        cursor.expect(':', ' behind the key of a dictionary');
        entries.push({ key, value: grammar.expression(cursor) });
      }
      if (kind === 'dict' && cursor.at('for') && entries.length === 1) {
        return comprehension(cursor, grammar, { key, item: entries[0]!.value }, '}', start);
      }
      if (cursor.at('for') || cursor.at('async')) {
        const node = skipComprehension(cursor, grammar, `${kind} comprehensions are`, start);
        closeBracket(cursor, '}');
        return node;
      }
    }
    if (!cursor.accept(',')) break;
  }
  closeBracket(cursor, '}');
  if (kind === 'set') return unsupported(cursor, 'sets are', start, 'write a list: [a, b]');
  const node: DictDisplay = { kind: 'dict', entries, span: cursor.spanFrom(start) };
  return cursor.grown(node, ...entries.flatMap((entry) => [entry.key, entry.value]));
}

/** What is behind the item of a comprehension that is refused as a whole. */
export function skipComprehension(cursor: Cursor, grammar: Grammar, what: string, start: Span): Expression {
  while (cursor.at('for') || cursor.at('async')) {
    cursor.accept('async');
    cursor.expect('for');
    skipTargets(cursor, grammar);
    cursor.expect('in', ' in a comprehension');
    grammar.operators(cursor);
    while (cursor.accept('if')) grammar.operators(cursor);
  }
  return unsupported(cursor, what, start);
}

function comprehension(
  cursor: Cursor,
  grammar: Grammar,
  made: Pick<Comprehension, 'key' | 'item'>,
  close: ']' | '}',
  start: Span,
): Expression {
  const head = cursor.expect('for');
  const targets = parseForTargets(cursor, grammar);
  cursor.expect('in', ' in a comprehension');
  const iterable = grammar.operators(cursor);
  const conditions: Expression[] = [];
  while (cursor.accept('if')) conditions.push(grammar.operators(cursor));
  if (cursor.at('for') || cursor.at('async')) {
    skipComprehension(cursor, grammar, 'comprehensions over several `for` are', head.span);
  }
  closeBracket(cursor, close);
  const span = cursor.spanFrom(start);
  const node: Comprehension = { kind: 'comprehension', ...made, targets, iterable, conditions, span };
  return cursor.grown(node, ...(made.key ? [made.key] : []), made.item, iterable, ...conditions);
}
