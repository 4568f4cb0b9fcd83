import type { Parameter, Subprogram } from '#dwarf';
import { type Architecture, alignmentOf, assignAbi, UnassignableType } from './abi.ts';
import { compare, type Evidence, locationAt } from './evidence.ts';
import { argumentBytes } from './frame.ts';
import { hasDictionary, receiverOf } from './names.ts';
import { isSourceName, parameterName, parametersInOrder, resultName, resultsInOrder } from './parameters.ts';
import type { GoSignature, GoType, GoVariable, Place, TypeRef } from './types.ts';

export interface SignatureInput {
  readonly architecture: Architecture;
  readonly subprogram: Subprogram;
  /** Address of its first instruction. */
  readonly entry: number;
  /** Everything on the stack: assembly, or a Go before register arguments. */
  readonly stackOnly: boolean;
  /** What debug info lists, see `listingOf`. */
  readonly listing: Listing;
  /** Bytes of the argument frame by the function table (`_func.args`); undefined: not known. */
  readonly frameBytes: number | undefined;
  readonly resolve: (ref: TypeRef) => GoType;
  /** Has it the body of a loop over a function (Go ≥ 1.23), which is a function of its own? Left out: no. */
  readonly loopsOverFunction?: () => boolean;
}

export interface Listing {
  /** Blank parameters are listed (Go ≥ 1.22). Without, it has to be made sure that there are none. */
  readonly blanks: boolean;
  /** Results in registers are listed (Go ≥ 1.18). */
  readonly results: boolean;
  /** The dictionary of a shape function comes before the receiver (Go < 1.20), not behind it. */
  readonly dictionaryFirst: boolean;
}

/** By a unit's DW_AT_producer: `Go cmd/compile go1.26.8; regabi`. A version that does not look like one counts as new. */
export function listingOf(producer: string): Listing {
  const match = /\bgo1\.(\d+)/.exec(producer);
  const minor = match === null ? Number.POSITIVE_INFINITY : Number(match[1]);
  return { blanks: minor >= 22, results: minor >= 18, dictionaryFirst: minor < 20 };
}

/** Stand-ins: the dictionary pointer of a shape function; blank parameters that debug info leaves out. */
const word: GoType = { kind: 'uint', name: 'uintptr', size: 8 };
const float: GoType = { kind: 'float', name: 'float64', size: 8 };
const noType: GoType = { kind: 'unknown', name: 'none', size: 0 };

/** Index of the slot of the dictionary pointer. */
const dictionarySlot = -2;

/** A parameter's type, or a hidden value's with a negative index. */
interface Slot {
  readonly index: number;
  readonly type: GoType;
}

interface Attempt {
  readonly slots: readonly Slot[];
  /** By parameter. */
  readonly places: readonly (readonly Place[])[];
  readonly evidence: readonly Evidence[];
  readonly results: readonly (readonly Place[])[];
  /** Of the dictionary pointer, where there is one. */
  readonly dictionary: readonly Place[];
  /** The argument frame that follows from this has the size that the function table tells. */
  readonly fits: boolean;
  /** It fits, and no parameter in registers is missing: then a missing one could only lie in the padding between stack parameters. */
  readonly registersComplete: boolean;
  /** By parameter: that would not move it, were it on the stack. Results begin at a word in any case. */
  readonly stackSure: readonly boolean[];
}

const reasons = {
  blank: 'a blank parameter may come before it: debug info of Go before 1.22 does not list those',
  conflict: 'debug info and the calling convention disagree about its place',
  frame: 'it has another frame than its parameters would make',
  nameless: 'it has none with a name, and debug info of Go before 1.22 does not list others',
  results: 'debug info of Go 1.17 does not list results in registers',
  // The compiler names them #rv1 and so on where such a loop returns (cmd/compile/internal/rangefunc), and debug info has none of that name.
  loop: 'it ranges over a function: of such functions debug info does not list results that have no names (they can be declared: signature=, --signature)',
  stackResult: 'its place on the stack depends on blank parameters, which debug info of Go before 1.22 does not list',
} as const;

