import { type Aggregate, apply, outputColumns, type Project, type Relational, type Scalar, typeOf } from './plan.ts';

/** A merged expression larger than this is left in two steps. */
const mostMerged = 500;

/**
 * The plan with the same rows and columns, and less work: filters go down to the scan, projections are merged and go up above
 * limits, and a scan reads only the columns that are used.
 */
export function optimized(plan: Relational): Relational {
  const needed = new Set(outputColumns(plan).map((column) => column.id));
  return pruned(normalized(plan), needed);
}

function normalized(plan: Relational): Relational {
  switch (plan.operator) {
    case 'scan':
      return plan;
    case 'filter':
      return filterPushed(normalized(plan.source), plan.predicate);
    case 'limit':
      return limited(normalized(plan.source), plan.count);
    case 'project':
      return projectMerged({ ...plan, source: normalized(plan.source) });
    case 'aggregate':
      return { ...plan, source: normalized(plan.source) };
  }
}

function limited(source: Relational, count: bigint): Relational {
  if (source.operator === 'project') return { ...source, source: limited(source.source, count) };
  if (source.operator === 'limit') return count < source.count ? { ...source, count } : source;
  return { operator: 'limit', source, count };
}

function filterPushed(source: Relational, predicate: Scalar): Relational {
  switch (source.operator) {
    case 'scan':
      return { ...source, predicate: source.predicate ? both(source.predicate, predicate) : predicate };
    case 'project': {
      const inner = substituted(predicate, definitions(source));
      if (inner.size > mostMerged) return { operator: 'filter', source, predicate };
      return { ...source, source: filterPushed(source.source, inner) };
    }
    case 'filter':
      return { ...source, predicate: both(source.predicate, predicate) };
    default:
      return { operator: 'filter', source, predicate };
  }
}

function both(a: Scalar, b: Scalar): Scalar {
  return apply('and', { type: 'BOOLEAN', semantic: 'ST_NONE' }, a, b);
}

function projectMerged(plan: Project): Project {
  const { source } = plan;
  if (source.operator !== 'project') return plan;
  const inner = definitions(source);
  const outputs = plan.outputs.map(({ column, value }) => ({ column, value: substituted(value, inner) }));
  if (outputs.some((output) => output.value.size > mostMerged)) return plan;
  return { ...plan, source: source.source, outputs };
}

function definitions(plan: Project): ReadonlyMap<number, Scalar> {
  return new Map(plan.outputs.map((output) => [output.column.id, output.value]));
}

function substituted(scalar: Scalar, inner: ReadonlyMap<number, Scalar>): Scalar {
  if (scalar.kind === 'constant') return scalar;
  if (scalar.kind === 'column') return inner.get(scalar.id) ?? scalar;
  return apply(scalar.operation, typeOf(scalar), ...scalar.arguments.map((each) => substituted(each, inner)));
}

/** Leaves out what nobody above needs. */
function pruned(plan: Relational, needed: ReadonlySet<number>): Relational {
  switch (plan.operator) {
    case 'scan': {
      const columns = plan.columns.filter((column) => needed.has(column.id));
      return { ...plan, columns };
    }
    case 'project': {
      const outputs = plan.outputs.filter((output) => needed.has(output.column.id));
      const below = new Set<number>();
      for (const { value } of outputs) references(value, below);
      return { ...plan, outputs, source: pruned(plan.source, below) };
    }
    case 'filter': {
      const below = new Set(needed);
      references(plan.predicate, below);
      return { ...plan, source: pruned(plan.source, below) };
    }
    case 'limit':
      return { ...plan, source: pruned(plan.source, needed) };
    case 'aggregate':
      return prunedAggregate(plan, needed);
  }
}

function prunedAggregate(plan: Aggregate, needed: ReadonlySet<number>): Aggregate {
  const values = plan.values.filter((value) => needed.has(value.column.id));
  const below = new Set<number>();
  for (const { argument, function: name } of values) if (name !== 'count') references(argument, below);
  for (const { value } of plan.by ?? []) references(value, below);
  return { ...plan, values, source: pruned(plan.source, below) };
}

function references(scalar: Scalar, into: Set<number>): void {
  if (scalar.kind === 'column') into.add(scalar.id);
  else if (scalar.kind === 'apply') for (const argument of scalar.arguments) references(argument, into);
}
