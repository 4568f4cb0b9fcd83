import { BugError } from '#base';
import { aggregateOf } from './aggregates/all.ts';
import { shareOf } from './aggregates/quantile.ts';
import { identifier, scalarText } from './duckdb-scalars.ts';
import { duckdbType } from './duckdb-types.ts';
import { windowText } from './duckdb-windows.ts';
import {
  type Aggregate,
  constant,
  type Join,
  type PlanColumn,
  type Relational,
  type Scalar,
  type Scan,
  type SortKey,
  type Union,
} from './plan.ts';
import { withSources } from './rules/walk.ts';
import type { Following } from './types.ts';

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
  /** What the rows are ordered by, the strongest first; empty: there is one row. */
  readonly order: readonly string[];
  readonly notes?: string;
  /** `LIMIT 5`, or `OFFSET 5`. */
  readonly limit?: string;
  /** The columns are expressions, not to be multiplied by another substitution. */
  readonly computed?: true;
  /** `order` is more than one ascending number. */
  readonly sorted?: true;
  /** `order` of a merge as one number. */
  readonly place?: string;
}

/**
 * A plan as one SELECT for DuckDB. The columns are the plan's in order, then `notes_` if the plan has notes; rows come in the
 * order of ingest, groups in the order of their first rows. All literals are quoted here: nothing of a script is ever SQL.
 * A table function's table needs only its relation's columns; its rows keep the order in which they were inserted.
 */
export function duckdbText(plan: Relational): string {
  return text(selectOf(plan), false);
}

/** Of a plan that is streamed, the rows at some places in the order of arrival. */
export function followingOf(plan: Relational): Following {
  const sql = (after: bigint, upTo: bigint) => text(selectOf(atPlaces(plan, after, upTo)), false);
  return { table: scanBelow(plan).table, sql };
}

function scanBelow(plan: Relational): Scan {
  if (plan.operator === 'scan') return plan;
  if (plan.operator === 'filter' || plan.operator === 'project') return scanBelow(plan.source);
  throw new BugError(`${plan.operator} of rows that go on`);
}

function atPlaces(plan: Relational, after: bigint, upTo: bigint): Relational {
  if (plan.operator === 'scan') return { ...plan, places: { after, upTo } };
  return withSources(plan, (source) => atPlaces(source, after, upTo));
}

const unlimited = (select: Select) => select.limit === undefined && !select.groupBy;
/** Rows in an order that one number tells. */
const plain = (select: Select) => unlimited(select) && !select.sorted;

function selectOf(plan: Relational): Select {
  switch (plan.operator) {
    case 'scan':
      return scanned(plan);
    case 'join':
      return joined(plan);
    case 'union':
      return united(plan);
    case 'filter': {
      const source = simple(selectOf(plan.source), unlimited);
      return { ...source, where: [...source.where, written(plan.predicate, source)] };
    }
    case 'project': {
      const source = simple(selectOf(plan.source), (select) => !select.computed);
      const texts = new Map(plan.outputs.map(({ column, value }) => [column.id, written(value, source)]));
      return { ...source, columns: plan.outputs.map((output) => output.column), texts, computed: true };
    }
    case 'limit': {
      const source = simple(selectOf(plan.source), (select) => select.limit === undefined);
      const limit = `${plan.others ? 'OFFSET' : 'LIMIT'} ${plan.count}`;
      if (!plan.last) return { ...source, limit };
      // The last rows are the first ones of the opposite order, turned round again.
      return turned({ ...turned(source), limit });
    }
    case 'sort': {
      const source = simple(selectOf(plan.source), plain);
      return { ...source, order: [...keyTexts(plan.keys, source), ...source.order], sorted: true };
    }
    case 'window': {
      const source = simple(selectOf(plan.source), (select) => plain(select) && !select.computed);
      const texts = new Map(source.texts);
      const order = [...keyTexts(plan.order, source), ...source.order];
      const by = plan.by.map((each) => written(each, source));
      for (const value of plan.values) {
        const argument = written(value.argument, source);
        texts.set(value.column.id, windowText(plan, value, argument, { by, order }));
      }
      const made: Select = {
        ...source,
        columns: [...source.columns, ...plan.values.map((each) => each.column)],
        texts,
      };
      // A window sees the rows that WHERE leaves: later filters belong outside.
      return simple(made, () => false);
    }
    case 'aggregate': {
      const below = selectOf(plan.source);
      // Rows of a merge have two places: as one number they need not be put in order to tell which group came first.
      const direct =
        below.place !== undefined && unlimited(below) && !plan.values.some((each) => ordered.has(each.function));
      const source = direct ? below : simple(below, plain);
      const [rows = '1'] = direct ? [below.place!] : source.order;
      const keys = plan.by?.map(({ column, value }) => ({ column, text: written(value, source) }));
      const values = plan.values.map(({ column, argument, function: name, order }) => {
        const value = name === 'count' ? '' : written(argument, source);
        const shares = sharesOf(plan.values.filter((each) => written(each.argument, source) === value));
        const site = { argument, result: column, order: order ? written(order, source) : rows, over: '', shares };
        return { column, text: aggregateOf(name).text(value, site) };
      });
      const all = [...(keys ?? []), ...values];
      return {
        from: source.from,
        columns: all.map((each) => each.column),
        texts: new Map(all.map((each) => [each.column.id, each.text])),
        where: source.where,
        groupBy: keys?.map((each) => each.text) ?? [],
        order: keys && source.order.length > 0 ? [`min(${rows})`] : [],
        computed: true,
        // Numbers of both sides' places are too large to be places themselves.
        ...(direct ? { sorted: true } : {}),
      };
    }
  }
}

