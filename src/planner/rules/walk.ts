import { apply, type Project, type Relational, type Scalar, typeOf } from '../plan.ts';

/** An expression larger than this is not put into another. */
export const mostMerged = 500;

/** The plan with each plan below it replaced. */
export function withSources(plan: Relational, change: (source: Relational) => Relational): Relational {
  switch (plan.operator) {
    case 'scan':
      return plan;
    case 'join':
      return { ...plan, left: change(plan.left), right: change(plan.right) };
    case 'union':
      return { ...plan, sources: plan.sources.map((source) => ({ ...source, plan: change(source.plan) })) };
    default:
      return { ...plan, source: change(plan.source) };
  }
}

export function definitions(plan: Project): ReadonlyMap<number, Scalar> {
  return new Map(plan.outputs.map((output) => [output.column.id, output.value]));
}

/** The expression over what these columns are made of. */
export function substituted(scalar: Scalar, inner: ReadonlyMap<number, Scalar>): Scalar {
  if (scalar.kind === 'constant') return scalar;
  if (scalar.kind === 'column') return inner.get(scalar.id) ?? scalar;
  return apply(scalar.operation, typeOf(scalar), ...scalar.arguments.map((each) => substituted(each, inner)));
}

/** Adds the ids of the columns that an expression reads. */
export function references(scalar: Scalar, into: Set<number>): void {
  if (scalar.kind === 'column') into.add(scalar.id);
  else if (scalar.kind === 'apply') for (const argument of scalar.arguments) references(argument, into);
}

export function both(a: Scalar, b: Scalar): Scalar {
  return apply('and', { type: 'BOOLEAN', semantic: 'ST_NONE' }, a, b);
}
