import type { Cursor } from './cursor.ts';

/** Whether an expression can begin here. */
export function startsExpression(cursor: Cursor): boolean {
  const { kind, text } = cursor.token;
  if (kind === 'keyword') return /^(True|False|None|not|lambda|await|yield)$/.test(text);
  if (kind === 'operator') return /^([-+~([{*]|\.\.\.)$/.test(text);
  return kind !== 'newline' && kind !== 'indent' && kind !== 'dedent' && kind !== 'end';
}

/** The end of a bracket, behind the last of what it holds. */
export function closeBracket(cursor: Cursor, text: string): void {
  if (cursor.accept(text)) return;
  if (cursor.at('=')) cursor.fault("invalid syntax. Maybe you meant '==' or ':=' instead of '='?");
  if (startsExpression(cursor) && !cursor.at('*')) cursor.fault('invalid syntax. Perhaps you forgot a comma?');
  cursor.fault(`expected '${text}' or ',' but found ${cursor.describe()}`);
}
