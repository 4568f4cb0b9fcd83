import { outputColumns, type Relational, type Scalar } from './plan.ts';

/** A value of a row; null where there is none. */
type Cell = boolean | bigint | number | string | null;

type Row = ReadonlyMap<number, Cell>;
/** Rows of the stored tables, by column name. */
export type Tables = Readonly<Record<string, readonly Readonly<Record<string, Cell>>[]>>;

/** What a plan gives, done in the slowest and plainest way: the rows of each operator one after another, each value by itself. */
export function interpret(plan: Relational, tables: Tables): Cell[][] {
  const columns = outputColumns(plan);
  return rowsOf(plan, tables).map((row) => columns.map((column) => row.get(column.id)!));
}

function rowsOf(plan: Relational, tables: Tables): Row[] {
  switch (plan.operator) {
    case 'scan': {
      const all = tables[plan.table]!.map(
        (row) => new Map(plan.columns.map((column) => [column.id, row[column.name]!])),
      );
      return plan.predicate ? all.filter((row) => evaluated(plan.predicate!, row) === true) : all;
    }
    case 'filter':
      return rowsOf(plan.source, tables).filter((row) => evaluated(plan.predicate, row) === true);
    case 'project':
      return rowsOf(plan.source, tables).map(
        (row) => new Map(plan.outputs.map(({ column, value }) => [column.id, evaluated(value, row)])),
      );
    case 'limit': {
      const rows = rowsOf(plan.source, tables);
      const count = Number(plan.count);
      const cut = plan.last ? Math.max(0, rows.length - count) : count;
      return (plan.last === undefined) === (plan.others === undefined) ? rows.slice(0, cut) : rows.slice(cut);
    }
    case 'sort':
      return rowsOf(plan.source, tables).sort((a, b) => {
        for (const { value, descending } of plan.keys) {
          const order = compareForSort(evaluated(value, a), evaluated(value, b), descending);
          if (order !== 0) return order;
        }
        return 0;
      });
    case 'join': {
      const left = rowsOf(plan.left, tables);
      const right = rowsOf(plan.right, tables);
      const met = new Set<Row>();
      const made: Row[] = [];
      const pair = (l: Row | undefined, r: Row | undefined) =>
        made.push(
          new Map(
            plan.outputs.map(({ column, side, from }) => [column.id, (side === 'left' ? l : r)?.get(from.id) ?? null]),
          ),
        );
      for (const l of left) {
        let alone = true;
        for (const r of right) {
          if (!plan.on.every((on) => equal(evaluated(on.left, l), evaluated(on.right, r)))) continue;
          pair(l, r);
          met.add(r);
          alone = false;
        }
        if (alone && (plan.kind === 'left' || plan.kind === 'outer')) pair(l, undefined);
      }
      if (plan.kind === 'right' || plan.kind === 'outer') for (const r of right) if (!met.has(r)) pair(undefined, r);
      return made;
    }
    case 'union': {
      const rows = plan.sources.flatMap(({ plan: source, from }) =>
        rowsOf(source, tables).map(
          (row) => new Map(plan.columns.map((column, i) => [column.id, row.get(from[i]!.id)!])),
        ),
      );
      const time = plan.columns.find((column) => column.name === 'time_');
      return time ? rows.sort((a, b) => compareForSort(a.get(time.id)!, b.get(time.id)!, false)) : rows;
    }
    case 'aggregate': {
      const groups = new Map<string, { keys: Cell[]; rows: Row[] }>();
      if (!plan.by) groups.set('', { keys: [], rows: [] });
      for (const row of rowsOf(plan.source, tables)) {
        const keys = (plan.by ?? []).map((key) => evaluated(key.value, row));
        const name = plan.by ? JSON.stringify(keys.map(keyText)) : '';
        const group = groups.get(name) ?? { keys, rows: [] };
        groups.set(name, group);
        group.rows.push(row);
      }
      return [...groups.values()].map(({ keys, rows }) => {
        const row = new Map<number, Cell>((plan.by ?? []).map((key, i) => [key.column.id, keys[i]!]));
        for (const { column, argument, function: name } of plan.values)
          row.set(
            column.id,
            aggregate(
              name,
              rows.map((each) => evaluated(argument, each)),
            ),
          );
        return row;
      });
    }
    case 'window': {
      const rows = rowsOf(plan.source, tables);
      const made = new Map<Row, Map<number, Cell>>(rows.map((row) => [row, new Map(row)]));
      const parts = Map.groupBy(rows, (row) => JSON.stringify(plan.by.map((each) => keyText(evaluated(each, row)))));
      for (const part of parts.values()) {
        const ordered = [...part].sort((a, b) => {
          for (const { value, descending } of plan.order) {
            const order = compareForSort(evaluated(value, a), evaluated(value, b), descending);
            if (order !== 0) return order;
          }
          return 0;
        });
        ordered.forEach((row, i) => {
          for (const { column, function: name, argument } of plan.values) {
            const at = (index: number): Cell => (index in ordered ? evaluated(argument, ordered[index]!) : null);
            const offset = Number(plan.offset);
            const first = plan.preceding === undefined ? 0 : Math.max(0, i - Number(plan.preceding));
            const value =
              name === 'row_number'
                ? BigInt(i + 1)
                : name === 'lag'
                  ? at(i - offset)
                  : name === 'lead'
                    ? at(i + offset)
                    : aggregate(
                        name,
                        ordered.slice(first, i + 1).map((each) => evaluated(argument, each)),
                      );
            made.get(row)!.set(column.id, value);
          }
        });
      }
      return rows.map((row) => made.get(row)!);
    }
  }
}

