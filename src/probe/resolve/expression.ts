import type { Diagnostic, Span } from '#base';
import type { GoSignature } from '#gobin';
import { parseExpression } from '#goexpr';
import type { BinaryView } from '../binary.ts';
import { type Computation, leavesOf, mapLeaves } from '../computation/index.ts';
import type { TypeGraphBuilder } from '../graph/index.ts';
import { defaultType } from './constants.ts';
import { type ColumnForm, columnForm, leaf, scalarForm } from './leaf.ts';
import type { Operand } from './operand.ts';
import type { ConditionLeaf, ResolvedValue } from './resolved.ts';
import { Typing } from './typing.ts';

/** Where an expression is typed: a function's variables, and which of them it may name. */
export interface Scope {
  readonly function: string;
  readonly signature: GoSignature;
  /** A condition may name arguments (as they were at the entry), results, and how the call ended. */
  readonly side: 'argument' | 'result' | 'condition';
  readonly binary: Pick<
    BinaryView,
    'type' | 'dynamicTypes' | 'packageVariable' | 'constants' | 'hasDebugInfo' | 'runtime'
  >;
  /** Collects the types of the tracepoint's structured values. */
  readonly graph: TypeGraphBuilder;
  /** It is a line of the function: its variables are those that are in scope there, and there is no call. */
  readonly line?: string | undefined;
}

export type TypedExpression =
  | { readonly ok: true; readonly value: ResolvedValue; readonly form: ColumnForm }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

export type TypedCondition =
  | { readonly ok: true; readonly condition: Computation<ConditionLeaf> }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Parses and types `text`; what is wrong becomes diagnostics that name what there is. */
export function resolveExpression(text: string, scope: Scope, span?: Span): TypedExpression {
  const found = typed(text, scope, span);
  if (!found.ok) return found;
  const { operand, typing } = found;
  if (operand.kind === 'nil') {
    typing.fail('probe.mismatched-types', "'nil' alone has no type", []);
    return { ok: false, diagnostics: typing.found };
  }
  return { ok: true, ...columnValue(operand, scope) };
}

/** As `resolveExpression`, for a condition on calls: it must be a bool. */
export function resolveCondition(text: string, scope: Scope, span?: Span): TypedCondition {
  const found = typed(text, scope, span);
  if (!found.ok) return found;
  const made = found.typing.computed(found.operand, found.text);
  if (made === undefined) return { ok: false, diagnostics: found.typing.found };
  const [missing] = leavesOf(made.computation).flatMap((each) => ('value' in each ? (reasonOf(each.value) ?? []) : []));
  if (missing !== undefined) {
    found.typing.fail('probe.not-a-condition', `'${found.text}' could never be decided: ${missing}`, []);
    return { ok: false, diagnostics: found.typing.found };
  }
  if (made.computation.type.kind === 'bool') return { ok: true, condition: made.computation };
  found.typing.fail('probe.not-a-condition', `'${found.text}' is of type ${made.name}: a condition must be a bool`, [
    'compare it: n > 1000, err != nil, name == "x"',
  ]);
  return { ok: false, diagnostics: found.typing.found };
}

/** Why a value is never there, if so. */
function reasonOf(value: ResolvedValue): string | undefined {
  if (value.kind === 'missing')
    return value.variable === undefined ? value.reason : `${value.variable}: ${value.reason}`;
  const variable = 'access' in value ? value.access.variable : undefined;
  return variable !== undefined && 'unknown' in variable && variable.unknown !== undefined
    ? `${variable.name}: ${variable.unknown}`
    : undefined;
}

function typed(text: string, scope: Scope, span?: Span) {
  const parsed = parseExpression(text, span);
  if (!parsed.ok) {
    // A place in the expression's own text says nothing to one who looks at a script; the message names it.
    if (span !== undefined) return parsed;
    return { ok: false as const, diagnostics: parsed.diagnostics.map(({ span: _, ...diagnostic }) => diagnostic) };
  }
  const typing = new Typing(scope, text, span);
  const operand = typing.operand(parsed.expression);
  if (operand === undefined) return { ok: false as const, diagnostics: typing.found };
  return { ok: true as const, operand, typing, text };
}

/** What a column holds. The leaves of an expression that is no condition are all of one side. */
function columnValue(
  operand: Exclude<Operand, { kind: 'nil' }>,
  scope: Scope,
): { readonly value: ResolvedValue; readonly form: ColumnForm } {
  const { binary, graph } = scope;
  switch (operand.kind) {
    case 'place': {
      const type = binary.type(operand.type);
      return { value: leaf(operand.access, operand.type, binary, graph), form: columnForm(type) };
    }
    case 'part': {
      const { whole, steps, type } = operand;
      return { value: { kind: 'part', whole, steps, part: graph.add(type) }, form: columnForm(binary.type(type)) };
    }
    case 'value': {
      const computation = mapLeaves(operand.computation, valueOfLeaf);
      return { value: { kind: 'computed', computation }, form: scalarForm(computation.type, operand.name) };
    }
    case 'constant': {
      const { type, name } = defaultType(operand.value);
      const computation = { op: 'constant', type, value: operand.value } as const;
      return { value: { kind: 'computed', computation }, form: scalarForm(type, name) };
    }
  }
}

/** The value of a leaf whose side is known. */
export function valueOfLeaf(leaf: ConditionLeaf): ResolvedValue {
  return 'value' in leaf ? leaf.value : { kind: 'missing', reason: `$${leaf.from} is known in conditions only` };
}
