import type { Diagnostic, Span } from '#base';
import type { AggregatedValue, AggregateFunction } from '#model';
import type { NumberKind } from '../types.ts';
import { resolveExpression, type Scope } from './expression.ts';
import { keyRefusal, notInKernel, numberRefusal, type Refusal } from './key.ts';
import { type ColumnForm, durationForm, intForm, textForm } from './leaf.ts';
import type { ResolvedAggregate } from './resolved.ts';

/** What a probe adds up in the kernel, and the column that it gets; with mistakes, one without a value: of several functions another may have it. */
export function resolveAggregate(
  fn: AggregateFunction,
  of: AggregatedValue | undefined,
  scope: Omit<Scope, 'side'>,
): { readonly aggregate: ResolvedAggregate; readonly form: ColumnForm; readonly diagnostics: readonly Diagnostic[] } {
  const none = (diagnostics: readonly Diagnostic[], from: 'entry' | 'return') => {
    const value = { kind: 'missing' as const, reason: diagnostics[0]!.message };
    return {
      aggregate: { function: fn, of: { from, value }, number: 'int' as const },
      form: formOf(fn, intForm),
      diagnostics,
    };
  };
  if (of === undefined) return { aggregate: { function: fn, number: 'int' as const }, form: intForm, diagnostics: [] };
  if (of.kind === 'latency') {
    if (fn === 'top_keys') return none([wrong('hardly two latencies are equal: take Histogram()')], 'return');
    const aggregate = { function: fn, of: { from: 'latency' as const }, number: 'int' as const };
    return { aggregate, form: formOf(fn, durationForm), diagnostics: [] };
  }
  const typed = resolveExpression(of.text, { ...scope, side: of.kind }, of.span);
  const from = of.kind === 'argument' ? ('entry' as const) : ('return' as const);
  if (!typed.ok) return none(typed.diagnostics, from);
  const refusal = fn === 'top_keys' ? keyRefusal(typed.value) : numberRefusal(typed.value, typed.form);
  if (refusal !== undefined)
    return none(
      [wrong(`${fn} of '${of.text}'${refusal.anywhere ? ' cannot be had' : ''}: ${refusal.why}`, of.span, refusal)],
      from,
    );
  const aggregate = { function: fn, of: { from, value: typed.value }, number: numberKind(typed.form) };
  const form = formOf(fn, typed.form.type === 'BOOLEAN' ? intForm : typed.form);
  return { aggregate, form, diagnostics: [] };
}

function numberKind({ type, unsigned }: ColumnForm): NumberKind {
  return type === 'FLOAT64' ? 'float' : unsigned === true ? 'uint' : 'int';
}

/** Histograms and lists of keys are JSON. */
function formOf(fn: AggregateFunction, of: ColumnForm): ColumnForm {
  return fn === 'histogram' || fn === 'top_keys' ? textForm : of;
}

function wrong(message: string, span?: Span, refusal?: Refusal): Diagnostic {
  return {
    id: refusal?.anywhere === false ? notInKernel : 'probe.no-aggregate',
    message,
    ...(span === undefined ? {} : { span }),
  };
}
