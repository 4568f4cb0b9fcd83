import { type Join, type Relational, reference, type Scalar } from '../plan.ts';
import { both, definitions, mostMerged, references, substituted } from './walk.ts';

/** The rows of `source` for which the predicate holds, with the filter as far down as it can go. */
export function pushFilter(source: Relational, predicate: Scalar): Relational {
  switch (source.operator) {
    case 'scan':
      return { ...source, predicate: source.predicate ? both(source.predicate, predicate) : predicate };
    case 'project': {
      const inner = substituted(predicate, definitions(source));
      if (inner.size > mostMerged) return { operator: 'filter', source, predicate };
      return { ...source, source: pushFilter(source.source, inner) };
    }
    case 'filter':
      return { ...source, predicate: both(source.predicate, predicate) };
    case 'sort':
      return { ...source, source: pushFilter(source.source, predicate) };
    case 'union': {
      const sources = source.sources.map(({ plan, from }) => {
        const inner = new Map(source.columns.map((column, i) => [column.id, reference(from[i]!)]));
        return { plan: pushFilter(plan, substituted(predicate, inner)), from };
      });
      return { ...source, sources };
    }
    case 'join':
      return pushIntoJoin(source, predicate);
    case 'aggregate': {
      // A group stays or goes as a whole if the condition is on its keys alone.
      const keys = new Map((source.by ?? []).map(({ column, value }) => [column.id, value]));
      if (!readsOnly(predicate, keys)) return { operator: 'filter', source, predicate };
      return { ...source, source: pushFilter(source.source, substituted(predicate, keys)) };
    }
    default:
      return { operator: 'filter', source, predicate };
  }
}

/** A side whose rows are all in the result, matched or not, must keep them until they are matched. */
function pushIntoJoin(join: Join, predicate: Scalar): Relational {
  for (const side of ['left', 'right'] as const) {
    if (join.kind !== 'inner' && join.kind !== side) continue;
    const columns = new Map(
      join.outputs.filter((output) => output.side === side).map(({ column, from }) => [column.id, reference(from)]),
    );
    if (readsOnly(predicate, columns))
      return { ...join, [side]: pushFilter(join[side], substituted(predicate, columns)) };
  }
  return { operator: 'filter', source: join, predicate };
}

function readsOnly(predicate: Scalar, columns: ReadonlyMap<number, unknown>): boolean {
  const read = new Set<number>();
  references(predicate, read);
  return read.size > 0 && [...read].every((id) => columns.has(id));
}
