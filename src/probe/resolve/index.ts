export { resolveExpression, type Scope, type TypedExpression } from './expression.ts';
export { resolveFunction } from './function.ts';
export { resolveProbe } from './probe.ts';
export type { Access, ResolvedColumn, ResolvedProbe, ResolvedValue } from './resolved.ts';
