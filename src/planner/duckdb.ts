import { aggregateText, identifier, scalarText } from './duckdb-scalars.ts';
import { constant, type PlanColumn, type Relational, type Scalar } from './plan.ts';

/** Columns that the store adds to every table: each row's notes, and its place in the order of ingest. */
const notesColumn = 'notes_';
const sequenceColumn = 'seq_';
const alias = 't';

/** One SELECT under construction. Column texts are by the id of the plan's column. */
interface Select {
  readonly from: string;
  readonly columns: readonly PlanColumn[];
  readonly texts: ReadonlyMap<number, string>;
  readonly where: readonly string[];
  readonly groupBy?: readonly string[];
  /** What the rows are ordered by; undefined: there is one row. */
  readonly order?: string;
  readonly notes?: string;
  readonly limit?: bigint;
  /** The columns are expressions, not to be multiplied by another substitution. */
  readonly computed?: true;
}

/**
 * A plan as one SELECT for DuckDB. The columns are the plan's in order, then `notes_` if the plan has notes; rows come in the
 * order of ingest, groups in the order of their first rows. All literals are quoted here: nothing of a script is ever SQL.
 * A table function's table needs only its relation's columns; its rows keep the order in which they were inserted.
 */
export function duckdbText(plan: Relational): string {
  return text(selectOf(plan), false);
}

function selectOf(plan: Relational): Select {
  switch (plan.operator) {
    case 'scan':
      return scanned(plan);
    case 'filter': {
      const source = simple(selectOf(plan.source), (select) => select.limit === undefined && !select.groupBy);
      return { ...source, where: [...source.where, written(plan.predicate, source)] };
    }
    case 'project': {
      const source = simple(selectOf(plan.source), (select) => !select.computed);
      const texts = new Map(plan.outputs.map(({ column, value }) => [column.id, written(value, source)]));
      return { ...source, columns: plan.outputs.map((output) => output.column), texts, computed: true };
    }
    case 'limit': {
      const source = simple(selectOf(plan.source), (select) => select.limit === undefined);
      return { ...source, limit: plan.count };
    }
    case 'aggregate': {
      const source = simple(selectOf(plan.source), (select) => select.limit === undefined && !select.groupBy);
      const keys = plan.by?.map(({ column, value }) => ({ column, text: written(value, source) }));
      const values = plan.values.map(({ column, argument, function: name }) => ({
        column,
        text: aggregateText(name, argument, name === 'count' ? '' : written(argument, source), column),
      }));
      const all = [...(keys ?? []), ...values];
      return {
        from: source.from,
        columns: all.map((each) => each.column),
        texts: new Map(all.map((each) => [each.column.id, each.text])),
        where: source.where,
        ...(keys ? { groupBy: keys.map((each) => each.text) } : { groupBy: [] }),
        ...(keys && source.order ? { order: `min(${source.order})` } : {}),
        computed: true,
      };
    }
  }
}

function scanned(plan: Extract<Relational, { operator: 'scan' }>): Select {
  const named = (_id: number, name: string) => `${alias}.${identifier(name)}`;
  const where: string[] = [];
  const time = `${alias}."time_"`;
  if (plan.startNs !== undefined) where.push(`${time} >= ${scalarText(constant('TIME64NS', plan.startNs), named)}`);
  if (plan.endNs !== undefined) where.push(`${time} <= ${scalarText(constant('TIME64NS', plan.endNs), named)}`);
  if (plan.predicate) where.push(scalarText(plan.predicate, named));
  return {
    from: `${identifier(plan.table)} AS ${alias}`,
    columns: plan.columns,
    texts: new Map(plan.columns.map((column) => [column.id, named(column.id, column.name)])),
    where,
    order: plan.stored ? `${alias}.${identifier(sequenceColumn)}` : `${alias}.rowid`,
    ...(plan.stored ? { notes: `${alias}.${identifier(notesColumn)}` } : {}),
  };
}

function written(scalar: Scalar, source: Select): string {
  return scalarText(scalar, (id) => source.texts.get(id)!);
}

/** The select itself if more can be put in it, else a select from it. */
function simple(select: Select, fits: (select: Select) => boolean): Select {
  if (fits(select)) return select;
  const named = (name: string) => `${alias}.${identifier(name)}`;
  return {
    from: `(\n${indented(text(select, true))}\n) AS ${alias}`,
    columns: select.columns,
    texts: new Map(select.columns.map((column) => [column.id, named(column.name)])),
    where: [],
    ...(select.order ? { order: named(sequenceColumn) } : {}),
    ...(select.notes ? { notes: named(notesColumn) } : {}),
  };
}

function text(select: Select, inner: boolean): string {
  const columns = select.columns.map((column) => `${select.texts.get(column.id)!} AS ${identifier(column.name)}`);
  if (select.notes) columns.push(`${select.notes} AS ${identifier(notesColumn)}`);
  if (inner && select.order) columns.push(`${select.order} AS ${identifier(sequenceColumn)}`);
  const lines = [`SELECT ${columns.length > 0 ? columns.join(', ') : '1'}`, `FROM ${select.from}`];
  if (select.where.length > 0) lines.push(`WHERE ${select.where.join(' AND ')}`);
  if (select.groupBy && select.groupBy.length > 0) lines.push(`GROUP BY ${select.groupBy.join(', ')}`);
  if (select.order && (!inner || select.limit !== undefined)) lines.push(`ORDER BY ${select.order}`);
  if (select.limit !== undefined) lines.push(`LIMIT ${select.limit}`);
  return lines.join('\n');
}

function indented(lines: string): string {
  return `  ${lines.replaceAll('\n', '\n  ')}`;
}
