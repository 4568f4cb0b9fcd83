import type { Diagnostic } from '#base';
import { type GoFunction, type GoSignature, type GoVariable, receiverOf, withoutTypeArguments } from '#gobin';
import type { CaptureColumn, Column, LogicalProbe } from '#model';
import type { BinaryView } from '../binary.ts';
import { TypeGraphBuilder } from '../graph/index.ts';
import type { Resolution } from '../types.ts';
import { startOf } from './access.ts';
import { resolveCondition, resolveExpression } from './expression.ts';
import { resolveFunction } from './function.ts';
import { type ColumnForm, durationForm, leaf, textForm } from './leaf.ts';
import type { PlaceNames, ResolvedColumn, ResolvedProbe, ResolvedValue } from './resolved.ts';

/**
 * The probe of one function: its names looked up in the binary. All mistakes of all columns are reported together. `graph` collects the
 * types of structured values, for all probes of a tracepoint.
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
  const { diagnostics, ...looked } = resolveColumns(probe, { function: fn, signature }, binary, graph);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  return { ok: true, value: { function: fn, signature, inlinedCopies, names: namesOf(fn), ...looked } };
}

/** What a row says of a call of `fn`. */
export function namesOf(fn: Pick<GoFunction, 'name'>, inlinedInto = ''): PlaceNames {
  const plain = withoutTypeArguments(fn.name);
  return { function: plain, typeArguments: plain === fn.name ? '' : typeArguments(fn.name), inlinedInto, nothing: '' };
}

/** `go.shape.int,go.shape.string` of `main.Map[go.shape.int,go.shape.string]`: what is in its brackets. */
function typeArguments(name: string): string {
  let text = '';
  let depth = 0;
  for (const character of name) {
    if (character === ']') depth--;
    if (depth > 0) text += character;
    else if (character === '[' && text !== '') text += '; ';
    if (character === '[') depth++;
  }
  return text;
}

/** Does a probe need to know its functions' parameters and results? */
export function needsSignature(probe: LogicalProbe): boolean {
  if (probe.when !== undefined) return true;
  return probe.columns.some(({ capture }) => ['argument', 'result', 'arguments', 'results'].includes(capture.kind));
}

/** The columns of a probe at one place. Without a value a column is `missing`, beside the diagnostics that say why. */
export function resolveColumns(
  probe: LogicalProbe,
  place: { readonly function: GoFunction; readonly signature: GoSignature },
  binary: BinaryView,
  graph: TypeGraphBuilder,
): Pick<ResolvedProbe, 'columns' | 'condition'> & { readonly diagnostics: readonly Diagnostic[] } {
  const { function: fn, signature } = place;
  graph.addPackage(receiverOf(fn.name).package);
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
        const from = capture.kind === 'argument' ? 'entry' : 'return';
        const column = named(name, typed.ok ? typed.form : textForm, description(capture, fn.name));
        if (typed.ok) columns.push({ column, from, value: typed.value });
        else {
          diagnostics.push(...typed.diagnostics);
          columns.push({ column, from, value: { kind: 'missing', reason: typed.diagnostics[0]!.message } });
        }
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
      case 'nothing':
        columns.push(placeColumn(name, 'nothing'));
        break;
      case 'function':
        columns.push(placeColumn(name, 'function'));
        break;
      case 'type-arguments':
        columns.push(placeColumn(name, 'typeArguments'));
        break;
      case 'inlined-into':
        columns.push(placeColumn(name, 'inlinedInto'));
        break;
    }
  }
  const scope = { function: fn.name, signature, side: 'condition', binary, graph } as const;
  const when = probe.when === undefined ? undefined : resolveCondition(probe.when.text, scope, probe.when.span);
  if (when?.ok === false) diagnostics.push(...when.diagnostics);
  const condition = when?.ok === true ? { condition: when.condition } : {};
  return { columns, diagnostics, ...condition };
}

const placeDescriptions = {
  function: 'the function',
  typeArguments: 'type arguments of its instance',
  inlinedInto: 'the function that this copy is inlined into',
  nothing: 'nothing',
} as const;

function placeColumn(name: string, part: keyof PlaceNames): ResolvedColumn {
  return { column: named(name, textForm, placeDescriptions[part]), from: 'place', part };
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
