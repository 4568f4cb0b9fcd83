import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic } from '#base';
import { type Column, columnTypes } from '#model';
import {
  type Catalog,
  type CheckStage,
  checkScript,
  type FunctionCall,
  offlineCatalog,
  readVis,
  standIns,
  visCalls,
} from '#planner';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes, UserError } from '../failure.ts';
import { column, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat } from '../output/row.ts';
import { openLibrary } from '../run/bundle.ts';
import { readScript, type ScriptSource } from '../run/library.ts';

export interface CheckOptions {
  readonly output: OutputFormat;
  /** Count the refusals by reason instead of listing the scripts. */
  readonly reasons?: boolean;
  /** A file of what `px run px/schemas -o json` prints: tables that there are beside Pixie's. */
  readonly schemas?: string;
}

interface Checked {
  readonly name: string;
  readonly stage: CheckStage | 'vis';
  readonly diagnostics: readonly Diagnostic[];
}

/** Compiles scripts without an agent: parse, names and types, plan, SQL. 1 when one of them is refused. */
export async function check(context: Context, paths: readonly string[], options: CheckOptions): Promise<ExitCode> {
  const catalog = options.schemas === undefined ? offlineCatalog : readSchemas(options.schemas);
  const checked: Checked[] = [];
  for (const path of paths) for (const source of await scriptsAt(path)) checked.push(checkFile(source, catalog));
  if (options.reasons) await printReasons(context, checked, options.output);
  else await printScripts(context, checked, options.output);
  const compiled = checked.filter((each) => each.stage === 'compiled').length;
  tell(context, `${compiled} of ${checked.length} ${checked.length === 1 ? 'script' : 'scripts'} compile`);
  return compiled === checked.length ? exitCodes.ok : exitCodes.script;
}

/** A file, every .pxl file below a folder, or all scripts of a bundle. @throws UserError when there is none */
async function scriptsAt(path: string): Promise<ScriptSource[]> {
  if (!/^https?:\/\/|\.json$/.test(path)) return scriptFiles(path).map(readScript);
  const library = await openLibrary(path);
  return library.names.map((name) => library.script(name));
}

function scriptFiles(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })) throw new UserError(`no such file or folder: ${path}`);
  if (!statSync(path).isDirectory()) return [path];
  const found = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((each) => each.endsWith('.pxl'));
  if (found.length === 0) throw new UserError(`there is no .pxl file below ${path}`);
  return found.sort().map((each) => join(path, each));
}

/** The tables of a file with one JSON object a line: `table_name`, `column_name`, `column_type`. @throws UserError */
function readSchemas(file: string): Catalog {
  const tables = new Map<string, { columns: Column[] }>();
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`cannot read ${file}: ${(error as Error).message}`);
  }
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const row = schemaRow(line);
    if (row === 'other') continue;
    if (row === undefined)
      throw new UserError(`${file}:${i + 1}: no column of a table: \`px run px/schemas -o json\` prints such lines`);
    const table = tables.get(row.table) ?? { columns: [] };
    tables.set(row.table, table);
    table.columns.push(row.column);
  }
  return { ...offlineCatalog, table: (name) => tables.get(name), tables: () => [...tables.keys()] };
}

/** `other`: a line of another table of px/schemas. */
function schemaRow(line: string): { table: string; column: Column } | 'other' | undefined {
  let row: Record<string, unknown>;
  try {
    row = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { table_name: table, column_name: name, column_type: text } = row;
  if (typeof table === 'string' && name === undefined) return 'other';
  if (typeof table !== 'string' || typeof name !== 'string') return undefined;
  const type = columnTypes.find((each) => each === (text === 'UINT64' ? 'INT64' : text));
  if (type === undefined) return undefined;
  const semantic = name === 'upid' ? 'ST_UPID' : 'ST_NONE';
  return { table, column: { name, type, semantic, ...(text === 'UINT64' ? { unsigned: true } : {}) } };
}

function checkFile(source: ScriptSource, catalog: Catalog): Checked {
  const { name } = source;
  const now = BigInt(Date.now()) * 1_000_000n;
  let calls: readonly FunctionCall[] = [];
  if (source.vis !== undefined) {
    const vis = readVis(source.vis);
    if (!vis.ok) return { name, stage: 'vis', diagnostics: vis.diagnostics };
    const bound = visCalls(vis.value, standIns(vis.value));
    if (!bound.ok) return { name, stage: 'vis', diagnostics: bound.diagnostics };
    calls = bound.value;
  }
  return { name, ...checkScript(source.text, catalog, { calls, now }) };
}

async function printScripts(context: Context, checked: readonly Checked[], format: OutputFormat): Promise<void> {
  const columns = [column('script'), column('result'), column('place'), column('id'), column('reason')];
  const rows = checked.flatMap(({ name, stage, diagnostics }) => {
    if (stage === 'compiled') return [{ cells: [name, 'compiled', null, null, null] }];
    return diagnostics.map(({ id, message, span, hints = [] }) => ({
      cells: [
        name,
        `refused: ${stage}`,
        orMissing(span ? `${span.line}:${span.column}` : ''),
        id,
        [message, ...hints].join('; '),
      ],
    }));
  });
  await printRows(context, format, 'check', columns, rows);
}

async function printReasons(context: Context, checked: readonly Checked[], format: OutputFormat): Promise<void> {
  const reasons = new Map<string, { id: string; message: string; scripts: Set<string> }>();
  for (const { name, diagnostics } of checked) {
    for (const { id, message } of diagnostics) {
      const key = `${id} ${message}`;
      const reason = reasons.get(key) ?? { id, message, scripts: new Set() };
      reasons.set(key, reason);
      reason.scripts.add(name);
    }
  }
  const sorted = [...reasons.values()].sort((a, b) => b.scripts.size - a.scripts.size);
  const columns = [column('scripts', 'INT64'), column('id'), column('reason')];
  const rows = sorted.map(({ id, message, scripts }) => ({ cells: [BigInt(scripts.size), id, message] }));
  await printRows(context, format, 'reasons', columns, rows);
}
