import { SondeError } from '#base';

/** Exit codes of px. 4: something was printed, and it is not all that was asked for. */
export const exitCodes = { ok: 0, script: 1, usage: 2, agent: 3, partial: 4 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure that px tells its user; `message` is complete, `exitCode` is what the process ends with. */
export abstract class Failure extends SondeError {
  abstract readonly exitCode: ExitCode;
}

/** The command line asks for something that does not exist or contradicts itself. */
export class UsageError extends Failure {
  readonly code = 'cli.usage';
  readonly exitCode = exitCodes.usage;
}

/** The script, or what the user named, is at fault. */
export class UserError extends Failure {
  readonly code = 'cli.user';
  readonly exitCode = exitCodes.script;
}
