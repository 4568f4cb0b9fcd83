import type { Diagnostic, Span } from '#base';
import type { AggregatedValue, AggregateFunction } from '#model';
import { resolveExpression, type Scope } from './expression.ts';
import { type ColumnForm, durationForm, intForm, textForm } from './leaf.ts';
import type { ResolvedAggregate } from './resolved.ts';

/** What a probe adds up in the kernel, and the column that it gets. */
export function resolveAggregate(
  fn: AggregateFunction,
  of: AggregatedValue | undefined,
  scope: Omit<Scope, 'side'>,
):
  | { readonly ok: true; readonly aggregate: ResolvedAggregate; readonly form: ColumnForm }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] } {
  if (of === undefined) return { ok: true, aggregate: { function: fn, unsigned: false }, form: intForm };
  if (of.kind === 'latency') {
    if (fn === 'top_keys')
      return { ok: false, diagnostics: [wrong('hardly two latencies are equal: take Histogram()')] };
    const aggregate = { function: fn, of: { from: 'latency' as const }, unsigned: false };
    return { ok: true, aggregate, form: formOf(fn, durationForm) };
  }
  const typed = resolveExpression(of.text, { ...scope, side: of.kind }, of.span);
  if (!typed.ok) return typed;
  const { kind } = typed.value;
  const isNumber = kind === 'int' || kind === 'uint' || kind === 'bool';
  const isKey = isNumber || kind === 'string' || kind === 'address';
  if (kind !== 'missing' && !(fn === 'top_keys' ? isKey : isNumber)) {
    const why = kind === 'float' ? 'the kernel does not calculate with floating-point numbers' : 'it is no number';
    return { ok: false, diagnostics: [wrong(`${fn} of '${of.text}' cannot be had: ${why}`, of.span)] };
  }
  const from = of.kind === 'argument' ? ('entry' as const) : ('return' as const);
  const aggregate = { function: fn, of: { from, value: typed.value }, unsigned: typed.form.unsigned === true };
  return { ok: true, aggregate, form: formOf(fn, typed.form.type === 'BOOLEAN' ? intForm : typed.form) };
}

/** Histograms and lists of keys are JSON. */
function formOf(fn: AggregateFunction, of: ColumnForm): ColumnForm {
  return fn === 'histogram' || fn === 'top_keys' ? textForm : of;
}

function wrong(message: string, span?: Span): Diagnostic {
  return { id: 'probe.no-aggregate', message, ...(span === undefined ? {} : { span }) };
}
