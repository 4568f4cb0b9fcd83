import type { vizier } from '#api';
import type { Diagnostic } from '#base';
import { type Compiled, readVis, type Vis, visCalls } from '#planner';
import { UsageError, UserError } from '../failure.ts';

/** The vis.json beside a script. @throws UserError when it is none */
export function loadVis(text: string, file: string): Vis {
  return valueOrThrow(readVis(text), file);
}

/** The functions that a vis.json wants called, as the request carries them. @throws UsageError for a value that is missing or not allowed */
export function requestedCalls(
  vis: Vis,
  values: ReadonlyMap<string, string>,
  file: string,
): vizier.ExecuteScriptRequest_FuncToExecute[] {
  return valueOrThrow(visCalls(vis, values), file).map((call) => ({
    funcName: call.name,
    outputTablePrefix: call.outputName,
    argValues: call.arguments.map(({ name, value }) => ({ name, value })),
  }));
}

function valueOrThrow<T>(result: Compiled<T>, file: string): T {
  if (result.ok) return result.value;
  const broken = result.diagnostics.filter(({ id }) => id === 'vis.malformed');
  if (broken.length > 0) throw new UserError(broken.map((each) => `${file}: ${explain(each)}`).join('\n'));
  throw new UsageError(result.diagnostics.map(explain).join('\n'));
}

function explain({ message, hints = [] }: Diagnostic): string {
  return [message, ...hints].join('\n  ');
}
