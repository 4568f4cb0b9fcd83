import type { Diagnostic } from '#base';
import { type GoFunction, type GoSignature, typeArgumentsIn, withoutTypeArguments } from '#gobin';
import { parseSignature } from '#goexpr';
import { type CaptureColumn, isNearlyLine, type LogicalProbe, linePlaceOf } from '#model';
import type { BinaryView } from '../binary.ts';
import type { TypeGraphBuilder } from '../graph/index.ts';
import type { CopySites } from '../sites/index.ts';
import type { Resolution } from '../types.ts';
import { signatureOfProbe, unknownSignature } from './declared.ts';
import { type Found, fail, resolveFunctions } from './functions.ts';
import { type FunctionInstances, Instances } from './instances.ts';
import { resolveLine } from './line.ts';
import { hasExpressions, namesOf, needsSignature, resolveColumns } from './probe.ts';
import type { ResolvedProbe } from './resolved.ts';
import { uniform } from './uniform.ts';
import { resolveWithin } from './within.ts';

/** What a probe stands for in one binary. */
export interface ResolvedSet {
  readonly probes: readonly ResolvedProbe[];
  /** It is a pattern, or a generic function's name: the columns say which function it was. */
  readonly many: boolean;
  readonly skipped: readonly Skipped[];
}

/** A function, or an inlined copy of one, that is not traced. */
export interface Skipped {
  readonly function: string;
  readonly reason: string;
}

/** Most inlined copies of one tracepoint: each needs the flow of the code around it to be understood. */
const mostCopies = 2_000;

/**
 * Most functions of a pattern whose arguments and results can be captured: each kind of them needs a program of its own. And most whose
 * inlined copies are looked for.
 */
const mostWithValues = 300;

/**
 * Of so many functions or more, what a hit of their inlined copies costs counts more than a call that a nil pointer ends at its first access: four of five copies in a
 * server's code begin with one, and to be seen there it takes a second trap.
 */
const manyCopied = 16;

/** The same with what their calls may be. */
interface FoundPlaces extends Omit<Found, 'functions'> {
  readonly places: readonly (FunctionInstances & { readonly fn: GoFunction })[];
}

/**
 * First stage: the function or functions that a probe stands for, called and inlined, with every column looked up at each place. `copies`: how inlined
 * copies are probed; without, they are not.
 */
export function resolveProbes(
  probe: LogicalProbe,
  binary: BinaryView,
  graph: TypeGraphBuilder,
  copies?: CopySites,
): Resolution<ResolvedSet> {
  const { within } = probe.calls ?? {};
  const ranges = within === undefined ? undefined : resolveWithin(probe, within, binary);
  if (ranges?.ok === false) return ranges;
  const found = resolvePlaces(probe, binary, graph, copies);
  if (!found.ok || ranges === undefined) return found;
  const probes = found.value.probes.map((each) => ({ ...each, calls: { ...each.calls, within: ranges.value } }));
  return { ok: true, value: { ...found.value, probes } };
}

