import type { Diagnostic } from '#base';
import type { LogicalProbe } from '#model';
import type { Resolution } from '../types.ts';
import { resolveExpression, type Scope } from './expression.ts';
import { keyRefusal } from './key.ts';
import type { ResolvedSelection } from './resolved.ts';

/** Which calls a probe keeps, with its names looked up, but for `within`; undefined: all. */
export function resolveSelection(
  probe: LogicalProbe,
  scope: Omit<Scope, 'side'>,
): Resolution<ResolvedSelection | undefined> {
  const { calls } = probe;
  if (calls === undefined) return { ok: true, value: undefined };
  const { within: _, per, ...counts } = calls;
  const diagnostics: Diagnostic[] = [];
  const fail = (id: string, message: string, hints: readonly string[]) =>
    diagnostics.push({ id, message, hints, ...(probe.span === undefined ? {} : { span: probe.span }) });
  let selection: ResolvedSelection = counts;
  if (per !== undefined) {
    const typed = resolveExpression(per.text, { ...scope, side: 'argument' }, per.span);
    if (!typed.ok) diagnostics.push(...typed.diagnostics);
    else if (typed.value.kind === 'missing')
      fail('probe.no-key', `'${per.text}' is no key, because it is not captured: ${typed.value.reason}`, []);
    else {
      const refusal = keyRefusal(typed.value);
      if (refusal === undefined) selection = { ...selection, per: typed.value };
      else
        fail(
          'probe.no-key',
          `'${per.text}' is no key: ${refusal.why}`,
          typed.value.kind === 'graph' ? ['name a field of it'] : [],
        );
    }
  }
  return diagnostics.length > 0 ? { ok: false, diagnostics } : { ok: true, value: selection };
}
