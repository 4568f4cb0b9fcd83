import type { Aggregate, Join, Relational, Union, Window } from '../plan.ts';
import { references } from './walk.ts';

/** The plan without the columns that nobody above needs. */
export function pruneColumns(plan: Relational, needed: ReadonlySet<number>): Relational {
  const below = new Set(needed);
  switch (plan.operator) {
    case 'scan':
      return { ...plan, columns: plan.columns.filter((column) => needed.has(column.id)) };
    case 'project': {
      const outputs = plan.outputs.filter((output) => needed.has(output.column.id));
      const read = new Set<number>();
      for (const { value } of outputs) references(value, read);
      return { ...plan, outputs, source: pruneColumns(plan.source, read) };
    }
    case 'filter':
      references(plan.predicate, below);
      return { ...plan, source: pruneColumns(plan.source, below) };
    case 'limit':
      return { ...plan, source: pruneColumns(plan.source, needed) };
    case 'sort':
      for (const { value } of plan.keys) references(value, below);
      return { ...plan, source: pruneColumns(plan.source, below) };
    case 'window':
      return prunedWindow(plan, needed);
    case 'join':
      return prunedJoin(plan, needed);
    case 'union':
      return prunedUnion(plan, needed);
    case 'aggregate':
      return prunedAggregate(plan, needed);
  }
}

function prunedWindow(plan: Window, needed: ReadonlySet<number>): Relational {
  const values = plan.values.filter((value) => needed.has(value.column.id));
  if (values.length === 0) return pruneColumns(plan.source, needed);
  const below = new Set(needed);
  for (const { argument } of values) references(argument, below);
  for (const each of plan.by) references(each, below);
  for (const { value } of plan.order) references(value, below);
  return { ...plan, values, source: pruneColumns(plan.source, below) };
}

function prunedJoin(plan: Join, needed: ReadonlySet<number>): Join {
  const outputs = plan.outputs.filter((output) => needed.has(output.column.id));
  const read = (side: 'left' | 'right') => {
    const below = new Set(outputs.filter((output) => output.side === side).map((output) => output.from.id));
    for (const pair of plan.on) references(pair[side], below);
    return below;
  };
  return {
    ...plan,
    outputs,
    left: pruneColumns(plan.left, read('left')),
    right: pruneColumns(plan.right, read('right')),
  };
}

/** Rows of a union are ordered by `time_`, which is therefore always read. */
function prunedUnion(plan: Union, needed: ReadonlySet<number>): Union {
  const kept = plan.columns.map((column) => needed.has(column.id) || column.name === 'time_');
  const sources = plan.sources.map(({ plan: source, from }) => {
    const read = from.filter((_, i) => kept[i]);
    return { plan: pruneColumns(source, new Set(read.map((column) => column.id))), from: read };
  });
  return { ...plan, sources, columns: plan.columns.filter((_, i) => kept[i]) };
}

function prunedAggregate(plan: Aggregate, needed: ReadonlySet<number>): Aggregate {
  const wanted = plan.values.filter((value) => needed.has(value.column.id));
  // It is by its values that an aggregate without groups is one row.
  const values = wanted.length === 0 && !plan.by ? plan.values.slice(0, 1) : wanted;
  const below = new Set<number>();
  for (const { argument, function: name } of values) if (name !== 'count') references(argument, below);
  for (const { value } of plan.by ?? []) references(value, below);
  return { ...plan, values, source: pruneColumns(plan.source, below) };
}
