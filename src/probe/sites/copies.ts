import type { Address } from '#base';
import {
  abiRegisters,
  type DecodedCode,
  flow,
  flowGraph,
  type GoFunction,
  type GoSignature,
  type InlinedCopy,
  isWhole,
  type Location,
  type PlaceVariables,
  type Trust,
  ValueFlow,
} from '#gobin';
import type { Site } from '../types.ts';
import { type SiteContext, site } from './choose.ts';
import { blockOf, copyShape, flowOf } from './copy.ts';
import { classify } from './entry.ts';
import { tableTargets } from './tables.ts';
import { isMadeBy, isSteady, type Known, mayEndCall } from './trust.ts';

/**
 * Where in the code of a function a stack begins, which has no return address for it: an instruction by whose function and line it is known. Of an inlined copy it is where the
 * copy was inlined, its caller; `isOwn`: of a line it is in the line itself, which is no caller.
 */
export interface StackStart {
  readonly at: Address;
  readonly isOwn?: true;
}

/** An inlined copy that can be probed. */
export interface CopyPlace {
  readonly into: GoFunction;
  readonly entry: Site;
  /** Where a call is over; undefined: no instruction tells. */
  readonly end?: Site;
  /** Undefined: nothing tells where it was called from. */
  readonly stackStart?: StackStart;
  /** Bytes between the stack pointer at a site and the return address. */
  readonly frameBytes: { readonly entry: number; readonly end: number };
  /** Parameters as they are at `entry`. */
  readonly signature: GoSignature;
}

/** What the entry of a copy is wanted for. */
export interface CopyWants {
  readonly wantsParameters: boolean;
  readonly cheap: boolean;
}

/** Functions that never return: a call of one ends what is known of the flow. */
const noReturn = /^runtime\.(?:panic|gopanic|goPanic|throw|fatal|abort|goexit)/;

/** It may have been assigned to, or not yet be there. */
const notGiven = 'what the caller gave is dead here, or told nowhere';

/** Decision 88. */
const resultsUnknown = 'debug info does not tell reliably where the results of an inlined copy are';

const withoutVariables = (known: PlaceVariables | undefined) => known && { ...known, variables: [] };

/** Chooses sites for inlined copies and lines; the code of a function that has several is decoded once. */
export class CopySites {
  readonly context: SiteContext;
  readonly #code: (fn: GoFunction) => DecodedCode;
  readonly #known = new Map<Address, Known>();

  constructor(context: SiteContext, code: (fn: GoFunction) => DecodedCode) {
    this.context = context;
    this.#code = code;
  }

  /**
   * `wantsParameters`: they are read at the entry; else nothing is told of them. `cheap`: one trap a call, even if a call is not seen that a nil pointer ends at its first access. A text says why no instruction
   * tells the copy's calls.
   */
  choose(copy: InlinedCopy, { wantsParameters, cheap }: CopyWants): CopyPlace | string {
    const known = this.known(copy.into);
    const { code, flow: around, index } = known;
    if (around === undefined) return 'the flow of the code around it is not known';
    const inCopy = new Uint8Array(code.count);
    for (let i = 0; i < code.count; i++) {
      const at = code.entry + code.offsets[i]!;
      // A `nop` may be padding before a jump, which is of whatever place comes before it; a jump that ends a block is of any place in it.
      const isIn = copy.ranges.some(({ start, end }) => at >= start && at < end);
      if (isIn && code.flow[i] !== flow.jump && code.role(i).kind !== 'nop') inCopy[i] = 1;
    }
    const has = (i: number) => inCopy[i] === 1;
    const shape = copyShape(around, {
      has,
      role: (i) => code.role(i),
      isJump: (i) => code.flow[i] === flow.conditional || code.flow[i] === flow.indirectJump,
      isCall: (i) => code.flow[i] === flow.call || code.flow[i] === flow.indirectCall,
      mark: copy.mark === undefined ? undefined : index.get(copy.mark),
    });
    if (typeof shape === 'string') return shape;
    // In one place since before the copy's first instructions, or brought there by the caller.
    const first = code.entry + code.offsets[blockOf(around.graph, shape.entry[0]!)[0]!]!;
    const isOfCaller = (maker: number) => !has(maker) && code.role(maker).kind !== 'select';
    const isGiven =
      (pc: Address): Trust =>
      (here, all) =>
        !isWhole(here) &&
        (here.start <= first || isOfCaller((index.get(here.start) ?? 0) - 1)) &&
        !isMadeBy(known, pc, here, has) &&
        isSteady(known, pc, here, all)
          ? undefined
          : notGiven;
    const at = (pc: Address) =>
      wantsParameters ? copy.at(pc, isGiven(pc)) : withoutVariables(copy.at(pc, () => notGiven));
    const entry = this.best({ at }, code, shape.entry, (i) => !cheap && has(i) && mayEndCall(known, i));
    if (entry === undefined) return 'the kernel takes no probe on its first instructions';
    const end = shape.end === undefined ? undefined : this.#site(code, shape.end, 'return');
    const endFrame = end && copy.at(end.address)?.frameBytes;
    return {
      into: copy.into,
      entry: entry.site,
      ...(end === undefined || endFrame === undefined ? {} : { end }),
      ...(copy.mark === undefined ? {} : { stackStart: { at: copy.mark } }),
      frameBytes: { entry: entry.frameBytes, end: endFrame ?? 0 },
      signature: { parameters: entry.variables, results: [], resultsUnknown },
    };
  }

