import type { Diagnostic } from '#base';
import type { GoVariable } from '#gobin';
import type { CaptureColumn, Column, LogicalProbe } from '#model';
import type { BinaryView } from '../binary.ts';
import { TypeGraphBuilder } from '../graph/index.ts';
import type { Resolution } from '../types.ts';
import { startOf } from './access.ts';
import { resolveCondition, resolveExpression } from './expression.ts';
import { resolveFunction } from './function.ts';
import { type ColumnForm, durationForm, leaf, textForm } from './leaf.ts';
import type { ResolvedColumn, ResolvedProbe, ResolvedValue } from './resolved.ts';

/**
 * First stage: the probe's names looked up in the binary. All mistakes of all columns are reported together. `graph` collects the types of
 * structured values, for all probes of a tracepoint.
 */
export function resolveProbe(
  probe: LogicalProbe,
  binary: BinaryView,
  graph: TypeGraphBuilder = new TypeGraphBuilder(binary),
): Resolution<ResolvedProbe> {
  const found = resolveFunction(probe, binary);
  if (!found.ok) return found;
  const { function: fn, inlinedCopies } = found.value;
  const signature = binary.signature(fn);
  const diagnostics: Diagnostic[] = [];
  const columns: ResolvedColumn[] = [];

  const object = (variables: readonly GoVariable[], unknown: string | undefined): ResolvedValue =>
    unknown !== undefined && variables.length === 0
      ? { kind: 'missing', reason: unknown }
      : {
          kind: 'object',
          fields: variables.map((variable) => ({
            name: variable.name,
            value: graph.isRedacted(variable.name, variable.type)
              ? { kind: 'missing', reason: 'redacted' }
              : asText(leaf(startOf(variable), variable.type, binary, graph), binary.type(variable.type).name),
          })),
        };

  for (const { name, capture } of probe.columns) {
    switch (capture.kind) {
      case 'argument':
      case 'result': {
        const scope = { function: fn.name, signature, side: capture.kind, binary, graph };
        const typed = resolveExpression(capture.text, scope, capture.span);
        if (!typed.ok) {
          diagnostics.push(...typed.diagnostics);
          break;
        }
        const from = capture.kind === 'argument' ? 'entry' : 'return';
        columns.push({ column: named(name, typed.form, description(capture, fn.name)), from, value: typed.value });
        break;
      }
      case 'arguments':
        columns.push({
          column: named(name, textForm, `arguments of ${fn.name}`),
          from: 'entry',
          value: object(signature.parameters, signature.unknown ?? signature.parametersUnknown),
        });
        break;
      case 'results':
        columns.push({
          column: named(name, textForm, `results of ${fn.name}`),
          from: 'return',
          value: object(signature.results, signature.unknown ?? signature.resultsUnknown),
        });
        break;
      case 'latency':
        columns.push({ column: named(name, durationForm, `latency of ${fn.name}`), from: 'latency' });
        break;
      case 'outcome':
        columns.push({ column: named(name, textForm, `how the call of ${fn.name} ended`), from: 'outcome' });
        break;
    }
  }
  const scope = { function: fn.name, signature, side: 'condition', binary, graph } as const;
  const when = probe.when === undefined ? undefined : resolveCondition(probe.when.text, scope, probe.when.span);
  if (when?.ok === false) diagnostics.push(...when.diagnostics);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const condition = when?.ok === true ? { condition: when.condition } : {};
  return { ok: true, value: { function: fn, signature, inlinedCopies, columns, ...condition } };
}

/** In JSON a duration is text, as everywhere in it. */
function asText(value: ResolvedValue, type: string): ResolvedValue {
  return value.kind === 'int' && type === 'time.Duration' ? { ...value, duration: true } : value;
}

function named(name: string, form: ColumnForm, text: string): Column {
  return { name, ...form, description: text };
}

function description(capture: CaptureColumn['capture'] & { kind: 'argument' | 'result' }, fn: string): string {
  return `${capture.kind} ${capture.text} of ${fn}`;
}
