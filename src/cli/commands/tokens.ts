import type { sonde } from '#api';
import { nearest } from '#base';
import { sondeMethods, withAgent } from '../connect/agent.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat } from '../output/row.ts';

/** The token alone on standard output, for `TOKEN=$(px token create …)`; what it is, on standard error. */
export async function createToken(
  context: Context,
  name: string,
  { role, expires = 0n, output }: { role: string; expires?: bigint; output: OutputFormat },
): Promise<ExitCode> {
  const { token, info } = await withAgent(context, (agent) =>
    agent.call(sondeMethods.createToken, { name, role, lifetimeNs: expires }),
  );
  if (output === 'table') {
    await context.out.write(`${token}\n`);
    tell(context, `token ${name}, role ${role}: kept nowhere, it cannot be shown again`);
  } else {
    const columns = [column('token'), ...tokenColumns];
    await printRows(context, output, 'tokens', columns, [{ cells: [token, ...tokenCells(info!)] }]);
  }
  return exitCodes.ok;
}

export async function listTokens(context: Context, format: OutputFormat): Promise<ExitCode> {
  const { tokens } = await withAgent(context, (agent) => agent.call(sondeMethods.listTokens, {}));
  await printRows(
    context,
    format,
    'tokens',
    tokenColumns,
    tokens.map((token) => ({ cells: tokenCells(token) })),
  );
  return exitCodes.ok;
}

/** Revokes what is there of `names`; the others are told with the nearest names, and make it exit 1. */
export async function revokeTokens(context: Context, names: readonly string[]): Promise<ExitCode> {
  return withAgent(context, async (agent) => {
    let code: ExitCode = exitCodes.ok;
    for (const name of names) {
      const { existed } = await agent.call(sondeMethods.revokeToken, { name });
      if (existed) {
        tell(context, `revoked ${name}`);
        continue;
      }
      code = exitCodes.script;
      const { tokens } = await agent.call(sondeMethods.listTokens, {});
      const valid = tokens.filter(({ state }) => state === 'valid').map((token) => token.name);
      const near = nearest(name, valid);
      tell(
        context,
        `no valid token ${name}${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '; `px token list` lists them'}`,
      );
    }
    return code;
  });
}

const tokenColumns = [
  column('name'),
  column('role'),
  column('state'),
  column('created', 'TIME64NS'),
  column('expires', 'TIME64NS'),
  column('revoked', 'TIME64NS'),
  column('created_by'),
];

function tokenCells(token: sonde.TokenInfo) {
  const time = (ns: bigint) => (ns === 0n ? null : ns);
  return [
    token.name,
    token.role,
    token.state,
    token.createdNs,
    time(token.expiresNs),
    time(token.revokedNs),
    orMissing(token.createdBy),
  ];
}
