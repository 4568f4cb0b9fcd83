import { nearest, type Span } from '#base';
import type { Expression, FunctionDefinition, Lambda } from '#pxl';
import { builtinTypes } from './annotations.ts';
import { pythonHints } from './elsewhere.ts';
import { fault, suggestions } from './fault.ts';
import type { Scope, Value } from './value.ts';

const modules = ['px', 'pxtrace', 'pxviews'];

/** A lambda as the function that it stands for. */
export function lambdaDefinition(node: Lambda): FunctionDefinition {
  const { parameters, body, span } = node;
  const result = { kind: 'return', value: body, span: body.span } as const;
  return { kind: 'function', name: '<lambda>', nameSpan: span, decorators: [], parameters, body: [result], span };
}

/** How a callee is called in messages. */
export function nameOf(callee: Expression): string {
  if (callee.kind === 'name' || callee.kind === 'attribute') return callee.name;
  return 'function';
}

export function builtinType(name: string): Value | undefined {
  return Object.hasOwn(builtinTypes, name) ? builtinTypes[name] : undefined;
}

export function unknownName(name: string, span: Span, scope: Scope): never {
  const hints = modules.includes(name)
    ? [`add \`import ${name}\` at the top`]
    : pythonHints(name).length > 0
      ? pythonHints(name)
      : nearest(name, scope.visible()).length > 0
        ? suggestions(name, scope.visible(), 'names').slice(0, 1)
        : [];
  return fault('pxl.unknown-name', `name '${name}' is not defined`, span, hints);
}
