import type { Diagnostic } from '#base';
import type { LogicalTracepoint } from '#model';
import { groupSizes, tooLarge } from './emit/index.ts';
import type { Chosen } from './programs.ts';
import { unequalColumns } from './relation.ts';
import { isFurther, notInKernel } from './resolve/index.ts';
import type { EmitFeatures } from './types.ts';

/** Why a tracepoint, each of whose probes is possible, is not. */
export function refusalsOf(
  logical: LogicalTracepoint,
  chosen: readonly Chosen[],
  { attachCookie }: EmitFeatures,
): readonly Diagnostic[] {
  const columns = unequalColumns(
    logical,
    chosen.map(({ plan }) => plan),
  );
  if (columns.length > 0) return columns;
  const large = tooLarge(groupSizes(chosen.flatMap(({ plan }) => plan.group ?? [])));
  const unfit = large ?? chosen.map(({ plan }) => plan.group?.unfit).find((reason) => reason !== undefined);
  if (unfit !== undefined) return [{ id: notInKernel, message: `aggregates: ${unfit}` }];
  const tree = noTree(logical, chosen);
  if (tree.length > 0 || attachCookie || !chosen.some(({ many }) => many)) return tree;
  const message = 'several functions in one probe need attach cookies (kernel 5.15): name one function';
  return [{ id: 'probe.no-cookies', message }];
}

/** The tree of calls is made as they begin, of all that are there: why it cannot be. */
function noTree(logical: LogicalTracepoint, chosen: readonly Chosen[]): Diagnostic[] {
  const parts = chosen.filter(({ plan }) => plan.plan.tree !== undefined);
  const fail = (message: string, hints: readonly string[]): Diagnostic[] => {
    const span = logical.probes.find(({ when }) => when !== undefined)?.when?.span;
    return [{ id: 'probe.no-tree', message, hints, ...(span === undefined ? {} : { span }) }];
  };
  if (parts.some(({ plan }) => plan.plan.condition !== undefined))
    return fail('the place of a call in a tree is known when it begins, whether the condition holds only later', [
      'leave out in the query what is not wanted: df = df[df.latency > 1000000]',
      'a condition on numbers, bools and strings of the arguments can be told when the call begins',
    ]);
  const names = parts.flatMap(({ resolved }) =>
    resolved.copy === undefined && !isFurther(resolved) ? resolved.function.name : [],
  );
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  return twice === undefined ? [] : fail(`'${twice}' is there twice: a call has one place in a tree`, []);
}

/** Why a script's `wait_for_pages` cannot be had. */
export function noWait(logical: LogicalTracepoint, { sleepable, mayGoto }: EmitFeatures): readonly Diagnostic[] {
  if (logical.waitForPages !== true || (sleepable === true && mayGoto === true)) return [];
  const message =
    'wait_for_pages takes sleepable uprobe programs (Linux 6.0) and may_goto (6.9), which this kernel does not have';
  return [{ id: 'probe.no-wait', message, hints: ['`px doctor` says what it has'] }];
}
