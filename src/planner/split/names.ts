import type { PlanColumn, ScalarType } from '../plan.ts';

/** Makes up columns and tables; ids of columns are negative, so that the plan has none of them. */
export class Names {
  readonly #table: () => string;
  /** -1 is that of a UPID which the scope of a query adds. */
  #lastId = -1;

  constructor(table: () => string) {
    this.#table = table;
  }

  table(): string {
    return this.#table();
  }

  /** A column; its name is none of `taken`. */
  column(name: string, { type, semantic, unsigned }: ScalarType, taken: readonly PlanColumn[] = []): PlanColumn {
    let free = name;
    while (taken.some((each) => each.name === free)) free += '_';
    return { name: free, type, semantic, ...(unsigned ? { unsigned } : {}), id: --this.#lastId };
  }
}
