import type { Address } from '#base';
import type { Architecture } from './abi.ts';
import type { DebugInfo } from './debuginfo.ts';
import type { Handovers } from './handovers.ts';
import { sameName } from './names.ts';
import { parametersInOrder } from './parameters.ts';
import type { InlinedCall, Pclntab } from './pclntab.ts';
import type { InlinedCopy, TypeRef } from './types.ts';
import { variablesAt } from './variables.ts';

export interface CopyInput {
  readonly architecture: Architecture;
  readonly debug: DebugInfo | undefined;
  readonly table: Pclntab | undefined;
  /** Of a function of the table. */
  readonly callsIn: (index: number) => readonly InlinedCall[];
  readonly handovers: Handovers;
}

/** The inlined copies of the function of exactly that name: by debug info; without, by the function table, which knows nothing of parameters. */
export function inlinedCopies(name: string, input: CopyInput): InlinedCopy[] {
  const { debug, table } = input;
  return debug !== undefined ? ofDebugInfo(name, debug, input) : table !== undefined ? ofTable(name, table, input) : [];
}

function ofDebugInfo(
  name: string,
  debug: DebugInfo,
  { architecture, table, callsIn, handovers }: CopyInput,
): InlinedCopy[] {
  return debug.copies(name).map(({ owner, copy }) => {
    const into = { name: owner.name, entry: owner.entry, end: owner.end, assembly: false };
    const parameters = parametersInOrder(copy.parameters);
    const at: InlinedCopy['at'] = (pc, isTrusted) => {
      const frameBytes = table?.frameSize(pc);
      if (frameBytes === undefined) return undefined;
      const resolve = (ref: TypeRef) => debug.type(ref);
      const isThere = (at: number) => handovers.has(into, at);
      const input = { architecture, pc, frameBytes, resolve, isHandover: isThere, isTrusted };
      return { variables: variablesAt(parameters, input), frameBytes };
    };
    const index = table?.findByPc(owner.entry) ?? -1;
    const mark = markOf(name, copy.ranges, index < 0 ? [] : callsIn(index));
    return { into, ranges: copy.ranges, ...(mark === undefined ? {} : { mark }), at };
  });
}

/** Of the call that the function table has at these places; of several (a function inlined into itself) none. */
function markOf(name: string, ranges: InlinedCopy['ranges'], calls: readonly InlinedCall[]): Address | undefined {
  const first = ranges[0]!.start;
  const isThere = ({ ranges }: InlinedCall) => ranges.some(({ start, end }) => first >= start && first < end);
  const found = calls.filter((call) => isThere(call) && sameName(call.name, name));
  return found.length === 1 ? found[0]!.mark : undefined;
}

function ofTable(name: string, table: Pclntab, { callsIn }: CopyInput): InlinedCopy[] {
  const copies: InlinedCopy[] = [];
  for (let index = 0; index < table.count; index++) {
    for (const call of callsIn(index)) {
      if (call.name !== name) continue;
      const at: InlinedCopy['at'] = (pc) => {
        const frameBytes = table.frameSize(pc);
        return frameBytes === undefined ? undefined : { variables: [], frameBytes };
      };
      copies.push({ into: table.function(index), ranges: call.ranges, mark: call.mark, at });
    }
  }
  return copies;
}

/** Functions that the table knows to be inlined somewhere, and how many copies there are of each. */
export function inlinedByTable(table: Pclntab | undefined, callsIn: CopyInput['callsIn']): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (let index = 0; table !== undefined && index < table.count; index++)
    for (const { name } of callsIn(index)) found.set(name, (found.get(name) ?? 0) + 1);
  return found;
}
