import { type Diagnostic, nearest, type Span } from '#base';

/** Carries one diagnostic up to the statement that is evaluated, which records it; never leaves this folder. */
export class Fault extends Error {
  /** Undefined: the cause was reported before; nothing more is to be said. */
  readonly diagnostic: Diagnostic | undefined;

  constructor(diagnostic?: Diagnostic) {
    super(diagnostic?.message ?? 'follows from an earlier fault');
    this.diagnostic = diagnostic;
  }
}

export function fault(id: string, message: string, span: Span | undefined, hints: readonly string[] = []): never {
  throw new Fault({ id, message, ...(span ? { span } : {}), ...(hints.length > 0 ? { hints } : {}) });
}

/** `did you mean …?` and the list of what there is: the beginning of one that is too long to read, and only where nothing is near. */
export function suggestions(name: string, candidates: readonly string[], what: string): string[] {
  const near = nearest(name, candidates);
  const hints = near.length > 0 ? [`did you mean ${near.map((each) => `\`${each}\``).join(' or ')}?`] : [];
  const most = 40;
  if (candidates.length === 0) hints.push(`there are no ${what}`);
  else if (near.length === 0 || candidates.length <= most) {
    const more = candidates.length > most ? `, … (${candidates.length})` : '';
    hints.push(`${what}: ${candidates.slice(0, most).join(', ')}${more}`);
  }
  return hints;
}