  /** Where most parameters are known; of these places the cheapest, of these the first. `mayEnd`: may control leave by a panic there? What is behind it is not run then; asked only where that matters. */
  best(
    copy: Pick<InlinedCopy, 'at'>,
    code: DecodedCode,
    candidates: readonly number[],
    mayEnd: (i: number) => boolean,
  ) {
    let best: { site: Site; variables: GoSignature['parameters']; frameBytes: number; score: number } | undefined;
    const passed: number[] = [];
    for (const index of candidates) {
      const found = this.#site(code, index, 'entry');
      const known = found && copy.at(found.address);
      if (found !== undefined && known !== undefined) {
        const places = known.variables.filter(({ unknown }) => unknown === undefined).length;
        const score = 2 * places + (found.class === 'emulated' ? 1 : 0);
        if (best === undefined || score > best.score) {
          if (passed.some(mayEnd)) break;
          best = { site: found, ...known, score };
        }
      }
      // Behind a call it would be late.
      if (code.flow[index] === flow.call || code.flow[index] === flow.indirectCall) break;
      if (best !== undefined) passed.push(index);
    }
    return best;
  }

  #site(code: DecodedCode, index: number, role: Site['role']): Site | undefined {
    if (classify(this.context.architecture, code, index) === 'refused') return undefined;
    return site(code, index, role, this.context, []);
  }

  /** Of a function that nothing is known of: all that there are. */
  #handedOver(entry: Address, isReturn: boolean): ReadonlySet<Location> {
    const signature = this.context.signature?.(entry);
    const { integers } = abiRegisters[this.context.architecture];
    const isKnown =
      signature?.unknown === undefined &&
      (isReturn ? signature?.resultsUnknown : signature?.parametersUnknown) === undefined;
    if (signature === undefined || !isKnown) return new Set(integers);
    const hidden = signature.dictionary === undefined ? [] : signature.dictionary;
    const variables = isReturn ? signature.results : signature.parameters;
    const places = [...(isReturn ? [] : hidden), ...variables.flatMap((each) => each.places)];
    if (variables.some(({ unknown }) => unknown !== undefined)) return new Set(integers);
    return new Set(places.flatMap((place) => (place.kind === 'stack' ? [] : [place.register])));
  }

  known(fn: GoFunction): Known {
    let known = this.#known.get(fn.entry);
    if (known === undefined) {
      const code = this.#code(fn);
      const { functionName } = this.context;
      const isNoReturn = (offset: number) => noReturn.test(functionName?.((code.entry + offset) as Address) ?? '');
      const graph = flowGraph(code, tableTargets(code, this.context), isNoReturn);
      const index = new Map<number, number>();
      for (let i = 0; i < code.count; i++) index.set(code.entry + code.offsets[i]!, i);
      /** Where callees have their arguments, by entry. */
      const ofCallees = new Map<number, ReadonlySet<Location>>();
      let results: ReadonlySet<Location> | undefined;
      const handedOver = (i: number) => {
        if (code.flow[i] === flow.return) return (results ??= this.#handedOver(fn.entry, true));
        const entry = code.entry + code.targets[i]!;
        const places = ofCallees.get(entry) ?? this.#handedOver(entry as Address, false);
        ofCallees.set(entry, places);
        return places;
      };
      let values: ValueFlow | undefined;
      known = {
        code,
        flow: graph && flowOf(graph),
        index,
        get values() {
          values ??= graph && new ValueFlow(code, graph, handedOver);
          return values;
        },
      };
      this.#known.set(fn.entry, known);
    }
    return known;
  }
}
