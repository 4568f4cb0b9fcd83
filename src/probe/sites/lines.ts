import type { Address } from '#base';
import {
  analyse,
  type CodeShape,
  type Continued,
  flow,
  isWhole,
  type LineSpot,
  nearestCommon,
  type Stretch,
  type Trust,
} from '#gobin';
import { chooseSites } from './choose.ts';
import type { CopyPlace, CopySites } from './copies.ts';
import { comesBack, isEquivalent } from './copy.ts';
import { tableTargets } from './tables.ts';
import { isCounter, isOfCall, isSteady, type Known } from './trust.ts';

/** A place of a line, with the function that it is written in. */
export interface LinePlace extends CopyPlace {
  readonly function: string;
  readonly inlined: boolean;
}

interface PieceStart extends LinePlace {
  /** Of the function, or the copy of it, that it is in. */
  readonly instance: number;
  /** Nothing is done there but that values are brought to registers: the register allocator puts that anywhere. */
  readonly isMove: boolean;
}

/**
 * The places of a line: one for each straight piece of code in which a statement of it begins. Of the line that a function is declared on, its entry: with what it was given, once a call.
 */
export function linePlaces(sites: CopySites, spots: readonly LineSpot[]): LinePlace[] {
  const byFunction = new Map<Address, LineSpot[]>();
  for (const spot of spots) {
    const known = byFunction.get(spot.into.entry);
    if (known) known.push(spot);
    else byFunction.set(spot.into.entry, [spot]);
  }
  return [...byFunction.values()].flatMap((own) => {
    const known = sites.known(own[0]!.into);
    const [declared] = own.filter(({ start }) => start === known.code.entry);
    const entry = declared && entryPlace(sites, declared, known);
    // More than the declaration is on the line where the function returns on it, too.
    const isBody = own.some((spot) => indexesOf(spot, known).some((i) => known.code.flow[i] === flow.return));
    if (entry !== undefined && !isBody) return [entry];
    return oncePerTurn(
      own.flatMap((spot) => pieceStarts(sites, spot, known, spot === declared ? entry : undefined)),
      known,
    );
  });
}

function indexesOf({ start, end }: LineSpot, { code }: Known): number[] {
  const found: number[] = [];
  for (let i = 0; i < code.count; i++) {
    const at = code.entry + code.offsets[i]!;
    if (at >= start && at < end) found.push(i);
  }
  return found;
}

function shapeOf(sites: CopySites, { code }: Known): CodeShape {
  return analyse(code, { isMorestack: sites.context.isMorestack, tableTargets: tableTargets(code, sites.context) });
}

/** Undefined: no instruction is the entry, or its parameters are not known. */
function entryPlace({ context }: CopySites, { into, at }: LineSpot, { code }: Known): PieceStart | undefined {
  const signature = context.signature?.(into.entry);
  const chosen = chooseSites(into, code, context, { entry: true, returns: false });
  const scope = at(into.entry);
  if (!chosen.ok || chosen.value.entry === undefined || scope === undefined || scope.inlined) return undefined;
  if (signature === undefined || signature.unknown !== undefined || signature.parametersUnknown !== undefined)
    return undefined;
  const { entry } = chosen.value;
  return {
    into,
    entry,
    stackStart: { at: entry.address, isOwn: true },
    frameBytes: { entry: 0, end: 0 },
    signature: { parameters: signature.parameters, results: [] },
    function: scope.function,
    inlined: false,
    instance: scope.instance,
    isMove: false,
  };
}

/** `entry`: takes the place of the first piece. */
function pieceStarts(sites: CopySites, spot: LineSpot, known: Known, entry: PieceStart | undefined): PieceStart[] {
  const { code, flow: around } = known;
  const steady = { at: (pc: Address) => spot.at(pc, trustAt(known, pc), continuedAt(known, pc)) };
  const pieces = piecesOf(sites, spot, known);
  const isMarked = pieces.map((piece) =>
    piece.some((i) => spot.statements.includes((code.entry + code.offsets[i]!) as Address)),
  );
  // A mark may be at what only one of the ways to the line runs, such as a reload.
  for (let k = 0; k + 1 < pieces.length; k++) {
    const [own, next] = [pieces[k]!, pieces[k + 1]!];
    const last = own.at(-1)!;
    if (!isMarked[k] || around === undefined || next[0] !== last + 1) continue;
    if (around.graph.successors[last]!.length > 1 || comesBack(around.graph, next[0], own[0]!)) continue;
    isMarked[k] = false;
    isMarked[k + 1] = true;
  }
  return pieces.flatMap((piece, k): PieceStart[] => {
    if (k === 0 && entry !== undefined) return [entry];
    const best = isMarked[k] ? sites.best(steady, code, piece, () => false) : undefined;
    const scope = best && spot.at(best.site.address);
    if (best === undefined || scope === undefined) return [];
    return [
      {
        into: spot.into,
        entry: best.site,
        stackStart: { at: best.site.address, isOwn: true },
        frameBytes: { entry: best.frameBytes, end: 0 },
        signature: { parameters: best.variables, results: [] },
        function: scope.function,
        inlined: scope.inlined,
        instance: scope.instance,
        isMove: piece.every((i) => code.role(i).kind === 'move'),
      },
    ];
  });
}

