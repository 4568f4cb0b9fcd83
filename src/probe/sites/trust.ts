import { type DecodedCode, flow, type Location, type Stretch, type ValueFlow } from '#gobin';
import type { Flow } from './copy.ts';

/** What is found out once of a function that has copies or lines. */
export interface Known {
  readonly code: DecodedCode;
  readonly flow: Flow | undefined;
  /** Of the instruction at an address. */
  readonly index: ReadonlyMap<number, number>;
  readonly values: ValueFlow | undefined;
}

/** Can an instruction end the call, by a pointer that is nil? Not by one that was followed before on every way that leads there. */
export function mayEndCall({ code, flow: around, values }: Known, at: number): boolean {
  const { mayFault, follows } = code.role(at);
  if (!mayFault) return false;
  if (around === undefined || follows.length === 0) return true;
  return follows.some((place) => {
    const value = values?.before(at, place);
    if (value === undefined) return true;
    for (let i = around.dominators[at]!; i >= 0; i = around.dominators[i]!) {
      if (code.role(i).follows.some((each) => values!.before(i, each) === value)) return false;
    }
    return true;
  });
}

/** Has a variable at an instruction the value that it has wherever its list begins to have it in another place? Then nothing is assigned to it. */
export function isSteady({ code, index, values }: Known, at: number, here: Stretch, all: readonly Stretch[]): boolean {
  const valueAt = (address: number, place: Location) => values?.before(index.get(address) ?? -1, place);
  // Made of what was there before, in the same place, since ways met: then it is a new value each turn of a loop, of which the list may not have the others.
  const isUpdate = (value: number) => {
    const maker = values!.maker(value);
    if (maker === undefined) return false;
    const { reads, writes } = code.role(maker);
    return reads.some((place) => writes.includes(place) && values!.isMet(values!.before(maker, place) ?? 0));
  };
  return here.places.every((place, part) => {
    if (place === undefined) return true;
    const value = valueAt(at, place);
    if (value === undefined || isUpdate(value)) return false;
    return all.every(({ start, places }) => {
      const there = places[part];
      return there === undefined || places.length !== here.places.length || valueAt(start, there) === value;
    });
  });
}

/**
 * Does a variable count the turns of a loop, and has at an instruction the value of the turn? Then one of its values is there since ways met, and every other one is made of that
 * and nothing else.
 */
export function isCounter({ index, values }: Known, at: number, here: Stretch, all: readonly Stretch[]): boolean {
  const now = index.get(at);
  const [place] = here.places;
  if (values === undefined || now === undefined || place === undefined || here.places.length !== 1) return false;
  const counted = values.before(now, place);
  if (counted === undefined || !values.isMet(counted)) return false;
  return all.every(({ start, places: [there] }) => {
    const value = there === undefined ? undefined : values.before(index.get(start) ?? -1, there);
    if (value === undefined || value === counted) return value !== undefined;
    const maker = values.maker(value);
    return maker !== undefined && values.isMadeOf(maker, counted);
  });
}

/** Has a variable at an instruction what a call returned? Calls are made in the order of the source, and their results are what the list has behind them. */
export function isOfCall({ code, index, values }: Known, at: number, here: Stretch): boolean {
  return here.places.every((place) => {
    const value = place === undefined ? undefined : values?.before(index.get(at) ?? -1, place);
    const maker = value === undefined ? undefined : values!.maker(value);
    return (
      place === undefined ||
      (maker !== undefined && (code.flow[maker] === flow.call || code.flow[maker] === flow.indirectCall))
    );
  });
}

/** Has an instruction of the copy made a part of what a variable is? Then the body has assigned to it, be it that the value is computed before the call (Go 1.27). */
export function isMadeBy(
  { index, values }: Known,
  at: number,
  here: Stretch,
  copy: (maker: number) => boolean,
): boolean {
  return here.places.some((place) => {
    const value = place === undefined ? undefined : values?.before(index.get(at) ?? -1, place);
    const maker = value === undefined ? undefined : values!.maker(value);
    return maker !== undefined && copy(maker);
  });
}