function resolvePlaces(
  probe: LogicalProbe,
  binary: BinaryView,
  graph: TypeGraphBuilder,
  copies: CopySites | undefined,
): Resolution<ResolvedSet> {
  const declared = probe.signature && parseSignature(probe.signature.text, probe.signature.span);
  if (declared?.ok === false) return declared;
  const line = linePlaceOf(probe.function);
  if (line !== undefined) return resolveLine(probe, line, binary, graph, copies);
  if (isNearlyLine(probe.function))
    return fail(probe, 'probe.no-such-line', `'${probe.function}' is no line`, [
      'a line is the file, or the end of its path, and the number: server.go:120, pkg/server.go:120',
    ]);
  const found = findInstances(probe, binary) ?? findFunctions(probe, binary);
  if (!found.ok) return found;
  const { places, names } = found.value;
  const functions = places.map(({ fn }) => fn);
  if (functions.length > mostWithValues && needsSignature(probe)) {
    return fail(
      probe,
      'probe.too-many-values',
      `'${probe.function}' fits ${functions.length} functions: arguments and results are captured of at most ${mostWithValues}`,
      ['without them any number can be traced: pxtrace.FunctionLatency(), pxtrace.Outcome()', 'or fit fewer functions'],
    );
  }
  const many = found.value.many || places.some(({ told }) => told.length > 1);
  const wanted = many ? { ...probe, columns: withPlace(probe.columns) } : probe;
  const wantsSignature = needsSignature(probe) || !many;
  const none: GoSignature = { parameters: [], results: [] };
  const named = hasExpressions(probe);
  const failures: Diagnostic[][] = [];
  const undecidable: (readonly Diagnostic[])[] = [];
  const wrapped = wrappersOf(names, binary);
  const { places: copied, skipped } = placesOf(names, wrapped, binary, copies, needsSignature(probe));
  for (const name of found.value.unsure ?? [])
    skipped.push({ function: name, reason: `it is a copy of ${probe.function}, or of another closure on its line` });
  const resolve = (
    fn: GoFunction,
    signature: GoSignature,
    rest: Pick<ResolvedProbe, 'names' | 'copy' | 'dictionary' | 'shapesOnly'>,
  ) => {
    const place = {
      function: fn,
      signature: named && rest.copy === undefined ? withCaptured(signature, () => binary.captured?.(fn)) : signature,
      stackStart: rest.copy?.stackStart,
    };
    const { diagnostics, unselected, ...found } = resolveColumns(wanted, place, binary, graph);
    // What its instantiations have and the shape does not (fields behind pointers) is no mistake.
    if (diagnostics.length > 0 && rest.dictionary !== undefined && rest.dictionary.is === undefined) return [];
    if (unselected.length > 0) {
      if (rest.names.inlinedInto === '') undecidable.push(unselected);
      else
        skipped.push({
          function: fn.name,
          reason: `its copy inlined into ${rest.names.inlinedInto}: ${unselected[0]!.message}`,
        });
      return [];
    }
    if (diagnostics.length > 0) failures.push([...diagnostics]);
    return [{ function: fn, signature, inlinedCopies: 0, ...found, ...rest }];
  };
  const probes: ResolvedProbe[] = [];
  for (const { fn, told, rest } of places) {
    for (const { signature, typeArguments, dictionary } of told)
      probes.push(...resolve(fn, signature, { names: namesOf(fn, '', typeArguments), dictionary }));
    if (rest === undefined) continue;
    const declared = wantsSignature ? signatureOfProbe(probe, fn, binary) : { ok: true as const, value: none };
    if (!declared.ok && !many) return declared;
    const signature = declared.ok ? declared.value : unknownSignature(declared.diagnostics);
    probes.push(...resolve(fn, signature, { names: namesOf(fn), ...rest }));
  }
  // Which calls are wanted must be known everywhere: what cannot be told of one function would be all of its calls, or none.
  if (undecidable.length > 0) return { ok: false, diagnostics: undecidable[0]! };
  // What the function itself does not have is a mistake; of several functions, what none of them has.
  if (!many && failures.length > 0) return { ok: false, diagnostics: failures[0]! };
  for (const [name, wrapper] of wrapped) {
    const fn = { ...wrapper, name };
    const signature = wantsSignature ? binary.signature(wrapper) : none;
    probes.push(...resolve(fn, signature, { names: namesOf(fn, wrapper.name) }));
  }
  for (const { name, copy } of copied) {
    const fn = { ...copy.into, name };
    probes.push(...resolve(fn, copy.signature, { names: namesOf(fn, copy.into.name), copy }));
  }
  if (failures.length === probes.length && failures.length > 0) return { ok: false, diagnostics: failures[0]! };
  if (probes.length === 0) return noPlace(probe, skipped);
  return { ok: true, value: { probes: probes.length === 1 ? probes : uniform(probes), many, skipped } };
}

/** What a closure has captured is looked for when a name is neither a parameter's nor a result's: that goes through debug info. */
function withCaptured(signature: GoSignature, find: () => GoSignature['captured']): GoSignature {
  let found: { readonly captured: GoSignature['captured'] } | undefined;
  return {
    ...signature,
    get captured() {
      found ??= { captured: find() };
      return found.captured;
    },
  };
}

function findFunctions(probe: LogicalProbe, binary: BinaryView): Resolution<FoundPlaces> {
  const found = resolveFunctions(probe, binary);
  if (!found.ok) return found;
  const { functions, ...rest } = found.value;
  const instances = new Instances(probe, binary, mostWithValues - functions.length);
  return { ok: true, value: { ...rest, places: functions.map((fn) => ({ fn, ...instances.of(fn) })) } };
}

