import { nearest } from '#base';
import { type Listed, withTokens } from '../connect/tokens.ts';
import type { Where } from '../connect/where.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat } from '../output/row.ts';

interface CreateOptions extends Where {
  readonly role: string;
  /** Nanoseconds; default: it never expires. */
  readonly expires?: bigint;
  readonly namespace?: readonly string[];
  readonly output: OutputFormat;
}

/** The token alone on standard output, for `TOKEN=$(px token create …)`; what it is, on standard error. */
export async function createToken(
  context: Context,
  name: string,
  { role, expires = 0n, namespace = [], output, ...where }: CreateOptions,
): Promise<ExitCode> {
  const { token, info, notes } = await withTokens(context, where, (keeper) =>
    keeper.create({ name, role, lifetimeNs: expires, namespaces: namespace }),
  );
  if (output === 'table') {
    await context.out.write(`${token}\n`);
    tell(context, `token ${name}, role ${role}: kept nowhere, it cannot be shown again`);
    for (const note of notes) tell(context, note);
  } else {
    const columns = [column('token'), ...tokenColumns(info)];
    await printRows(context, output, 'tokens', columns, [{ cells: [token, ...tokenCells(info)] }]);
  }
  return exitCodes.ok;
}

export async function listTokens(
  context: Context,
  { output, ...where }: Where & { readonly output: OutputFormat },
): Promise<ExitCode> {
  const tokens = await withTokens(context, where, (keeper) => keeper.list());
  const rows = tokens.map((token) => ({ cells: tokenCells(token) }));
  await printRows(context, output, 'tokens', tokenColumns(tokens[0]), rows);
  return exitCodes.ok;
}

/** Revokes what is there of `names`; the others are told with the nearest names, and make it exit 1. */
export async function revokeTokens(context: Context, names: readonly string[], where: Where): Promise<ExitCode> {
  return withTokens(context, where, async (keeper) => {
    let code: ExitCode = exitCodes.ok;
    for (const name of names) {
      if (await keeper.revoke(name)) {
        tell(context, `revoked ${name}`);
        continue;
      }
      code = exitCodes.script;
      const valid = (await keeper.list()).filter(({ state }) => state === 'valid').map((token) => token.name);
      const near = nearest(name, valid);
      tell(
        context,
        `no valid token ${name}${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '; `px token list` lists them'}`,
      );
    }
    return code;
  });
}

/** Those of a cluster have namespaces. */
function tokenColumns(first: Listed | undefined) {
  return [
    column('name'),
    column('role'),
    ...(first?.namespaces === undefined ? [] : [column('namespaces')]),
    column('state'),
    column('created', 'TIME64NS'),
    column('expires', 'TIME64NS'),
    column('revoked', 'TIME64NS'),
    column('created_by'),
  ];
}

function tokenCells(token: Listed) {
  const time = (ns: bigint) => (ns === 0n ? null : ns);
  return [
    token.name,
    token.role,
    ...(token.namespaces === undefined ? [] : [orMissing(token.namespaces.join(' '))]),
    token.state,
    token.createdNs,
    time(token.expiresNs),
    time(token.revokedNs),
    orMissing(token.createdBy),
  ];
}