/** Aggregates whose value hangs on the order of rows. */
const ordered: ReadonlySet<string> = new Set([
  'first',
  'last',
  'first_place',
  'last_place',
  '_build_request_path_clusters',
]);

function sharesOf(values: Aggregate['values']): number[] {
  const all = values.map((each) => shareOf(each.function)).filter((share) => share !== undefined);
  return [...new Set(all)].sort((a, b) => a - b);
}

function keyTexts(keys: readonly SortKey[], source: Select): string[] {
  return keys.map(({ value, descending }) => `${written(value, source)} ${descending ? 'DESC' : 'ASC'} NULLS LAST`);
}

/** The rows the other way round. */
function turned(select: Select): Select {
  const source = simple(select, (each) => each.limit === undefined && !each.sorted);
  return { ...source, order: source.order.map((each) => `${each} DESC`), sorted: true };
}

function scanned(plan: Scan): Select {
  if (plan.empty) return emptyTable(plan);
  const named = (_id: number, name: string) => `${alias}.${identifier(name)}`;
  const where: string[] = [];
  const time = `${alias}."time_"`;
  if (plan.startNs !== undefined) where.push(`${time} >= ${scalarText(constant('TIME64NS', plan.startNs), named)}`);
  if (plan.endNs !== undefined) where.push(`${time} <= ${scalarText(constant('TIME64NS', plan.endNs), named)}`);
  if (plan.predicate) where.push(scalarText(plan.predicate, named));
  if (plan.places) {
    const place = `${alias}.${identifier(sequenceColumn)}`;
    where.push(`${place} > ${plan.places.after}`, `${place} <= ${plan.places.upTo}`);
  }
  return {
    from: `${identifier(plan.table)} AS ${alias}`,
    columns: plan.columns,
    texts: new Map(plan.columns.map((column) => [column.id, named(column.id, column.name)])),
    where,
    order: [plan.stored ? `${alias}.${identifier(sequenceColumn)}` : `${alias}.rowid`],
    ...(plan.stored ? { notes: `${alias}.${identifier(notesColumn)}` } : {}),
  };
}

/** A table without rows has nothing to be filtered, but what is computed of its columns has its types. */
function emptyTable(plan: Scan): Select {
  const nothing = plan.columns.map((column) => `CAST(NULL AS ${duckdbType(column)}) AS ${identifier(column.name)}`);
  return {
    from: `(SELECT ${[...nothing, `0 AS ${identifier(sequenceColumn)}`].join(', ')} WHERE false) AS ${alias}`,
    columns: plan.columns,
    texts: new Map(plan.columns.map((column) => [column.id, `${alias}.${identifier(column.name)}`])),
    where: [],
    order: [`${alias}.${identifier(sequenceColumn)}`],
  };
}

