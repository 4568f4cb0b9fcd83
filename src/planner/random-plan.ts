import type { Column, ColumnType, Relation } from '#model';
import { aggregateType } from './aggregates/all.ts';
import type { AggregateName } from './aggregates/names.ts';
import {
  apply,
  constant,
  outputColumns,
  type PlanColumn,
  type Relational,
  reference,
  type Scalar,
  sourcesOf,
} from './plan.ts';
import { windowType } from './windows.ts';

const column = (name: string, type: ColumnType): Column => ({ name, type, semantic: 'ST_NONE' });
/** Of all tables of random plans. */
export const randomRelation: Relation = {
  columns: [
    column('time_', 'TIME64NS'),
    column('n', 'INT64'),
    column('x', 'FLOAT64'),
    column('s', 'STRING'),
    column('b', 'BOOLEAN'),
  ],
};
/** Their names. */
export const randomTables: readonly string[] = ['one', 'two', 'none'];

/** Aggregates of random plans; others are not in the interpreter. */
const plainAggregates: readonly AggregateName[] = [
  'count',
  'sum',
  'min',
  'max',
  'first',
  'last',
  'count_distinct',
  'mean',
];

/** Makes a plan out of numbers: each choice takes the next one. */
export class RandomPlan {
  readonly #choices: readonly number[];
  readonly #aggregates: readonly AggregateName[];
  #at = 0;
  #ids = 0;

  constructor(choices: readonly number[], aggregates: readonly AggregateName[] = plainAggregates) {
    this.#choices = choices;
    this.#aggregates = aggregates;
  }

