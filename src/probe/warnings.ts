import type { LogicalTracepoint } from '#model';
import type { CompilableBinary } from './binary.ts';
import type { PlannedProbe } from './plan/index.ts';
import type { Chosen } from './programs.ts';
import { isFurther, isRest, type ResolvedProbe, type Skipped, withoutDebugInfo } from './resolve/index.ts';

/** What people should know of a tracepoint that compiles. */
export function warningsOf(
  logical: LogicalTracepoint,
  chosen: readonly Chosen[],
  planned: readonly PlannedProbe[],
  binary: CompilableBinary,
): string[] {
  return [
    ...chosen.flatMap((each) => [
      ...(each.many || isRest(each.resolved) ? [] : each.sites.warnings),
      ...inlineWarning(each.resolved),
    ]),
    ...steppedWarning(chosen),
    ...contestedWarning(chosen, binary),
    ...unseenWarning(logical, planned, binary),
    ...lateWarning(planned),
  ];
}

/** `first` and the like count calls that a condition leaves out only when they have been captured. */
function lateWarning(planned: readonly PlannedProbe[]): string[] {
  const late = planned.find(({ plan, selection }) => {
    const { sample, rate, first } = selection ?? {};
    return plan.condition !== undefined && (sample ?? rate ?? first) !== undefined;
  });
  if (late === undefined) return [];
  return [
    'sample, rate and first count calls that the condition leaves out: a part of it is decided on what was captured, or behind the return',
  ];
}

/** Of the functions of a pattern, and the places where they are inlined, how many cost two traps a call. */
function steppedWarning(chosen: readonly Chosen[]): string[] {
  // The places of a line are no functions.
  const isLine = ({ resolved }: Chosen) => resolved.copy?.stackStart?.isOwn === true;
  const many = chosen.filter((each) => each.many && !isFurther(each.resolved) && !isLine(each));
  if (many.length === 0) return [];
  const stepped = many.filter(({ sites }) => sites.entry?.class === 'stepped').length;
  const functions = new Set(many.map(({ resolved }) => resolved.function.name)).size;
  const copies = many.filter(({ resolved }) => resolved.copy !== undefined).length;
  const all = functions === 1 ? '1 function' : `${functions} functions`;
  const inlined = copies === 0 ? '' : copies === 1 ? ' and 1 inlined copy' : ` and ${copies} inlined copies`;
  return [
    `${all}${inlined} traced${stepped === 0 ? '' : `, ${stepped} of them single-stepped at the entry (two traps a call)`}`,
  ];
}

/** Where debug info and the calling convention disagree, and the convention was taken: how often, and where. */
function contestedWarning(chosen: readonly Chosen[], binary: CompilableBinary): string[] {
  const found = chosen.flatMap(({ resolved, plan }) => {
    if (resolved.copy !== undefined || isFurther(resolved) || plan.entry?.sources.length === 0) return [];
    const names = binary.contested?.(resolved.function) ?? [];
    return names.length === 0 ? [] : [{ function: resolved.function.name, names }];
  });
  if (found.length === 0) return [];
  const count = found.reduce((sum, { names }) => sum + names.length, 0);
  const where = found.slice(0, 5).map((each) => `${each.names.join(', ')} of ${each.function}`);
  const more = found.length > 5 ? ` and of ${found.length - 5} more` : '';
  return [
    `debug info has ${count === 1 ? '1 parameter' : `${count} parameters`} elsewhere at the entry than the calling convention, which was taken: ${where.join('; ')}${more}`,
  ];
}

/** Names every function that is left out, with the reason, one line a reason. */
export function skippedText(skipped: readonly Skipped[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { function: fn, reason } of skipped) {
    // The sentence without the name, so that functions of one fate stand together.
    const key = reason.replaceAll(fn, 'it').replace(/\+0x[0-9a-f]+/g, '…');
    byReason.set(key, [...new Set([...(byReason.get(key) ?? []), fn])]);
  }
  return [...byReason].map(([reason, names]) => `not traced: ${names.join(', ')}: ${reason}`);
}

function inlineWarning(probe: ResolvedProbe): string[] {
  if (probe.inlinedCopies === 0) return [];
  const copies = probe.inlinedCopies === 1 ? '1 inlined copy' : `${probe.inlinedCopies} inlined copies`;
  return [`${copies} of ${probe.function.name} ${probe.inlinedCopies === 1 ? 'is' : 'are'} not traced`];
}

/** Said once, not with every call. */
function unseenWarning(
  logical: LogicalTracepoint,
  planned: readonly PlannedProbe[],
  binary: CompilableBinary,
): string[] {
  if (binary.hasDebugInfo !== false) return [];
  const shows = (kind: string) =>
    logical.probes.some(({ columns }) => columns.some((each) => each.capture.kind === kind));
  const unseen = planned.some(({ plan }) =>
    plan.columns.some(({ source }) => 'shape' in source && source.shape.kind === 'missing'),
  );
  if (!unseen || (!shows('arguments') && !shows('results'))) return [];
  return [`arguments and results are not captured: the binary has no debug info; ${withoutDebugInfo.join(', ')}`];
}
