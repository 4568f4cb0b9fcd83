import { type Agent, connectAgent } from '../connect/agent.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { serve } from '../lsp/server.ts';

/** `px lsp`: a language server on standard input and output. An agent is asked if one runs; none is started. */
export async function lsp(context: Context, options: { readonly process?: string }): Promise<ExitCode> {
  let agent: Promise<Agent | undefined> | undefined;
  const connect = () => {
    agent ??= connectAgent(context, { start: false }).catch(() => {
      agent = undefined;
      return undefined;
    });
    return agent;
  };
  await serve(context.input, process.stdout, connect, options.process);
  (await agent)?.close();
  return exitCodes.ok;
}