/** Parameters and results of a function with their places at its entry and at its `ret`, or with the reason why a place is not known. */
export function signatureOf(input: SignatureInput): GoSignature {
  const listed = listedParameters(input);
  const dictionary = listed.findIndex(isDictionary);
  const parameters = listed.filter((_, i) => i !== dictionary);
  const results = resultsInOrder(input.subprogram.parameters);
  // Those that the compiler has named are all listed, or none of them.
  const mayLack = results.every(({ name }) => isSourceName(name)) && input.loopsOverFunction?.() === true;
  const resultsUnknown = !input.listing.results ? reasons.results : mayLack ? reasons.loop : undefined;
  const shown = resultsUnknown === undefined ? results : [];
  const typeOf = (parameter: Parameter): GoType =>
    parameter.type === undefined ? noType : input.resolve(parameter.type);
  const resultTypes = results.map(typeOf);
  const slots = parameters.map((parameter, index): Slot => ({ index, type: typeOf(parameter) }));
  if (dictionary >= 0) slots.splice(dictionary, 0, { index: dictionarySlot, type: word });
  let found: Attempt;
  try {
    found = best(input, slots, (list, stackOnly) => tryPlaces(input, stackOnly, list, parameters, resultTypes));
  } catch (error) {
    if (!(error instanceof UnassignableType)) throw error;
    const unknown = error.message;
    return {
      parameters: parameters.map((parameter, i) => variable(parameterName(parameter, i), parameter, [], unknown)),
      results: shown.map((result, i) => variable(resultName(result, i), result, [], unknown)),
      ...(resultsUnknown !== undefined && { resultsUnknown }),
    };
  }
  const nameless = parameters.length === 0 && !found.fits && !input.listing.blanks && input.frameBytes !== undefined;
  return {
    parameters: parameters.map((parameter, i) =>
      variable(parameterName(parameter, i), parameter, found.places[i]!, doubt(found, i, input.listing)),
    ),
    results: shown.map((result, i) => {
      const places = found.results[i]!;
      const unsure = !found.registersComplete && places.some((place) => place.kind === 'stack');
      return variable(resultName(result, i), result, places, unsure ? reasons.stackResult : undefined);
    }),
    ...(found.dictionary.length > 0 && { dictionary: found.dictionary }),
    ...(nameless && { parametersUnknown: reasons.nameless }),
    ...(resultsUnknown !== undefined && { resultsUnknown }),
  };
}

/** Names of the parameters of `signature`, which was made of the same input, that debug info has elsewhere at the entry. */
export function contestedParameters(input: SignatureInput, signature: GoSignature): readonly string[] {
  const listed = listedParameters(input).filter((parameter) => !isDictionary(parameter));
  return signature.parameters.flatMap(({ name, places }, i) => {
    const told = listed[i] && compare(input.architecture, places, locationAt(listed[i].locations(), input.entry));
    return told === 'disagrees' || told === 'part' ? [name] : [];
  });
}

/** Without optimisation the hidden dictionary is listed; it is no parameter of the source. */
const isDictionary = (parameter: Parameter) => parameter.name === '.dict';

function listedParameters(input: SignatureInput): Parameter[] {
  const { parameters } = input.subprogram;
  return parametersInOrder(parameters, parameters.some(isDictionary) ? undefined : dictionaryIndex(input));
}

function variable(name: string, from: Parameter, places: readonly Place[], unknown: string | undefined): GoVariable {
  const type = from.type ?? 0;
  return unknown === undefined ? { name, type, places } : { name, type, places: [], unknown };
}

function tryPlaces(
  input: SignatureInput,
  stackOnly: boolean,
  slots: readonly Slot[],
  parameters: readonly Parameter[],
  resultTypes: readonly GoType[],
): Attempt {
  const { architecture, resolve } = input;
  const types = slots.map((slot) => slot.type);
  const assignment = assignAbi(architecture, types, resultTypes, resolve, { assembly: stackOnly });
  const places: (readonly Place[])[] = [];
  const wordAligned: boolean[] = [];
  let dictionary: readonly Place[] = [];
  for (const [i, slot] of slots.entries()) {
    if (slot.index === dictionarySlot) dictionary = assignment.parameters[i]!;
    if (slot.index < 0) continue;
    places[slot.index] = assignment.parameters[i]!;
    wordAligned[slot.index] = alignmentOf(slot.type, resolve) >= 8;
  }
  let known: Evidence[] | undefined;
  // Location lists are a large section: read only where the frame's size leaves a doubt.
  const evidence = (): Evidence[] =>
    (known ??= parameters.map((parameter, i) =>
      compare(architecture, places[i]!, locationAt(parameter.locations(), input.entry)),
    ));
  const frame = argumentBytes(
    types.map((type, i) => [type, assignment.parameters[i]!]),
    assignment.results,
    resolve,
  );
  // Without a function table there is only debug info to go by.
  const listed = input.listing.blanks;
  const fits =
    input.frameBytes === undefined ? listed && !evidence().includes('disagrees') : frame.bytes === input.frameBytes;
  // Parameters that are not listed may have pushed listed ones to the stack and left the size as it was.
  const registersComplete = fits && (listed || (frame.registersTight && !evidence().includes('disagrees')));
  return {
    slots,
    places,
    get evidence() {
      return evidence();
    },
    results: assignment.results,
    dictionary,
    fits,
    registersComplete,
    stackSure: wordAligned.map((aligned) => registersComplete && (listed || frame.stackTight || aligned)),
  };
}

type Try = (slots: readonly Slot[], stackOnly: boolean) => Attempt;

