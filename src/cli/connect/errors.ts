import { type ExitCode, exitCodes, Failure } from '../failure.ts';

/** No agent answers, and none could be started. */
export class AgentDidNotStart extends Failure {
  readonly code = 'cli.agent-did-not-start';
  readonly exitCode: ExitCode = exitCodes.agent;

  constructor(how: string, logFile: string, tail: string) {
    super(
      `the agent did not start: ${how}${tail === '' ? ` (nothing in ${logFile})` : `\n${indent(tail)}\nlog: ${logFile}`}`,
    );
  }
}

/** No agent runs, and this command does not start one. */
export class NoAgent extends Failure {
  readonly code = 'cli.no-agent';
  readonly exitCode: ExitCode = exitCodes.agent;

  constructor(socket: string) {
    super(
      `no agent is running (socket ${socket}); any command that needs it starts it, and so does \`px agent start\``,
    );
  }
}

/** The agent was there and went while it was asked. */
export class AgentGone extends Failure {
  readonly code = 'cli.agent-gone';
  readonly exitCode: ExitCode = exitCodes.agent;
  /** It had begun to answer. */
  readonly answered: boolean;

  constructor(answered: boolean, detail: string, logFile: string, tail: string) {
    super(
      `the agent ended ${answered ? 'in the middle of its answer' : 'before it answered'} (${detail}); rows that it held are gone, its probes too. ` +
        `The next px starts a new one.${tail === '' ? '' : `\n${indent(tail)}`}\nlog: ${logFile}`,
    );
    this.answered = answered;
  }
}

/** The broker went while it was asked. */
export class BrokerGone extends Failure {
  readonly code = 'cli.broker-gone';
  readonly exitCode: ExitCode = exitCodes.agent;

  constructor(detail: string) {
    super(`the broker went away (${detail}); tracepoints and their rows are at the nodes: run it again`);
  }
}

/** There is a broker, and it does not know what the one before had begun to answer, or it gave that up. */
export class AnswerForgotten extends Failure {
  readonly code = 'cli.answer-forgotten';
  readonly exitCode: ExitCode = exitCodes.agent;

  constructor() {
    super(
      'the broker started anew, or px was away from it for more than a minute: the rest of the answer is lost; tracepoints and their rows are at the nodes: run it again',
    );
  }
}

export class AgentVersionMismatch extends Failure {
  readonly code = 'cli.agent-version';
  readonly exitCode: ExitCode = exitCodes.agent;

  constructor(agent: string, own: string) {
    super(
      `agent is version ${agent}, px is ${own}: run \`px agent stop\` (its tracepoints and rows go with it); the next px starts an agent of version ${own}`,
    );
  }
}

/** A cluster has what was deployed there, for all who use it. */
export class BrokerVersionMismatch extends Failure {
  readonly code = 'cli.broker-version';
  readonly exitCode: ExitCode = exitCodes.agent;

  constructor(broker: string, own: string) {
    super(
      `the cluster's broker is version ${broker}, px is ${own}: take a px of version ${broker}, or \`px deploy --image REF\` with an image of version ${own} (rows that agents hold go with it)`,
    );
  }
}

/** The socket is another user's. */
export class SocketDenied extends Failure {
  readonly code = 'cli.socket-denied';
  readonly exitCode: ExitCode = exitCodes.agent;

  constructor(socket: string, owner: string | undefined, own: string) {
    super(
      `no permission for the agent's socket ${socket}${owner === undefined ? '' : `: it belongs to ${owner}`}, you are ${own}. ` +
        `Use sudo (\`sudo px …\`${owner === undefined || owner === 'root' ? '' : `, or \`sudo -u ${owner} px …\``}).`,
    );
  }
}

/** A Unix socket's path may have 107 bytes (sockaddr_un). */
export class SocketPathTooLong extends Failure {
  readonly code = 'cli.socket-path';
  readonly exitCode: ExitCode = exitCodes.usage;

  constructor(socket: string) {
    super(
      `the socket's path has ${Buffer.byteLength(socket)} bytes, Linux allows 107: ${socket}. Set SONDE_DIR to a shorter folder.`,
    );
  }
}

/** The agent answered with an error status. `status` is the gRPC code. */
export class CallFailed extends Failure {
  readonly code = 'cli.call';
  readonly status: number;
  readonly exitCode: ExitCode;

  constructor(status: number, message: string) {
    super(statusMessage(status, message));
    this.status = status;
    this.exitCode = exitCodeOfStatus(status);
  }
}

/** INVALID_ARGUMENT 3, NOT_FOUND 5, ALREADY_EXISTS 6, OUT_OF_RANGE 11 are the user's; all others the agent's or the machine's. */
export function exitCodeOfStatus(status: number): ExitCode {
  return [3, 5, 6, 11].includes(status) ? exitCodes.script : exitCodes.agent;
}

/** INTERNAL (13) is nobody's mistake but the agent's: its words are a stack, or the transport's. */
export function statusMessage(status: number, message: string): string {
  return status === 13 ? `the agent failed: ${message}` : message;
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