/** Straight pieces of code: nothing jumps into one. Nothing of the stack check is of a line: it may run twice for one call. */
function piecesOf(sites: CopySites, spot: LineSpot, known: Known): number[][] {
  const { code, flow: around } = known;
  const pieces: number[][] = [];
  const isCheck = checkOf(sites, known);
  let isOpen = false;
  for (const i of indexesOf(spot, known)) {
    if (isCheck(i)) continue;
    if (around === undefined || around.graph.predecessors[i]!.some((from) => from !== i - 1)) isOpen = false;
    if (isOpen) pieces.at(-1)!.push(i);
    else pieces.push([i]);
    const kind = code.flow[i];
    isOpen = kind === flow.next || kind === flow.call || kind === flow.indirectCall;
  }
  return pieces;
}

/** Is an instruction one of the stack check, or of the way back from `runtime.morestack`? */
function checkOf(sites: CopySites, known: Known): (i: number) => boolean {
  const { code } = known;
  const { check, resume } = shapeOf(sites, known);
  if (check < 0 || resume === undefined) return () => false;
  const block = code.targets[check]!;
  return (i) => i <= check || (code.offsets[i]! >= block && i <= resume[1]);
}

/** Decision 97. */
function trustAt(known: Known, pc: Address): Trust {
  return (here, all) => {
    if (isWhole(here)) return undefined;
    const isNeeded = here.places.some(
      (place) => place !== undefined && known.values?.isRead(known.index.get(pc)!, place),
    );
    if (!isNeeded) return 'dead here';
    const isListed = pc >= here.start && pc < here.end;
    const isTold =
      isSteady(known, pc, here, all) || (isListed && (isCounter(known, pc, here, all) || isOfCall(known, pc, here)));
    return isTold ? undefined : 'debug info does not tell which of its values it has here';
  };
}

/** What a list says at the end of every piece of code that leads to this one, and does not say any more from its beginning on. */
function continuedAt({ code, index, flow: around }: Known, pc: Address): Continued {
  return (all) => {
    const coveredAt = (i: number) => {
      const at = code.entry + code.offsets[i]!;
      return all.find(({ start, end }) => at >= start && at < end);
    };
    if (around === undefined) return undefined;
    const { predecessors, successors } = around.graph;
    let found: Stretch | undefined;
    const seen = new Set<number>();
    const work = [index.get(pc)!];
    while (work.length > 0) {
      let i = work.pop()!;
      // To the beginning of its piece of code.
      for (;;) {
        if (seen.has(i)) break;
        seen.add(i);
        if (coveredAt(i) !== undefined) return undefined;
        const [before, ...others] = predecessors[i]!;
        if (before === undefined) return undefined;
        if (others.length > 0 || before !== i - 1 || successors[before]!.length > 1) {
          for (const each of predecessors[i]!) {
            const covered = coveredAt(each);
            if (covered === undefined) work.push(each);
            else if (found !== undefined && `${found.places}` !== `${covered.places}`) return undefined;
            else found = covered;
          }
          break;
        }
        i = before;
      }
    }
    return found;
  };
}

/**
 * One place for a turn of the line: without those that control comes to only by way of another one, and once for it. Of those that are run equally often the one at which most
 * variables are known. Copies of one function inlined twice are apart.
 */
function oncePerTurn(all: readonly PieceStart[], { index, flow: around }: Known): LinePlace[] {
  if (around === undefined) return [...all];
  const at = ({ entry }: LinePlace) => index.get(entry.address)!;
  const isBefore = (first: PieceStart, other: PieceStart) =>
    first !== other &&
    first.instance === other.instance &&
    nearestCommon(around.dominators, 0, [at(first), at(other)]) === at(first);
  // What only brings values to registers, and no other of the line comes behind it, may be of a statement somewhere else.
  const working = all.filter(({ isMove }) => !isMove);
  const places = all.filter(
    (place) =>
      !working.some(({ instance }) => instance === place.instance) ||
      !place.isMove ||
      working.some((each) => isBefore(place, each)),
  );
  const isOfTurn = (first: PieceStart, other: PieceStart) =>
    isBefore(first, other) && !comesBack(around.graph, at(other), at(first));
  const firsts = places.filter((place) => !places.some((other) => isOfTurn(other, place)));
  const known = ({ signature }: LinePlace) =>
    signature.parameters.filter(({ unknown }) => unknown === undefined).length;
  return firsts.map((first) => {
    const alike = places.filter((other) => isOfTurn(first, other) && isEquivalent(around, at(first), at(other)));
    return alike.reduce<PieceStart>((best, other) => (known(other) > known(best) ? other : best), first);
  });
}