/** `main.Map[int,string]`: the calls with these type arguments, of whatever shape they are. Undefined: it is no such name, or there are none. */
function findInstances(probe: LogicalProbe, binary: BinaryView): Resolution<FoundPlaces> | undefined {
  const wanted = typeArgumentsIn(probe.function).replaceAll(' ', '');
  if (wanted === '' || wanted.includes('go.shape.') || binary.instantiations === undefined) return undefined;
  // Brackets of a regular expression are no type arguments.
  if (/^(?:re|impl|module):/.test(probe.function)) return undefined;
  const found = resolveFunctions({ ...probe, function: withoutTypeArguments(probe.function) }, binary);
  if (!found.ok) return undefined;
  const instances = new Instances(probe, binary, mostWithValues, wanted);
  const places = found.value.functions.flatMap((fn) => {
    const { told } = instances.of(fn);
    return told.length === 0 ? [] : [{ fn, told }];
  });
  return places.length === 0 ? undefined : { ok: true, value: { places, names: [], many: false } };
}

/** By name: the function that the compiler has made of a method of values for pointers and interfaces, where that has the method inlined: better known than a copy, results too. */
function wrappersOf(names: readonly string[], binary: BinaryView): ReadonlyMap<string, GoFunction> {
  if (names.length > mostWithValues) return new Map();
  const found = [...new Set(names)].map((name) => [name, binary.pointerWrapper?.(name)] as const);
  return new Map(found.flatMap(([name, wrapper]) => (wrapper === undefined ? [] : [[name, wrapper] as const])));
}

/** The inlined copies of all functions of those names, but for those in `wrapped`; those that cannot be probed with the reason. */
function placesOf(
  names: readonly string[],
  wrapped: ReadonlyMap<string, GoFunction>,
  binary: BinaryView,
  sites: CopySites | undefined,
  wantsParameters: boolean,
) {
  const places: { readonly name: string; readonly copy: NonNullable<ResolvedProbe['copy']> }[] = [];
  const skipped: Skipped[] = [];
  if (sites === undefined || binary.inlinedCopies === undefined) return { places, skipped };
  if (names.length > mostWithValues) {
    const reason = `of more than ${mostWithValues} functions at once they are not looked for`;
    return { places, skipped: [{ function: `inlined copies of the ${names.length} functions`, reason }] };
  }
  for (const name of new Set(names)) {
    const reasons = new Map<string, string[]>();
    for (const copy of binary.inlinedCopies?.(name) ?? []) {
      if (copy.into.entry === wrapped.get(name)?.entry) continue;
      const place =
        places.length >= mostCopies
          ? `more than ${mostCopies} inlined copies: name fewer functions`
          : sites.choose(copy, { wantsParameters, cheap: names.length >= manyCopied });
      if (typeof place === 'string') reasons.set(place, [...(reasons.get(place) ?? []), copy.into.name]);
      else places.push({ name, copy: place });
    }
    for (const [reason, into] of reasons) {
      const listed = [...new Set(into)];
      const text =
        listed.length > 5 ? `${listed.slice(0, 5).join(', ')} and ${listed.length - 5} more` : listed.join(', ');
      skipped.push({
        function: name,
        reason: `${into.length === 1 ? 'its copy' : `${into.length} copies`} inlined into ${text}: ${reason}`,
      });
    }
  }
  return { places, skipped };
}

function noPlace(probe: LogicalProbe, skipped: readonly Skipped[]): Resolution<never> {
  return fail(
    probe,
    'probe.inlined-everywhere',
    `'${probe.function}' has no code of its own: the compiler inlined it everywhere, and no copy can be probed`,
    skipped.map(({ reason }) => reason),
  );
}

/** The columns by which rows of several functions can be told apart, unless the script has its own. */
function withPlace(columns: readonly CaptureColumn[]): readonly CaptureColumn[] {
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()));
  const own = new Set(columns.map(({ capture }) => capture.kind));
  const add = (
    [
      ['function', 'function'],
      ['type_args', 'type-arguments'],
      ['inlined_into', 'inlined-into'],
    ] as const
  ).filter(([name, kind]) => !taken.has(name) && !own.has(kind));
  return [...add.map(([name, kind]): CaptureColumn => ({ name, capture: { kind } })), ...columns];
}
