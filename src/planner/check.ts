import type { Diagnostic } from '#base';
import { type Parsed, parse } from '#pxl';
import { type CompileOptions, compileLogical, compileMutations } from './compile.ts';
import { duckdbText } from './duckdb.ts';
import { tableFunctionRelations } from './table-functions.ts';
import type { Catalog, Compiled } from './types.ts';

/** How far a script gets without an agent: a fault in the text, in names and types, or in the plan; or all the way. */
export type CheckStage = 'parse' | 'types' | 'plan' | 'compiled';

export interface Check {
  readonly stage: CheckStage;
  /** Empty if `stage` is `compiled`. */
  readonly diagnostics: readonly Diagnostic[];
}

/** What is known where no agent is asked: the table functions, and Pixie's tables, which every catalog has by their schemas. */
export const offlineCatalog: Catalog = {
  table: () => undefined,
  tables: () => [],
  tableFunction: (name) => (Object.hasOwn(tableFunctionRelations, name) ? tableFunctionRelations[name] : undefined),
  tableFunctions: () => Object.keys(tableFunctionRelations),
};

/** Compiles as far as it goes without a running program: what a tracepoint of the script writes is not known in its types. */
export function checkScript(script: string | Parsed, catalog: Catalog, options: CompileOptions): Check {
  const parsed = typeof script === 'string' ? parse(script) : script;
  if (parsed.diagnostics.length > 0) return { stage: 'parse', diagnostics: parsed.diagnostics };
  const mutations = compileMutations(parsed, { ...options, catalog });
  if (!mutations.ok) return refused(mutations);
  // A script's own tables come with its tracepoints: what it asks of them is checked above, as far as their columns are known.
  if (mutations.value.upserts.length > 0) return { stage: 'compiled', diagnostics: [] };
  const logical = compileLogical(parsed, catalog, options);
  if (!logical.ok) return refused(logical);
  for (const { optimized } of [...logical.value.outputs, ...logical.value.exports]) duckdbText(optimized);
  return { stage: 'compiled', diagnostics: [] };
}

function refused({ diagnostics }: Extract<Compiled<unknown>, { ok: false }>): Check {
  const planned = diagnostics.every(({ id }) => id === 'pxl.no-output' || id === 'pxl.limit');
  return { stage: planned ? 'plan' : 'types', diagnostics };
}
