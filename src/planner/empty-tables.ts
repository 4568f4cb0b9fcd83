import { type Parsed, parse } from '#pxl';
import { compileLogical } from './compile.ts';
import { pixieTable } from './pixie-tables.ts';
import { tableFunctionRelations } from './table-functions.ts';
import type { Catalog, FunctionCall } from './types.ts';

/** Tables that there may be: all but Pixie's own are taken for there, and told nothing of. */
const anything: Catalog = {
  table: () => undefined,
  tables: () => [],
  tableFunction: (name) => (Object.hasOwn(tableFunctionRelations, name) ? tableFunctionRelations[name] : undefined),
  tableFunctions: () => Object.keys(tableFunctionRelations),
};

/**
 * The tables and table functions of Pixie's collector that a script reads and that have no rows here, unless one of these names was
 * announced with rows. Of a script with faults: what was read until then.
 */
export function emptyTables(script: string | Parsed, calls: readonly FunctionCall[], now: bigint): readonly string[] {
  const parsed = typeof script === 'string' ? parse(script) : script;
  const found = new Set<string>();
  const catalog: Catalog = {
    ...anything,
    table: (name) => {
      if (pixieTable(name)) found.add(name);
      return undefined;
    },
  };
  const compiled = compileLogical(parsed, catalog, { calls, now });
  if (compiled.ok) for (const name of compiled.value.emptyTables) found.add(name);
  return [...found].sort();
}