  pick<T>(from: readonly T[]): T {
    return from[(this.#choices[this.#at++] ?? 0) % from.length]!;
  }

  fresh(name: string, like: { readonly type: ColumnType }): PlanColumn {
    return { name, type: like.type, semantic: 'ST_NONE', id: ++this.#ids };
  }

  plan(depth: number): Relational {
    if (depth === 0) return this.scan();
    const kind = this.pick([
      'scan',
      'filter',
      'project',
      'limit',
      'sort',
      'join',
      'union',
      'aggregate',
      'window',
    ] as const);
    if (kind === 'scan') return this.scan();
    if (kind === 'join') return this.join(depth);
    const source = this.plan(depth - 1);
    const columns = outputColumns(source);
    switch (kind) {
      case 'filter':
        return { operator: 'filter', source, predicate: this.scalar('BOOLEAN', columns, 2) };
      case 'project': {
        const outputs = columns.flatMap((each) =>
          this.pick([true, true, false]) ? [{ column: each, value: reference(each) as Scalar }] : [],
        );
        const type = this.pick(['INT64', 'FLOAT64', 'STRING', 'BOOLEAN'] as const);
        outputs.push({
          column: this.fresh(this.name(outputs.map((each) => each.column)), { type }),
          value: this.scalar(type, columns, 3),
        });
        return { operator: 'project', source, outputs };
      }
      case 'limit':
        return {
          operator: 'limit',
          source,
          count: BigInt(this.pick([0, 1, 3, 50])),
          ...(this.pick([false, true]) ? { last: true as const } : {}),
          ...(this.pick([false, false, true]) ? { others: true as const } : {}),
        };
      case 'sort':
        return { operator: 'sort', source, keys: [this.key(columns), this.key(columns)] };
      case 'union': {
        const made = columns.map((each) => this.fresh(each.name, each));
        return {
          operator: 'union',
          sources: [
            { plan: source, from: columns },
            { plan: source, from: columns },
          ],
          columns: made,
        };
      }
      case 'aggregate': {
        const by = this.pick([true, true, false]) ? this.some(columns) : undefined;
        const keys = by?.map((each) => ({ column: this.fresh(each.name, each), value: reference(each) }));
        const values = [this.name(columns), this.name(columns)].map((name) => {
          const using = this.pick(this.#aggregates);
          const argument = reference(this.pick(columns));
          const type = aggregateType(using, argument);
          return type
            ? { column: this.fresh(name, type), function: using, argument }
            : { column: this.fresh(name, { type: 'INT64' }), function: 'count' as const, argument };
        });
        return { operator: 'aggregate', source, values, ...(keys ? { by: keys } : {}) };
      }
      case 'window': {
        const using = this.pick(['lag', 'lead', 'row_number', 'sum', 'min', 'max', 'count', 'first', 'last'] as const);
        const argument = reference(this.pick(columns));
        const type = windowType(using, argument);
        const value = type ? { using, type } : { using: 'row_number' as const, type: { type: 'INT64' as const } };
        const made = { column: this.fresh(this.name(columns), value.type), function: value.using, argument };
        const by = this.pick([true, false]) ? this.some(columns).map(reference) : [];
        const order = this.pick([true, false]) ? [this.key(columns)] : [];
        const preceding = this.pick([undefined, 0n, 2n]);
        return {
          operator: 'window',
          source,
          by,
          order,
          offset: BigInt(this.pick([1, 2])),
          values: [made],
          ...(preceding === undefined ? {} : { preceding }),
        };
      }
    }
  }

  scan(): Relational {
    const columns = randomRelation.columns.map((each) => this.fresh(each.name, each));
    return { operator: 'scan', table: this.pick(randomTables), stored: true, columns };
  }

  join(depth: number): Relational {
    const below = this.plan(depth - 1);
    // Joins of joins of tables with hundreds of rows have millions.
    const left: Relational = hasJoin(below) ? { operator: 'limit', source: below, count: 50n } : below;
    const right = this.scan();
    const mine = outputColumns(left);
    const theirs = outputColumns(right);
    const a = this.pick(mine);
    const b = theirs.find((each) => each.type === a.type) ?? theirs[1]!;
    const on = a.type === b.type ? [{ left: reference(a), right: reference(b) }] : [];
    const kind = this.pick(['inner', 'left', 'right', 'outer'] as const);
    const outputs = [
      ...mine.map((from) => ({ column: this.fresh(`${from.name}l`, from), side: 'left' as const, from })),
      ...theirs.map((from) => ({ column: this.fresh(`${from.name}r`, from), side: 'right' as const, from })),
    ];
    return { operator: 'join', left, right, kind, on, outputs };
  }

  /** One to three of them. */
  some(columns: readonly PlanColumn[]): PlanColumn[] {
    return [...new Set(Array.from({ length: this.pick([1, 2, 3]) }, () => this.pick(columns)))];
  }

  key(columns: readonly PlanColumn[]) {
    return { value: reference(this.pick(columns)), descending: this.pick([false, true]) };
  }

  /** A name that none of these has. */
  name(columns: readonly PlanColumn[]): string {
    return `c${columns.length}_${++this.#ids}`;
  }

  scalar(type: ColumnType, columns: readonly PlanColumn[], depth: number): Scalar {
    const fitting = columns.filter((each) => each.type === type);
    if (fitting.length > 0 && (depth === 0 || this.pick([true, false]))) return reference(this.pick(fitting));
    const of = (wanted: ColumnType) => this.scalar(wanted, columns, depth - 1);
    const made = (operation: string, ...operands: Scalar[]) =>
      apply(operation, { type, semantic: 'ST_NONE' }, ...operands);
    if (depth <= 0) return this.constant(type);
    switch (type) {
      case 'INT64': {
        const operation = this.pick(['add', 'subtract', 'multiply', 'modulo', 'length', 'constant']);
        if (operation === 'constant') return this.constant(type);
        return operation === 'length' ? made('length', of('STRING')) : made(operation, of('INT64'), of('INT64'));
      }
      case 'FLOAT64': {
        const operation = this.pick(['add', 'divide', 'toFloat', 'multiply', 'constant']);
        if (operation === 'constant') return this.constant(type);
        if (operation === 'toFloat') return made('toFloat', of('INT64'));
        return made(operation, of('FLOAT64'), of(this.pick(['FLOAT64', 'INT64'])));
      }
      case 'STRING':
        return this.pick([true, false])
          ? made('concat', of('STRING'), of('STRING'))
          : made('select', of('BOOLEAN'), of('STRING'), of('STRING'));
      case 'BOOLEAN': {
        const operation = this.pick([
          'less',
          'greaterEqual',
          'equal',
          'notEqual',
          'and',
          'or',
          'not',
          'contains',
          'is_missing',
          'coalesce',
        ]);
        if (operation === 'not') return made('not', of('BOOLEAN'));
        if (operation === 'is_missing') return made('is_missing', of(this.pick(['INT64', 'STRING'])));
        if (operation === 'contains') return made('contains', of('STRING'), of('STRING'));
        if (operation === 'and' || operation === 'or' || operation === 'coalesce')
          return made(operation, of('BOOLEAN'), of('BOOLEAN'));
        const operands = this.pick(['INT64', 'FLOAT64', 'STRING'] as const);
        return made(operation, of(operands), of(operands));
      }
      default:
        return this.constant(type);
    }
  }

  constant(type: ColumnType): Scalar {
    switch (type) {
      case 'FLOAT64':
        return constant(type, this.pick([0, 0.5, -2]));
      case 'STRING':
        return constant(type, this.pick(['', 'a', "'"]));
      case 'BOOLEAN':
        return constant(type, this.pick([true, false]));
      default:
        return constant(type, this.pick([0n, 1n, -3n]));
    }
  }
}

function hasJoin(plan: Relational): boolean {
  return plan.operator === 'join' || sourcesOf(plan).some(hasJoin);
}
