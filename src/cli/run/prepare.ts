import { buffer } from 'node:stream/consumers';
import type { vizier } from '#api';
import { type Context, tell } from '../context.ts';
import { UsageError } from '../failure.ts';
import { type Parameter, parametersHelp, parseScriptArguments } from './arguments.ts';
import { openLibrary } from './bundle.ts';
import { readScript, type ScriptSource, scriptText } from './library.ts';

/** Which script a command line means. */
export interface ScriptChoice {
  readonly file?: string;
  /** Where named scripts are, other than those that come along. */
  readonly bundle?: string;
}

/** A script ready to be sent. */
export interface PreparedScript {
  readonly name: string;
  /** With the parameters' values in it. */
  readonly text: string;
  readonly calls: readonly vizier.ExecuteScriptRequest_FuncToExecute[];
  /** The name of a bundled script; empty for the user's own. */
  readonly queryName: string;
}

/** Reads the script and gives it the values that stand behind `--`; undefined when only help was wanted, which is printed. */
export async function prepareScript(
  context: Context,
  script: string | undefined,
  choice: ScriptChoice,
): Promise<PreparedScript | undefined> {
  const source = await scriptSource(context, script, choice);
  const prepared = await withValues(context, source);
  const named = fileOf(script, choice) === undefined;
  return prepared && { ...prepared, name: source.name, queryName: named ? source.name : '' };
}

/** The file that is meant: with `-f`, or by a name that no bundled script has. */
function fileOf(script: string | undefined, { file }: ScriptChoice): string | undefined {
  return file ?? (script !== undefined && /^-$|\.pxl$/.test(script) ? script : undefined);
}

/** The script that a command line means, as it lies on disk. */
export async function scriptSource(
  context: Context,
  script: string | undefined,
  choice: ScriptChoice,
): Promise<ScriptSource> {
  if (choice.file !== undefined && script !== undefined) {
    throw new UsageError(`both a script (${script}) and a file (-f ${choice.file}) are given: one of them runs`);
  }
  const file = fileOf(script, choice);
  if (file === '-') {
    if (context.inputIsTerminal) tell(context, 'reading a script from the terminal; Ctrl-D ends it');
    return { name: '<stdin>', text: scriptText('standard input', await buffer(context.input)) };
  }
  if (file !== undefined) return readScript(file);
  if (script === undefined)
    throw new UsageError('what to run? `px run px/upids`, `px run script.pxl`; `px run -l` lists the bundled scripts');
  return (await openLibrary(choice.bundle)).script(script);
}

async function withValues(
  context: Context,
  source: ScriptSource,
): Promise<{ text: string; calls: vizier.ExecuteScriptRequest_FuncToExecute[] } | undefined> {
  // The planner and the parser are loaded only by scripts that need them.
  if (source.vis !== undefined && source.visFile !== undefined) {
    const { loadVis, requestedCalls } = await import('./vis.ts');
    const vis = loadVis(source.vis, source.visFile);
    if (vis.variables.length > 0) {
      const values = await given(context, source, vis.variables);
      return values && { text: source.text, calls: requestedCalls(vis, values, source.visFile) };
    }
    const text = await withOwnLiterals(context, source);
    return text === undefined ? undefined : { text, calls: requestedCalls(vis, new Map(), source.visFile) };
  }
  const text = await withOwnLiterals(context, source);
  return text === undefined ? undefined : { text, calls: [] };
}

/** The text with the values given for its own top-level literals. */
async function withOwnLiterals(context: Context, source: ScriptSource): Promise<string | undefined> {
  if (context.scriptArguments.length === 0) return source.text;
  const { literalParameters, withLiterals } = await import('./literals.ts');
  const values = await given(context, source, literalParameters(source));
  return values && withLiterals(source, values);
}

/** The values that stand behind `--`; undefined when help was wanted there, which is printed. */
async function given(
  context: Context,
  source: ScriptSource,
  parameters: readonly Parameter[],
): Promise<ReadonlyMap<string, string> | undefined> {
  const parsed = parseScriptArguments(context.scriptArguments, parameters);
  if (parsed.kind === 'values') return parsed.values;
  await context.out.write(parametersHelp(source.name, parameters));
  return undefined;
}
