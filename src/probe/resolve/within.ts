import { typeArgumentsIn } from '#gobin';
import { type LogicalProbe, linePlaceOf } from '#model';
import type { BinaryView } from '../binary.ts';
import type { Resolution } from '../types.ts';
import { fail, resolveFunctions } from './functions.ts';
import type { CodeRange } from './resolved.ts';

/** Most functions whose inlined copies are looked for. */
const mostNames = 2_000;

/** Most ranges: they are searched for each frame, in a map that holds the borders of all. */
const mostRanges = 32_767;

/**
 * Where the code of `within` lies, by address, none touching another: that of its functions, and of their inlined copies in other functions. Which call a place in the code is in is what
 * tracebacks go by: at a call the compiler tells it exactly.
 */
export function resolveWithin(
  probe: LogicalProbe,
  within: string,
  binary: BinaryView,
): Resolution<readonly CodeRange[]> {
  const wanted = { function: within, columns: [], ...(probe.span === undefined ? {} : { span: probe.span }) };
  if (linePlaceOf(within) !== undefined)
    return fail(wanted, 'probe.within', `within='${within}' is a line: calls are within functions`);
  const types = typeArgumentsIn(within);
  if (types !== '' && types !== '...' && !types.includes('go.shape.') && !within.startsWith('re:')) {
    return fail(
      wanted,
      'probe.within',
      `within='${within}': which type arguments a call on the stack has is told nowhere`,
      ['without them all instances are meant'],
    );
  }
  const found = resolveFunctions(wanted, binary);
  if (!found.ok) return found;
  const { functions, names } = found.value;
  const all = new Set(names);
  if (all.size > mostNames && binary.inlinedCopies !== undefined) {
    return fail(
      wanted,
      'probe.within',
      `within='${within}' fits ${all.size} functions: of at most ${mostNames} the inlined copies are looked for`,
      ['fit fewer functions'],
    );
  }
  const copies = [...all].flatMap((name) => binary.inlinedCopies?.(name) ?? []);
  const ranges = joined([
    ...functions.map(({ entry, end }) => ({ start: entry, end })),
    ...copies.flatMap((copy) => copy.ranges),
  ]);
  if (ranges.length > mostRanges) {
    return fail(
      wanted,
      'probe.within',
      `within='${within}' has code in ${ranges.length} places: at most ${mostRanges} are looked for`,
    );
  }
  return { ok: true, value: ranges };
}

function joined(ranges: readonly CodeRange[]): CodeRange[] {
  const all: { start: number; end: number }[] = [];
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = all.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else if (end > start) all.push({ start, end });
  }
  return all;
}