function best(input: SignatureInput, slots: readonly Slot[], attempt: Try): Attempt {
  const first = withDictionary(input, slots, attempt);
  if (input.frameBytes === undefined) return first;
  // Fits, but a small blank parameter that is not listed may lie in the padding, and debug info knows better.
  const outvoted = !input.listing.blanks && !first.registersComplete && first.evidence.includes('disagrees');
  if (first.fits && !outvoted) return first;
  // An ABI wrapper has the name and the types of its body, but its arguments on the stack: then that is what fits.
  const wrapper = input.stackOnly ? first : attempt(slots, true);
  // Where blank parameters are not listed, one may make up the size: `func(_ int) int` has the frame of an ABI0 `func() int`.
  const sure = input.listing.blanks || wrapper.evidence.includes('agrees');
  if (wrapper.fits && sure && !wrapper.evidence.includes('disagrees')) return wrapper;
  return input.listing.blanks ? first : withBlanks(first, (list) => attempt(list, input.stackOnly));
}

/** Index of a shape function's hidden parameter: behind the receiver in methods. Undefined for other functions. */
function dictionaryIndex({ subprogram: { name }, listing }: SignatureInput): number | undefined {
  if (!hasDictionary(name)) return undefined;
  return listing.dictionaryFirst || receiverOf(name).receiver === undefined ? 0 : 1;
}

/** Puts the hidden parameter of a shape function where it belongs; what debug info says decides in doubt. */
function withDictionary(input: SignatureInput, slots: readonly Slot[], attempt: Try): Attempt {
  const at = dictionaryIndex(input);
  const listed = slots.some((slot) => slot.index < 0);
  if (listed || at === undefined) return attempt(slots, input.stackOnly);
  const dictionary: Slot = { index: dictionarySlot, type: word };
  const lists = [at, 1 - at].map((position) => [...slots.slice(0, position), dictionary, ...slots.slice(position)]);
  const choices = [...lists, slots].map((list) => attempt(list, input.stackOnly));
  return (
    choices.find((choice) => !choice.evidence.includes('disagrees') && choice.evidence.includes('agrees')) ??
    choices[0]!
  );
}

/** Puts stand-ins for blank parameters where the places that debug info tells ask for them. */
function withBlanks(start: Attempt, attempt: (slots: readonly Slot[]) => Attempt): Attempt {
  let current = start;
  for (const index of start.evidence.keys()) {
    if (current.evidence[index] !== 'disagrees') continue;
    const at = current.slots.findIndex((slot) => slot.index === index);
    for (const fill of fills) {
      const hidden = fill.map((type): Slot => ({ index: -1, type }));
      const next = attempt([...current.slots.slice(0, at), ...hidden, ...current.slots.slice(at)]);
      const agreed = next.evidence.slice(0, index).every((evidence, i) => evidence === current.evidence[i]);
      if (agreed && next.evidence[index] === 'agrees') {
        current = next;
        break;
      }
    }
  }
  // How many stand-ins is a guess that only the places around them confirm, not the frame's size.
  return { ...current, evidence: current.evidence, fits: false, registersComplete: false, stackSure: [] };
}

/** Few blanks first: so many integer registers, so many float registers. */
const fills: readonly (readonly GoType[])[] = Array.from({ length: 10 }, (_, integers) =>
  Array.from({ length: 16 }, (_, floats) => [
    ...Array<GoType>(integers).fill(word),
    ...Array<GoType>(floats).fill(float),
  ]),
)
  .flat()
  .filter((fill) => fill.length > 0)
  .sort((a, b) => a.length - b.length);

/** Why the place of parameter i is not to be trusted. */
function doubt(attempt: Attempt, i: number, listing: Listing): string | undefined {
  const { places, slots } = attempt;
  const own = places[i]!;
  if (own.length === 0) return undefined;
  // The frame fits and nothing is hidden: the convention is right. Debug info may tell a place after an assignment that took
  // no instruction, or of a slice only the part that is used (Go 1.26).
  if (own[0]!.kind === 'stack' ? attempt.stackSure[i] : attempt.registersComplete) return undefined;
  const { evidence } = attempt;
  if (evidence[i] === 'agrees') return undefined;
  if (evidence[i] === 'disagrees') return reasons.conflict;
  // Debug info is silent about this one. A conflict elsewhere makes all that was only computed doubtful.
  if (evidence.some((other, k) => other === 'disagrees' && places[k]![0]?.kind !== 'stack')) return reasons.conflict;
  if (listing.blanks) return reasons.frame;
  // The frame says that there are blank ones.
  if (!attempt.fits) return reasons.blank;
  // A later parameter that is where it should be, in registers of the same kinds, leaves no room for a blank one before it …
  const kinds = new Set(own.map((place) => place.kind));
  for (let k = i + 1; k < places.length; k++) {
    if (evidence[k] === 'agrees') for (const place of places[k]!) kinds.delete(place.kind);
  }
  // … unless a stand-in was needed right there.
  const at = slots.findIndex((slot) => slot.index === i);
  const agreed = (slot: Slot) => slot.index >= 0 && evidence[slot.index] === 'agrees';
  const previous = slots.findLastIndex((slot, k) => k < at && agreed(slot));
  const following = slots.findIndex((slot, k) => k > at && agreed(slot));
  const standIn = slots.some((slot, k) => slot.index < 0 && k > previous && (following < 0 || k < following));
  return kinds.size > 0 || standIn ? reasons.blank : undefined;
}
