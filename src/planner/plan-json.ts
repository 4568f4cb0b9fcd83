import { SondeError } from '#base';
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

/** A plan for nodes, as `splitPlan` makes them. @throws BadPlan for a text that is no JSON, or that is no row of filters, projections and limits that ends in a scan. */
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
    if (each?.operator !== 'filter' && each?.operator !== 'project' && each?.operator !== 'limit')
      throw new BadPlan(`a node has no operator ${each?.operator}`);
  }
  return plan;
}
