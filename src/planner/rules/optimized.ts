import { outputColumns, type Relational, reference } from '../plan.ts';
import { mergeProjects } from './merge-projects.ts';
import { pruneColumns } from './prune-columns.ts';
import { pushFilter } from './push-filter.ts';
import { pushLimit } from './push-limit.ts';
import { withSources } from './walk.ts';

/**
 * The plan with the same rows and columns, and less work: filters go down to the scan, projections are merged and go up above
 * limits, and a scan reads only the columns that are used.
 */
export function optimized(plan: Relational): Relational {
  const columns = outputColumns(plan);
  const pruned = pruneColumns(normalized(plan), new Set(columns.map((column) => column.id)));
  // What could not be pruned below must not appear in the result.
  if (outputColumns(pruned).length === columns.length) return pruned;
  return {
    operator: 'project',
    source: pruned,
    outputs: columns.map((column) => ({ column, value: reference(column) })),
  };
}

function normalized(plan: Relational): Relational {
  const below = withSources(plan, normalized);
  switch (below.operator) {
    case 'filter':
      return pushFilter(below.source, below.predicate);
    case 'limit':
      return pushLimit(below.source, below);
    case 'project':
      return mergeProjects(below);
    default:
      return below;
  }
}
