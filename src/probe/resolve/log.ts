import type { Diagnostic, Span } from '#base';
import type { GoSignature } from '#gobin';
import { resolveExpression, type Scope } from './expression.ts';
import type { ResolvedLogPart, ResolvedValue } from './resolved.ts';
import { variablesText } from './type-text.ts';

/** What a log line may name beside the function's variables; a variable of the same name goes first. */
const ofTheCall = ['latency', 'outcome', 'panic', 'caller'] as const;

/**
 * A template such as `charge {user.ID} {amount} -> {err} in {latency}`, its expressions looked up: arguments as they are at the entry,
 * results at the return. `{{` and `}}` stand for braces. `caller`: what `{caller}` is.
 */
export function resolveLog(
  template: string,
  scope: Omit<Scope, 'side'>,
  caller: ResolvedValue,
  span: Span | undefined,
): { readonly parts: readonly ResolvedLogPart[]; readonly diagnostics: readonly Diagnostic[] } {
  const parts: ResolvedLogPart[] = [];
  const diagnostics: Diagnostic[] = [];
  const fail = (message: string) =>
    diagnostics.push({
      id: 'probe.log',
      message,
      hints: ['as in "charge {user.ID} {amount} -> {err} in {latency}"; a brace itself is written twice'],
      ...(span === undefined ? {} : { span }),
    });
  /** A name may be one of the results, too. */
  const withResults = (diagnostic: Diagnostic): Diagnostic => {
    const { signature, binary } = scope;
    if (diagnostic.id !== 'probe.no-such-variable' || signature.results.length === 0) return diagnostic;
    const hint = `its results: ${variablesText(signature.results, binary)}`;
    return diagnostic.hints?.includes(hint)
      ? diagnostic
      : { ...diagnostic, hints: [...(diagnostic.hints ?? []), hint] };
  };
  for (const piece of template.match(/\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+/g) ?? []) {
    if (piece === '{' || piece === '}') {
      fail(`the log line '${template}' has a '${piece}' without its other`);
      break;
    }
    const text = piece.slice(1, -1).trim();
    const word = ofTheCall.find((each) => each === text);
    if (piece === '{{' || piece === '}}') parts.push({ from: 'text', text: piece[0]! });
    else if (!piece.startsWith('{')) parts.push({ from: 'text', text: piece });
    else if (text === '') fail(`the log line '${template}' has empty braces`);
    else if (word !== undefined && !isVariable(word, scope.signature))
      parts.push(word === 'caller' ? { from: 'entry', text, value: caller } : { from: word, text });
    else {
      const side = sideOf(text, scope.signature);
      const typed = resolveExpression(text, { ...scope, side }, span);
      if (!typed.ok) {
        diagnostics.push(...typed.diagnostics.map(withResults));
        // Of several functions one may not have it: its line says so.
        parts.push({ from: 'entry', text, value: { kind: 'missing', reason: typed.diagnostics[0]!.message } });
      } else parts.push({ from: side === 'argument' ? 'entry' : 'return', text, value: typed.value });
    }
  }
  return { parts, diagnostics };
}

function isVariable(name: string, { parameters, results }: GoSignature): boolean {
  return [...parameters, ...results].some((variable) => variable.name === name);
}

/** Of a name that nothing has, the side that says so. */
function sideOf(text: string, { parameters, results }: GoSignature): Scope['side'] {
  if (/\$\d/.test(text)) return 'result';
  const name = /[\p{L}_][\p{L}\p{N}_]*/u.exec(text)?.[0];
  const has = (variables: GoSignature['results']) => variables.some((variable) => variable.name === name);
  return has(results) && !has(parameters) ? 'result' : 'argument';
}