function keyText(value: Cell): string {
  return value === null ? 'none' : `${typeof value}:${Object.is(value, -0) ? 0 : value}`;
}

/** Missing values last, whatever the direction; NaN above all numbers. */
function compareForSort(a: Cell, b: Cell, descending: boolean): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  const order = compare(a, b);
  return descending ? -order : order;
}

function isNan(a: Cell, b: Cell): boolean {
  return Number.isNaN(a) || Number.isNaN(b);
}

function compare(a: NonNullable<Cell>, b: NonNullable<Cell>): number {
  const [nanA, nanB] = [Number.isNaN(a), Number.isNaN(b)];
  if (nanA || nanB) return Number(nanA) - Number(nanB);
  return a < b ? -1 : a > b ? 1 : 0;
}

function equal(a: Cell, b: Cell): boolean {
  return a !== null && b !== null && compare(a, b) === 0;
}

function aggregate(name: string, all: readonly Cell[]): Cell {
  const values = all.filter((value) => value !== null);
  const [first] = values;
  switch (name) {
    case 'count':
      return BigInt(all.length);
    case 'count_distinct':
      return BigInt(new Set(values.map(keyText)).size);
    case 'sum':
      if (first === undefined) return null;
      if (typeof first === 'number') return values.reduce<number>((sum, value) => sum + (value as number), 0);
      return whole(values.reduce<bigint>((sum, value) => sum + BigInt(value as bigint), 0n));
    case 'mean':
      if (first === undefined) return null;
      if (typeof first === 'number')
        return values.reduce<number>((sum, value) => sum + (value as number), 0) / values.length;
      return Number(values.reduce<bigint>((sum, value) => sum + BigInt(value as bigint), 0n)) / values.length;
    case 'min':
      return first === undefined ? null : values.reduce((a, b) => (compare(b, a) < 0 ? b : a));
    case 'max':
      return first === undefined ? null : values.reduce((a, b) => (compare(b, a) > 0 ? b : a));
    case 'first':
      return first ?? null;
    case 'last':
      return values.at(-1) ?? null;
    default:
      throw new Error(`the interpreter has no aggregate ${name}`);
  }
}

function evaluated(scalar: Scalar, row: Row): Cell {
  if (scalar.kind === 'column') return row.get(scalar.id)!;
  if (scalar.kind === 'constant') return scalar.value;
  const [a, b, c] = scalar.arguments.map((argument) => evaluated(argument, row)) as [Cell, Cell, Cell];
  switch (scalar.operation) {
    case 'and':
      return a === false || b === false ? false : a === null || b === null ? null : true;
    case 'or':
      return a === true || b === true ? true : a === null || b === null ? null : false;
    case 'select':
      return a === null ? null : a ? b : c;
    case 'is_missing':
      return a === null;
    case 'coalesce':
      return a ?? b;
  }
  if (a === null || b === null) return null;
  switch (scalar.operation) {
    case 'not':
      return !a;
    case 'toFloat':
      return Number(a);
    case 'negate':
      return -(a as number);
    case 'concat':
      return `${a}${b}`;
    case 'length':
      return BigInt([...(a as string)].length);
    case 'contains':
      return (a as string).includes(b as string);
    case 'divide':
      return Number(a) / Number(b);
    case 'modulo':
      return b === 0n ? null : (a as bigint) % (b as bigint);
    case 'equal':
      return !isNan(a, b) && compare(a, b) === 0;
    case 'notEqual':
      return isNan(a, b) || compare(a, b) !== 0;
    case 'less':
      return !isNan(a, b) && compare(a, b) < 0;
    case 'greaterEqual':
      return !isNan(a, b) && compare(a, b) >= 0;
    default:
      return arithmetic(scalar, a, b);
  }
}

function arithmetic(scalar: Extract<Scalar, { kind: 'apply' }>, a: NonNullable<Cell>, b: NonNullable<Cell>): Cell {
  const apply = (x: number, y: number) =>
    scalar.operation === 'add' ? x + y : scalar.operation === 'subtract' ? x - y : x * y;
  if (!['add', 'subtract', 'multiply'].includes(scalar.operation))
    throw new Error(`the interpreter has no ${scalar.operation}`);
  if (scalar.type === 'FLOAT64') return apply(Number(a), Number(b));
  const [x, y] = [a as bigint, b as bigint];
  const value = scalar.operation === 'add' ? x + y : scalar.operation === 'subtract' ? x - y : x * y;
  return whole(value);
}

/** What leaves the 64 bits is missing. */
function whole(value: bigint): Cell {
  return BigInt.asIntN(64, value) === value ? value : null;
}
