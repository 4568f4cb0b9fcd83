import { excerpt } from '#base';
import {
  type Catalog,
  compileLogical,
  compileMutations,
  compileQuery,
  offlineCatalog,
  planText,
  type Relational,
  splitPlan,
} from '#planner';
import { withAgent } from '../connect/agent.ts';
import { AgentVersionMismatch, NoAgent } from '../connect/errors.ts';
import { agentCatalog } from '../connect/tables.ts';
import { destination, type Where } from '../connect/where.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes, UserError } from '../failure.ts';
import { type PreparedScript, prepareScript } from '../run/prepare.ts';

export interface ExplainOptions extends Where {
  readonly file?: string;
  readonly bundle?: string;
}

/** Prints of each output of a script its plan as written, the plan after the rules, the SQL, and how it splits over a cluster's nodes. Of a cluster, or of the agent, if one runs, it asks what tables there are. */
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
  const catalog = await knownTables(context, options);
  const logical = compileLogical(prepared.text, catalog, compile);
  const query = compileQuery(prepared.text, catalog, compile);
  if (!logical.ok || !query.ok) {
    const mutations = compileMutations(prepared.text, compile);
    const own = mutations.ok ? mutations.value.upserts.map(({ table }) => table) : [];
    const faults = (logical.ok ? [] : logical.diagnostics).map((each) => {
      const made = each.id === 'pxl.unknown-table' && own.some((table) => each.message.includes(`'${table}'`));
      return placed(
        prepared,
        made ? { ...each, hints: ['the script makes it: run it once, and its columns are known'] } : each,
      );
    });
    throw new UserError(faults.join('\n'));
  }
  for (const [i, { name, plan, optimized }] of logical.value.outputs.entries()) {
    const parts = [`# ${name}`, '## plan', planText(plan), '## after the rules', planText(optimized), '## SQL'];
    parts.push(query.value.outputs[i]!.sql, ...overNodes(optimized));
    await context.out.write(`${parts.join('\n')}\n\n`);
  }
  for (const [i, { plan, optimized, to }] of logical.value.exports.entries()) {
    const parts = [
      `# export to ${to.endpoint.url}`,
      '## plan',
      planText(plan),
      '## after the rules',
      planText(optimized),
    ];
    parts.push('## SQL', query.value.exports[i]!.sql);
    await context.out.write(`${parts.join('\n')}\n\n`);
  }
  await context.out.flush();
  return exitCodes.ok;
}

/** An agent is asked if one runs, of this version; none is started. */
async function knownTables(context: Context, where: Where): Promise<Catalog> {
  try {
    return await withAgent(context, agentCatalog, { start: false, where });
  } catch (error) {
    const ofCluster = destination(context, where).kind === 'cluster';
    if (ofCluster && !(error instanceof NoAgent || error instanceof AgentVersionMismatch)) throw error;
    return offlineCatalog;
  }
}

/** What a cluster's nodes do and what its broker does. */
function overNodes(plan: Relational): string[] {
  let made = 0;
  const { parts, rest, inexact } = splitPlan(plan, () => `rows_of_nodes_${++made}`);
  if (parts.length === 0) return [];
  const texts = parts.map(({ table, plan: part }) => `each node${rest ? `, into ${table}` : ''}:\n${planText(part)}`);
  return ['## in a cluster', ...texts, ...(rest ? ['the broker:', planText(rest)] : []), ...inexact];
}

type Diagnostics = Extract<ReturnType<typeof compileLogical>, { ok: false }>['diagnostics'];

function placed(script: PreparedScript, { message, span, hints = [] }: Diagnostics[number]): string {
  const where = span ? `${script.name}:${span.line}:${span.column}` : script.name;
  return [`${where}: ${message}`, ...(span ? [excerpt(script.text, span)] : []), ...hints].join('\n');
}
