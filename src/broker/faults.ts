import type { vizier } from '#api';
import { type Diagnostic, SondeError } from '#base';

/** The script or what it asks for is wrong. */
export class ScriptFault extends SondeError {
  readonly code = 'broker.script';
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(explain).join('\n'));
    this.diagnostics = diagnostics;
  }
}

function explain(diagnostic: Diagnostic): string {
  return [diagnostic.message, ...(diagnostic.hints ?? [])].join('\n  ');
}

/** google.rpc.Code */
const codes = { invalidArgument: 3, failedPrecondition: 9, internal: 13 } as const;

/** A failure as Pixie's clients read it, in the stream. */
export function statusOf(error: unknown): vizier.Status {
  if (error instanceof ScriptFault) {
    const errorDetails = error.diagnostics.flatMap((diagnostic): vizier.ErrorDetails[] => {
      if (diagnostic.span === undefined) return [];
      const { line, column } = diagnostic.span;
      const value = { line: BigInt(line), column: BigInt(column), message: explain(diagnostic) };
      return [{ error: { $case: 'compilerError', value } }];
    });
    return { code: codes.invalidArgument, message: error.message, errorDetails };
  }
  const own = error instanceof SondeError && error.code !== 'bug';
  const text = error instanceof Error ? (own ? error.message : (error.stack ?? error.message)) : String(error);
  return { code: own ? codes.failedPrecondition : codes.internal, message: text, errorDetails: [] };
}
