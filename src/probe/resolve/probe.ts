import type { Diagnostic } from '#base';
import {
  type GoFunction,
  type GoSignature,
  type GoVariable,
  receiverOf,
  typeArgumentsIn,
  withoutTypeArguments,
} from '#gobin';
import type { CaptureColumn, Column, LogicalProbe } from '#model';
import type { BinaryView } from '../binary.ts';
import { TypeGraphBuilder } from '../graph/index.ts';
import type { StackStart } from '../sites/index.ts';
import { numberTexts, type Resolution } from '../types.ts';
import { startOf } from './access.ts';
import { resolveAggregate } from './aggregate.ts';
import { signatureOfProbe } from './declared.ts';
import { resolveCondition, resolveExpression } from './expression.ts';
import { resolveFunction } from './function.ts';
import { keyRefusal, notInKernel } from './key.ts';
import { goroutineLabels } from './labels.ts';
import { type ColumnForm, durationForm, intForm, leaf, textForm } from './leaf.ts';
import { resolveLog } from './log.ts';
import type { PlaceNames, ResolvedColumn, ResolvedProbe, ResolvedValue } from './resolved.ts';
import { resolveSelection } from './selection.ts';

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
  const known = signatureOfProbe(probe, fn, binary);
  if (!known.ok) return known;
  const signature = known.value;
  const { diagnostics, unselected: _, ...looked } = resolveColumns(probe, { function: fn, signature }, binary, graph);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  return { ok: true, value: { function: fn, signature, inlinedCopies, names: namesOf(fn), ...looked } };
}

/** What a row says of a call of `fn`; `known`: the type arguments, where the name has shapes only. */
export function namesOf(fn: Pick<GoFunction, 'name'>, inlinedInto = '', known?: string): PlaceNames {
  const plain = withoutTypeArguments(fn.name);
  const typeArguments = known ?? (plain === fn.name ? '' : typeArgumentsIn(fn.name));
  return { function: plain, typeArguments, inlinedInto, nothing: '' };
}

/** Does a probe need to know its functions' parameters and results? */
export function needsSignature(probe: LogicalProbe): boolean {
  if (probe.when !== undefined || probe.calls?.per !== undefined) return true;
  return probe.columns.some(
    ({ capture }) =>
      ['argument', 'result', 'arguments', 'results', 'error', 'log'].includes(capture.kind) ||
      (capture.kind === 'aggregate' && capture.of !== undefined && capture.of.kind !== 'latency'),
  );
}

/** Has a probe texts in which variables may stand? */
export function hasExpressions(probe: LogicalProbe): boolean {
  if (probe.when !== undefined || probe.calls?.per !== undefined) return true;
  return probe.columns.some(
    ({ capture }) =>
      capture.kind === 'argument' ||
      capture.kind === 'log' ||
      (capture.kind === 'aggregate' && capture.of !== undefined && capture.of.kind !== 'latency'),
  );
}

/**
 * The columns of a probe at one place. Without a value a column is `missing`, beside the diagnostics that say why. `unselected`: those among them for which it cannot be
 * told there which calls are wanted.
 */
