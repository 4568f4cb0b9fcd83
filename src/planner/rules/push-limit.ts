import type { Limit, Relational } from '../plan.ts';

/** Fewer rows before what is computed for each of them; of two limits at one end the smaller one. */
export function pushLimit(source: Relational, limit: Limit): Relational {
  if (source.operator === 'project') return { ...source, source: pushLimit(source.source, limit) };
  if (source.operator === 'limit' && source.last === limit.last && !source.others && !limit.others)
    return limit.count < source.count ? { ...source, count: limit.count } : source;
  return { ...limit, source };
}
