import type { Audience, vizier } from '#api';
import { type Diagnostic, SondeError, type Span } from '#base';
import type { Resumption } from './delivery.ts';
import { explain, UserError } from './errors.ts';

export type Response = vizier.ExecuteScriptResponse;

/** Sends one message of a script's answer: the part that is given, under the query's id. */
export type Send = (part: Partial<Response>) => Promise<void>;

/** google.rpc.Code */
export const grpcCode = { ok: 0, invalidArgument: 3, failedPrecondition: 9, internal: 13, unavailable: 14 } as const;

/**
 * A failure as the script's answer tells it, with places in the script where it has some. To a client of Pixie's every fault without a place is an invalid
 * argument: its Go library drops the message of any other code.
 */
export function statusOf(error: unknown, audience: Audience): vizier.Status {
  if (error instanceof UserError) {
    const details = error.diagnostics.filter((diagnostic) => diagnostic.span !== undefined);
    return { code: grpcCode.invalidArgument, message: error.message, errorDetails: details.map(compilerError) };
  }
  const plain = (code: number, message: string) => ({
    code: audience === 'pixie' ? grpcCode.invalidArgument : code,
    message,
    errorDetails: [],
  });
  if (error instanceof SondeError && error.code !== 'bug') return plain(grpcCode.failedPrecondition, error.message);
  return plain(grpcCode.internal, bugText(error, audience));
}

/** Who sent it from afar has no use for our stack; the log has. */
function bugText(error: unknown, audience: Audience): string {
  const whole = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (audience === 'sonde') return whole;
  process.stderr.write(`${new Date().toISOString()} bug: ${whole}\n`);
  return `bug in Sonde: ${error instanceof Error ? error.message : whole} (the agent's log has more)`;
}

function compilerError(diagnostic: Diagnostic): vizier.ErrorDetails {
  const { line, column } = diagnostic.span!;
  const value = { line: BigInt(line), column: BigInt(column), message: explain(diagnostic), sondeId: diagnostic.id };
  return { error: { $case: 'compilerError', value } };
}

/** Pixie's clients ask with nothing but an id to go on with a query whose connection broke. */
export function askedToResume({ queryStr, queryId }: vizier.ExecuteScriptRequest): Resumption | undefined {
  return queryStr.trim() === '' && queryId !== '' ? { id: queryId, received: undefined } : undefined;
}

/** `lost`: why the query that is asked for cannot go on. Pixie's px and libraries print it and end. @throws UserError */
export function requireScript({ queryStr, queryId }: vizier.ExecuteScriptRequest, lost = ''): void {
  if (queryStr.trim() !== '') return;
  throw new UserError(
    queryId === '' ? 'Query should not be empty.' : `query ${queryId} cannot go on: ${lost}; run it again`,
  );
}

/** A script deletes what is not there. */
export function noSuchTracepoint({ name, span }: { name: string; span: Span }, known: readonly string[]): Diagnostic {
  const hints = [known.length > 0 ? `there are: ${known.join(', ')}` : 'there are none'];
  return { id: 'door.no-such-tracepoint', message: `Could not find tracepoint for given name: ${name}`, span, hints };
}