export function resolveColumns(
  probe: LogicalProbe,
  place: {
    readonly function: GoFunction;
    readonly signature: GoSignature;
    readonly stackStart?: StackStart | undefined;
  },
  binary: BinaryView,
  graph: TypeGraphBuilder,
): Pick<ResolvedProbe, 'columns' | 'condition' | 'calls'> & {
  readonly diagnostics: readonly Diagnostic[];
  readonly unselected: readonly Diagnostic[];
} {
  const { function: fn, signature, stackStart } = place;
  graph.addPackage(receiverOf(fn.name).package);
  const diagnostics: Diagnostic[] = [];
  const columns: ResolvedColumn[] = [];
  const line = stackStart?.isOwn === true ? probe.function : undefined;
  const scope = { function: fn.name, signature, binary, graph, line };

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

  const isKey = probe.columns.some(({ capture }) => capture.kind === 'aggregate');
  const caller: ResolvedValue = {
    kind: 'stack',
    // Wrappers may come before who is wanted; a key has the one alone.
    frames: (stackStart?.isOwn === true ? 2 : 1) + (isKey ? 0 : mostWrappers),
    one: true,
    ...(stackStart === undefined ? {} : { start: stackStart }),
  };
  const stack: ResolvedValue = {
    kind: 'stack',
    frames: mostFrames,
    ...(stackStart === undefined ? {} : { start: stackStart }),
  };

  for (const { name, capture } of probe.columns) {
    switch (capture.kind) {
      case 'argument':
      case 'result': {
        const typed = resolveExpression(capture.text, { ...scope, side: capture.kind }, capture.span);
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
      case 'caller':
      case 'stack': {
        const what =
          capture.kind === 'caller' ? `where ${fn.name} was called from` : `stack of ${fn.name}, callers first to last`;
        const value = capture.kind === 'caller' ? caller : stack;
        columns.push({ column: named(name, textForm, what), from: 'entry', value });
        break;
      }
      case 'cpu':
      case 'thread':
        columns.push({
          column: named(name, intForm, `${capture.kind} on which the call began`),
          from: 'entry',
          value: { kind: capture.kind },
        });
        break;
      case 'parent':
      case 'creator': {
        const [field, form, what, known] = goroutineColumns[capture.kind];
        const offset = binary.runtime?.[known] ?? binary.structField?.('runtime.g', field)?.offset;
        const value: ResolvedValue =
          offset === undefined
            ? {
                kind: 'missing',
                reason: `where this version of Go keeps runtime.g.${field} is not known, or it has none`,
              }
            : { kind: 'goroutine', offset, ...(capture.kind === 'creator' ? { code: true } : {}) };
        columns.push({ column: named(name, form, what), from: 'entry', value });
        break;
      }
      case 'labels':
        columns.push({
          column: named(name, textForm, 'pprof labels of the goroutine'),
          from: 'entry',
          value: goroutineLabels(binary, graph),
        });
        break;
      case 'aggregate': {
        const found = resolveAggregate(capture.function, capture.of, scope);
        diagnostics.push(...found.diagnostics);
        const { aggregate, form } = found;
        columns.push({ column: named(name, form, aggregateText(capture, fn.name)), from: 'aggregate', aggregate });
        break;
      }
      case 'log': {
        const { parts, diagnostics: wrong } = resolveLog(capture.text, scope, caller, capture.span);
        diagnostics.push(...wrong);
        columns.push({ column: named(name, textForm, capture.text), from: 'log', parts });
        break;
      }
      case 'latency':
        columns.push({ column: named(name, durationForm, `latency of ${fn.name}`), from: 'latency' });
        break;
      case 'outcome':
        columns.push({ column: named(name, textForm, `how the call of ${fn.name} ended`), from: 'outcome' });
        break;
      case 'error':
        columns.push(errorColumn(name, fn.name, signature, binary, graph));
        break;
      case 'panic':
        columns.push({ column: named(name, textForm, `what ${fn.name} panicked with`), from: 'panic' });
        break;
      case 'call-id':
      case 'parent-call-id':
      case 'own-time': {
        const [form, what] = treeColumns[capture.kind];
        columns.push({ column: named(name, form, what), from: capture.kind });
        break;
      }
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
  const when = probe.when && resolveCondition(probe.when.text, { ...scope, side: 'condition' }, probe.when.span);
  const calls = resolveSelection(probe, scope);
  const unselected = [...(when?.ok === false ? when.diagnostics : []), ...(calls.ok ? [] : calls.diagnostics)];
  diagnostics.push(...unselected);
  if (columns.some(({ from }) => from === 'aggregate')) {
    diagnostics.push(...notKeys(columns, probe));
  }
  const condition = when?.ok === true ? { condition: when.condition } : {};
  const selection = !calls.ok || calls.value === undefined ? {} : { calls: calls.value };
  return { columns, diagnostics, unselected, ...condition, ...selection };
}

/** The last result of type `error`, as people write it in a log. */
function errorColumn(
  name: string,
  fn: string,
  signature: GoSignature,
  binary: BinaryView,
  graph: TypeGraphBuilder,
): ResolvedColumn {
  const error = signature.results.findLast(({ type }) => binary.type(type).name === 'error');
  const unknown = signature.unknown ?? signature.resultsUnknown;
  if (error === undefined && unknown === undefined) return placeColumn(name, 'nothing');
  const value: ResolvedValue =
    error === undefined ? { kind: 'missing', reason: unknown! } : leaf(startOf(error), error.type, binary, graph);
  return {
    column: named(name, textForm, `error that ${fn} returned`),
    from: 'return',
    value: value.kind === 'graph' ? { ...value, error: true } : value,
  };
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

/** Beside an aggregate, every other column is a key: what the kernel can compare. */
function notKeys(columns: readonly ResolvedColumn[], probe: LogicalProbe): Diagnostic[] {
  return columns.flatMap((each): Diagnostic[] => {
    if (each.from === 'aggregate' || each.from === 'place') return [];
    // A tree's columns are of one call each.
    const isValue = each.from === 'entry' || each.from === 'return';
    const ofTree = each.from === 'call-id' || each.from === 'parent-call-id' || each.from === 'own-time';
    const refusal = isValue
      ? keyRefusal(each.value)
      : { why: 'it is not known when calls are added up', anywhere: ofTree };
    if (refusal === undefined) return [];
    return [
      {
        id: refusal.anywhere ? 'probe.no-key' : notInKernel,
        message: refusal.anywhere
          ? `'${each.column.name}' cannot stand beside an aggregate, of which it would be a key: ${refusal.why}`
          : `the key '${each.column.name}': ${refusal.why}`,
        hints: ['name a field of it', 'or take the aggregates in a probe of their own'],
        ...(probe.span === undefined ? {} : { span: probe.span }),
      },
    ];
  });
}

function aggregateText({ function: what, of }: CaptureColumn['capture'] & { kind: 'aggregate' }, fn: string): string {
  const value = of === undefined ? 'calls' : of.kind === 'latency' ? 'latency' : of.text;
  return `${what} of ${value} of ${fn}`;
}

/** Calls through an interface to an embedded pointer's method pass two. */
const mostWrappers = 2;

/** Return addresses of a stack that are captured: each is a read of 16 bytes. */
const mostFrames = 100;

/** Fields of `runtime.g`. */
const goroutineColumns = {
  parent: ['parentGoid', intForm, 'goroutine that started this one', 'gParentGoid'],
  creator: ['gopc', textForm, 'go statement that started the goroutine', 'gGopc'],
} as const;

const treeColumns = {
  'call-id': [intForm, 'number of the call'],
  'parent-call-id': [intForm, 'number of the innermost traced call in which it began'],
  'own-time': [durationForm, 'latency without that of the traced calls in it'],
} as const;

/** In JSON a duration and a file's mode are text, as everywhere in it. */
function asText(value: ResolvedValue, type: string): ResolvedValue {
  if (value.kind !== 'int' && value.kind !== 'uint') return value;
  const text = Object.hasOwn(numberTexts, type) ? numberTexts[type as keyof typeof numberTexts] : undefined;
  return text === undefined ? value : { ...value, text };
}

function named(name: string, form: ColumnForm, text: string): Column {
  return { name, ...form, description: text };
}

function description(capture: CaptureColumn['capture'] & { kind: 'argument' | 'result' }, fn: string): string {
  return `${capture.kind} ${capture.text} of ${fn}`;
}
