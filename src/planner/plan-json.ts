import { SondeError } from '#base';
import { isAggregate } from './aggregates/all.ts';
import type { Relational } from './plan.ts';

/** A text that is no plan. */
export class BadPlan extends SondeError {
  readonly code = 'planner.bad-plan';
}

/** A plan as a text, for another process: JSON, with big integers and floats that JSON lacks as `{"$int": "5"}`, `{"$float": "NaN"}`. */
export function planToJson(plan: Relational): string {
  return JSON.stringify(plan, (_, value: unknown) => {
    if (typeof value === 'bigint') return { $int: value.toString() };
    if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
      return { $float: Object.is(value, -0) ? '-0' : String(value) };
    }
    return value;
  });
}

/** Operators that have one source, and that nodes do. */
const ofNodes: ReadonlySet<string> = new Set(['filter', 'project', 'limit', 'sort', 'aggregate']);

/**
 * A plan for nodes, as `splitPlan` makes them.
 * @throws BadPlan for a text that is no JSON, for a plan that is no chain of operators that ends in a scan, and for an aggregate that is not known here (a
 *   broker of another version).
 */
export function planFromJson(text: string): Relational {
  let plan: Relational;
  try {
    plan = JSON.parse(text, (_, value: unknown) => {
      if (typeof value !== 'object' || value === null) return value;
      if ('$int' in value) return BigInt(value.$int as string);
      return '$float' in value ? Number(value.$float) : value;
    }) as Relational;
  } catch (error) {
    throw new BadPlan('this is no plan', { cause: error });
  }
  for (let each = plan; each?.operator !== 'scan'; each = each.source) {
    if (!ofNodes.has(each?.operator) || each.operator === 'join' || each.operator === 'union')
      throw new BadPlan(`a node has no operator ${each?.operator}`);
    if (each.operator === 'aggregate')
      for (const { function: name } of each.values)
        if (!isAggregate(name)) throw new BadPlan(`this node has no aggregate ${name}: is it of the broker's version?`);
  }
  return plan;
}