function joined(plan: Join): Select {
  const sides = { left: placed(selectOf(plan.left)), right: placed(selectOf(plan.right)) };
  const shorts = { left: 'l', right: 'r' } as const;
  const named = (side: 'left' | 'right', id: number) =>
    `${shorts[side]}.${identifier(sides[side].columns.find((column) => column.id === id)!.name)}`;
  const on = plan.on.map(({ left, right }) => {
    const texts = [scalarText(left, (id) => named('left', id)), scalarText(right, (id) => named('right', id))];
    return texts.join(' = ');
  });
  const words = { inner: 'JOIN', left: 'LEFT JOIN', right: 'RIGHT JOIN', outer: 'FULL JOIN' };
  const part = (side: 'left' | 'right') => `(\n${indented(text(sides[side], true))}\n) AS ${shorts[side]}`;
  return {
    from: `${part('left')} ${words[plan.kind]} ${part('right')} ON ${on.join(' AND ') || 'true'}`,
    columns: plan.outputs.map((output) => output.column),
    texts: new Map(plan.outputs.map(({ column, side, from }) => [column.id, named(side, from.id)])),
    where: [],
    order: [`l.${identifier(sequenceColumn)}`, `r.${identifier(sequenceColumn)}`],
    sorted: true,
    place: placeOfPair(plan.kind, `l.${identifier(sequenceColumn)}`, `r.${identifier(sequenceColumn)}`),
  };
}

/**
 * Places are below 2^62; a row without a partner comes last. Where each row has a left place, both go into 64 bits, which costs a tenth of 128: 32 bits of
 * the left place and 31 of the right one. A table that has had more rows than that loses the order of its groups, and nothing else.
 */
function placeOfPair(kind: Join['kind'], left: string, right: string): string {
  if (kind === 'inner' || kind === 'left') {
    const other = kind === 'left' ? `coalesce(${right}, 0)` : right;
    return `TRY(${left} * ${2n ** 31n} + ${other})`;
  }
  const last = 2n ** 62n;
  return `coalesce(${left}, ${last})::HUGEINT * ${2n ** 63n} + coalesce(${right}, ${last})`;
}

/** A single row has a place too, so that a row without a partner is told from it. */
function placed(select: Select): Select {
  return select.order.length > 0 ? select : { ...select, order: ['CAST(1 AS BIGINT)'] };
}

function united(plan: Union): Select {
  const selects = plan.sources.map((source) => selectOf(source.plan));
  const notes = selects.some((select) => select.notes !== undefined);
  const parts = plan.sources.map(({ from }, i) => {
    const inner = simple(selects[i]!, () => false);
    const columns = plan.columns.map((column, at) => `${inner.texts.get(from[at]!.id)!} AS ${identifier(column.name)}`);
    if (notes) columns.push(`${inner.notes ?? 'CAST(NULL AS VARCHAR)'} AS ${identifier(notesColumn)}`);
    columns.push(`${i} AS "part_"`, `${inner.order[0] ?? '0'} AS ${identifier(sequenceColumn)}`);
    return `SELECT ${columns.join(', ')} FROM ${inner.from}`;
  });
  const named = (name: string) => `${alias}.${identifier(name)}`;
  const timed = plan.columns.some((column) => column.name === 'time_' && column.type === 'TIME64NS');
  return {
    from: `(\n${indented(parts.join('\nUNION ALL\n'))}\n) AS ${alias}`,
    columns: plan.columns,
    texts: new Map(plan.columns.map((column) => [column.id, named(column.name)])),
    where: [],
    order: [...(timed ? [named('time_')] : []), named('part_'), named(sequenceColumn)],
    ...(notes ? { notes: named(notesColumn) } : {}),
    sorted: true,
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
    order: select.order.length > 0 ? [named(sequenceColumn)] : [],
    ...(select.notes ? { notes: named(notesColumn) } : {}),
  };
}

/** `inner`: the rows' order goes along as a column. */
function text(select: Select, inner: boolean): string {
  const { order, sorted } = select;
  const columns = select.columns.map((column) => `${select.texts.get(column.id)!} AS ${identifier(column.name)}`);
  if (select.notes) columns.push(`${select.notes} AS ${identifier(notesColumn)}`);
  if (inner && order.length > 0) {
    const place = sorted ? `row_number() OVER (ORDER BY ${order.join(', ')})` : order[0]!;
    columns.push(`${place} AS ${identifier(sequenceColumn)}`);
  }
  const lines = [`SELECT ${columns.length > 0 ? columns.join(', ') : '1'}`, `FROM ${select.from}`];
  if (select.where.length > 0) lines.push(`WHERE ${select.where.join(' AND ')}`);
  if (select.groupBy && select.groupBy.length > 0) lines.push(`GROUP BY ${select.groupBy.join(', ')}`);
  if (order.length > 0 && (!inner || select.limit !== undefined)) lines.push(`ORDER BY ${order.join(', ')}`);
  if (select.limit !== undefined) lines.push(select.limit);
  return lines.join('\n');
}

function indented(lines: string): string {
  return `  ${lines.replaceAll('\n', '\n  ')}`;
}
