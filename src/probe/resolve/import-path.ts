/** Package-level variables by an import path without quotes. */
import { encodeUtf8 } from '#base';
import type { Expression } from '#goexpr';

import type { Typing } from './typing.ts';

/** `net/http.DefaultClient` parses as a division: the same with its import path as a quoted name, where it begins with no variable. */
export function importPathOf(typing: Typing, expression: Expression): Expression | undefined {
  const rewritten = withPath('', expression);
  if (rewritten === undefined || !/^[\p{L}_]/u.test(typing.text.slice(expression.start))) return undefined;
  const first = firstName(expression);
  if (first === undefined || typing.isVariable(first)) return undefined;
  return rewritten;
}

/** The name that an expression begins with. */
function firstName(expression: Expression): string | undefined {
  switch (expression.kind) {
    case 'name':
      return expression.name;
    case 'binary':
      return firstName(expression.left);
    case 'selector':
      return firstName(expression.operand);
    default:
      return undefined;
  }
}

/** The text of what may be the beginning of an import path: `github.com`, `net`, `a/b-c`. */
function pathText(expression: Expression): string | undefined {
  switch (expression.kind) {
    case 'name':
      return expression.name;
    case 'selector': {
      const operand = pathText(expression.operand);
      return operand && `${operand}.${expression.field}`;
    }
    case 'binary': {
      if (expression.operator !== '/' && expression.operator !== '-') return undefined;
      const [left, right] = [pathText(expression.left), pathText(expression.right)];
      return left && right && `${left}${expression.operator}${right}`;
    }
    default:
      return undefined;
  }
}

/** `path/…name.field` with the name replaced by the quoted import path; undefined: it has not that form. */
function withPath(path: string, expression: Expression): Expression | undefined {
  switch (expression.kind) {
    case 'name':
      if (path === '') return undefined;
      return { kind: 'string', bytes: encodeUtf8(path + expression.name), text: '', start: 0, end: 0 };
    case 'selector':
    case 'index':
    case 'slice': {
      const operand = withPath(path, expression.operand);
      return operand && { ...expression, operand };
    }
    case 'binary': {
      if (expression.operator !== '/' && expression.operator !== '-') return undefined;
      const left = pathText(expression.left);
      return left === undefined ? undefined : withPath(`${path}${left}${expression.operator}`, expression.right);
    }
    default:
      return undefined;
  }
}
