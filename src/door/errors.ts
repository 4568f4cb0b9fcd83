import { type Diagnostic, excerpt, SondeError } from '#base';
import type { LogicalTracepoint } from '#model';

export interface Script {
  /** As its user knows it. */
  readonly name: string;
  readonly source: string;
}

/** The script or the command is wrong: exit 1 at `px`. */
export class UserError extends SondeError {
  readonly code = 'agent.user';
  readonly diagnostics: readonly Diagnostic[];

  /** `script`: what the spans are in; without it the message has no places. */
  constructor(diagnostics: readonly Diagnostic[] | string, script?: Script) {
    const list = typeof diagnostics === 'string' ? [{ id: 'agent.user', message: diagnostics }] : diagnostics;
    super(
      list.map((diagnostic) => (script === undefined ? explain(diagnostic) : located(diagnostic, script))).join('\n'),
    );
    this.diagnostics = list;
  }
}

/** The machine or its permissions do not allow it: exit 3 at `px`. */
export class MachineError extends SondeError {
  readonly code = 'agent.machine';
}

/**
 * Ends a call with this gRPC status, whatever else was sent. Never UNAVAILABLE, and never UNAUTHENTICATED with "invalid auth token": Pixie's px
 * would take either for a broken connection and try for ever.
 */
export class CallRefused extends SondeError {
  readonly code = 'agent.call-refused';
  /** google.rpc.Code */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A diagnostic as one text: message, then its hints. */
export function explain(diagnostic: Diagnostic): string {
  return [diagnostic.message, ...(diagnostic.hints ?? [])].join('\n  ');
}

function located(diagnostic: Diagnostic, { name, source }: Script): string {
  const { span } = diagnostic;
  if (!span) return explain(diagnostic);
  return `${name}:${span.line}:${span.column}: ${diagnostic.message}\n${excerpt(source, span)}${(diagnostic.hints ?? []).map((hint) => `\n  ${hint}`).join('')}`;
}

/** What is wrong with a tracepoint, at its place in the script: what names none is about the process. */
export function atTarget({ diagnostics }: UserError, { target }: LogicalTracepoint): Diagnostic[] {
  return diagnostics.map((diagnostic) =>
    diagnostic.span === undefined && target.span !== undefined ? { ...diagnostic, span: target.span } : diagnostic,
  );
}
