import type { Address } from '#base';
import { analyse, type CodeShape, flow, isWhole, type LineSpot, type Trust } from '#gobin';
import { chooseSites } from './choose.ts';
import type { CopyPlace, CopySites } from './copies.ts';
import { tableTargets } from './tables.ts';
import { isCounter, isOfCall, isSteady, type Known } from './trust.ts';

/** A place of a line, with the function that it is written in. */
export interface LinePlace extends CopyPlace {
  readonly function: string;
  readonly inlined: boolean;
}

/**
 * The places of a line: one for each straight piece of code in which a statement of it begins. Of the line that a function is declared on, its entry: with what it was given, once a call.
 * `isUnmarked`: the compiler does not say where statements of the line begin.
 */
export function linePlaces(sites: CopySites, spots: readonly LineSpot[], isUnmarked: boolean): LinePlace[] {
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
    const places = own.flatMap((spot) => pieces(sites, spot, known, spot === declared ? entry : undefined));
    return isUnmarked ? firstOfTurns(places, known) : places;
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
function entryPlace({ context }: CopySites, { into, at }: LineSpot, { code }: Known): LinePlace | undefined {
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
  };
}

/** `entry`: takes the place of the first piece. Nothing of the stack check is of a line: it may run twice for one call. */
function pieces(sites: CopySites, spot: LineSpot, known: Known, entry: LinePlace | undefined): LinePlace[] {
  const { code, flow: around } = known;
  const steady = { at: (pc: Address) => spot.at(pc, trustAt(known, pc)) };
  const places: LinePlace[] = [];
  let piece: number[] = [];
  let first = entry;
  const at = (i: number) => (code.entry + code.offsets[i]!) as Address;
  const finish = () => {
    if (piece.length > 0 && first !== undefined) places.push(first);
    else if (piece.some((i) => spot.statements.includes(at(i)))) push(piece);
    if (piece.length > 0) first = undefined;
    piece = [];
  };
  const push = (candidates: readonly number[]) => {
    const best = sites.best(steady, code, candidates, () => false);
    const scope = best && spot.at(best.site.address);
    if (best === undefined || scope === undefined) return;
    places.push({
      into: spot.into,
      entry: best.site,
      stackStart: { at: best.site.address, isOwn: true },
      frameBytes: { entry: best.frameBytes, end: 0 },
      signature: { parameters: best.variables, results: [] },
      function: scope.function,
      inlined: scope.inlined,
    });
  };
  const isCheck = checkOf(sites, known);
  for (const i of indexesOf(spot, known)) {
    if (isCheck(i)) continue;
    // Something may jump here: what is before it is another piece.
    if (piece.length > 0 && (around === undefined || around.graph.predecessors[i]!.some((from) => from !== i - 1)))
      finish();
    piece.push(i);
    const kind = code.flow[i];
    if (kind !== flow.next && kind !== flow.call && kind !== flow.indirectCall) finish();
  }
  finish();
  return places;
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
    const isTold = isSteady(known, pc, here, all) || isCounter(known, pc, here, all) || isOfCall(known, pc, here);
    return isTold ? undefined : 'debug info does not tell which of its values it has here';
  };
}

/** Without those places that control comes to only by way of another one, and once for it: both are of one turn. */
function firstOfTurns(places: readonly LinePlace[], { index, flow: around, code }: Known): LinePlace[] {
  return places.filter(({ entry }) => {
    const others = places.filter((each) => each.entry.address < entry.address);
    if (around === undefined) return others.length === 0;
    const known = new Set(others.map((each) => index.get(each.entry.address)));
    for (let i = index.get(entry.address)!; i > 0; i--) {
      const before = around.graph.predecessors[i]!;
      if (before.length !== 1 || before[0] !== i - 1) return true;
      if (known.has(i - 1)) return false;
      if (code.flow[i - 1] === flow.return) return true;
    }
    return true;
  });
}
