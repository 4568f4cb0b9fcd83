import { aggregates } from '../aggregates/all.ts';
import type { Part } from '../aggregates/definition.ts';
import type { AggregateName } from '../aggregates/names.ts';
import {
  type Aggregate,
  outputColumns,
  type PlanColumn,
  type Project,
  type Relational,
  reference,
  type Scalar,
  type Scan,
} from '../plan.ts';
import type { Names } from './names.ts';
import { withPlace } from './place.ts';
import type { PlanPart } from './split.ts';

type Value = Aggregate['values'][number];

/**
 * An aggregate whose groups have rows at several nodes: what each node does, and what is made of the union of what they give. Undefined where
 * one of the aggregates must see all rows.
 */
export function splitAggregate(
  plan: Aggregate,
  names: Names,
): { readonly part: PlanPart; readonly rest: Relational; readonly inexact: readonly string[] } | undefined {
  const halves = new Halves(plan, names);
  const outputs: { column: PlanColumn; value: Scalar }[] = [];
  for (const value of plan.values) {
    const merged = halves.add(value);
    if (merged === undefined) return undefined;
    outputs.push({ column: value.column, value: merged });
  }
  const { part, rest, keys } = halves.finish();
  const finished: Project = { operator: 'project', source: rest, outputs: [...keys, ...outputs] };
  const inexact = plan.values.flatMap(({ column, function: name }) => {
    const { split } = aggregates[name as AggregateName];
    return split.kind === 'parts' && split.within ? [`${column.name} (${name}): ${split.within}`] : [];
  });
  return { part, rest: finished, inexact };
}

/** The two aggregates under construction: that of the nodes, and that over the union of theirs. */
class Halves {
  readonly #plan: Aggregate;
  readonly #names: Names;
  readonly #source: { readonly plan: Relational; readonly place: PlanColumn };
  /** The groups' keys at the nodes, in the union, and in the result; then arguments that become keys. */
  readonly #keys: { readonly part: PlanColumn; readonly value: Scalar; readonly result?: PlanColumn }[] = [];
  readonly #partial: Value[] = [];
  readonly #merged: Value[] = [];
  /** What is there already, by its meaning: several quantiles of one column are made of one state. */
  readonly #known = new Map<string, PlanColumn>();
  /** Columns made so far: each has a name of its own. */
  #made = 0;

  constructor(plan: Aggregate, names: Names) {
    this.#plan = plan;
    this.#names = names;
    this.#source = withPlace(plan.source, names);
    for (const { column, value } of plan.by ?? []) this.#key(value, column);
  }

  /** The value of the result, made of merged columns; undefined: it needs all rows. */
  add({ column, function: name, argument }: Value): Scalar | undefined {
    const { split } = aggregates[name as AggregateName];
    switch (split.kind) {
      case 'rows':
        return undefined;
      case 'key':
        return reference(this.#merge(column, name, this.#key(argument)));
      case 'parts': {
        const merged = split.parts(argument).map((part) => reference(this.#part(part, argument)));
        return split.finish ? split.finish(merged, column) : merged[0]!;
      }
    }
  }

  finish() {
    const place = reference(this.#place('min', reference(this.#source.place)));
    const table = this.#names.table();
    const grouped = this.#plan.by !== undefined || this.#keys.length > 0;
    const by = this.#keys.map(({ part: column, value }) => ({ column, value }));
    const plan: Aggregate = {
      operator: 'aggregate',
      source: this.#source.plan,
      ...(grouped ? { by } : {}),
      values: this.#partial,
    };
    const union: Scan = { operator: 'scan', table, stored: true, columns: outputColumns(plan) };
    const results = this.#keys.flatMap(({ part, result }) =>
      result ? [{ column: result, value: reference(part) }] : [],
    );
    const keys = results.map(({ column, value }) => ({ column: this.#column('key', column), value, result: column }));
    const merged: Aggregate = {
      operator: 'aggregate',
      source: union,
      ...(this.#plan.by === undefined ? {} : { by: keys.map(({ column, value }) => ({ column, value })) }),
      values: this.#merged,
    };
    // Groups in the order of their first rows.
    const rest: Relational =
      this.#plan.by === undefined
        ? merged
        : { operator: 'sort', source: merged, keys: [{ value: place, descending: false }] };
    return {
      part: { table, plan },
      rest,
      keys: keys.map(({ column, result }) => ({ column: result, value: reference(column) })),
    };
  }

  #key(value: Scalar, result?: PlanColumn): PlanColumn {
    const part = this.#column('key', value);
    this.#keys.push({ part, value, ...(result ? { result } : {}) });
    return part;
  }

  /** The merged value of a part. */
  #part({ partial, type, merge, merged = type, place }: Part, argument: Scalar): PlanColumn {
    const time = reference(this.#source.place);
    const order = place === undefined ? {} : { order: time };
    const column = this.#once(this.#partial, { function: partial, argument, ...order }, type);
    if (place === undefined) return this.#merge(merged, merge, column);
    const at = this.#once(this.#partial, { function: place, argument, ...order }, time);
    return this.#merge(merged, merge, column, reference(at));
  }

  #place(name: 'min', argument: Scalar): PlanColumn {
    return this.#merge(argument, name, this.#once(this.#partial, { function: name, argument }, argument));
  }

  #merge(
    type: PlanColumn | Scalar | Part['type'],
    name: Value['function'],
    over: PlanColumn,
    order?: Scalar,
  ): PlanColumn {
    const value = { function: name, argument: reference(over), ...(order ? { order } : {}) };
    return this.#once(this.#merged, value, type);
  }

  #once(into: Value[], value: Omit<Value, 'column'>, type: Part['type']): PlanColumn {
    const meaning = JSON.stringify([into === this.#partial, value, type.type], (_, each: unknown) =>
      typeof each === 'bigint' ? `${each}n` : each,
    );
    const known = this.#known.get(meaning);
    if (known) return known;
    const column = this.#column('value', type);
    into.push({ ...value, column });
    this.#known.set(meaning, column);
    return column;
  }

  #column(kind: 'key' | 'value', type: Part['type']): PlanColumn {
    return this.#names.column(`${kind}_${this.#made++}`, type);
  }
}
