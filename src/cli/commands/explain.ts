import { excerpt } from '#base';
import { compileLogical, compileQuery, offlineCatalog, planText } from '#planner';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes, UserError } from '../failure.ts';
import { type PreparedScript, prepareScript } from '../run/prepare.ts';

export interface ExplainOptions {
  readonly file?: string;
}

/** Prints of each output of a script its plan as written, the plan after the rules, and the SQL. Asks no agent. */
export async function explain(
  context: Context,
  script: string | undefined,
  options: ExplainOptions,
): Promise<ExitCode> {
  const prepared = await prepareScript(context, script, options);
  if (prepared === undefined) return exitCodes.ok;
  const calls = prepared.calls.map((call) => ({
    name: call.funcName,
    outputName: call.outputTablePrefix,
    arguments: call.argValues,
  }));
  const compile = { calls, now: BigInt(Date.now()) * 1_000_000n };
  const logical = compileLogical(prepared.text, offlineCatalog, compile);
  const query = compileQuery(prepared.text, offlineCatalog, compile);
  if (!logical.ok || !query.ok) {
    throw new UserError((logical.ok ? [] : logical.diagnostics).map((each) => placed(prepared, each)).join('\n'));
  }
  for (const [i, { name, plan, optimized }] of logical.value.outputs.entries()) {
    const parts = [`# ${name}`, '## plan', planText(plan), '## after the rules', planText(optimized), '## SQL'];
    await context.out.write(`${[...parts, query.value.outputs[i]!.sql].join('\n')}\n\n`);
  }
  await context.out.flush();
  return exitCodes.ok;
}

type Diagnostics = Extract<ReturnType<typeof compileLogical>, { ok: false }>['diagnostics'];

function placed(script: PreparedScript, { message, span, hints = [] }: Diagnostics[number]): string {
  const where = span ? `${script.name}:${span.line}:${span.column}` : script.name;
  return [`${where}: ${message}`, ...(span ? [excerpt(script.text, span)] : []), ...hints].join('\n');
}
