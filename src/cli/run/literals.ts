import type { Diagnostic } from '#base';
import { excerpt } from '#base';
import { parse, type ScriptParameter, scriptParameters, withParameters } from '#pxl';
import { UsageError, UserError } from '../failure.ts';
import type { Parameter } from './arguments.ts';
import type { ScriptSource } from './library.ts';

/** The script's own top-level `name = <literal>`. @throws UserError when the script does not parse */
export function literalParameters(source: ScriptSource): Parameter[] {
  return scriptParameters(treeOf(source)).map((parameter) => ({
    name: parameter.name,
    type: parameter.kind,
    defaultValue: shownDefault(parameter),
  }));
}

/** The script's text with these values in place of its literals. @throws UsageError for a value of another kind */
export function withLiterals(source: ScriptSource, values: ReadonlyMap<string, string>): string {
  if (values.size === 0) return source.text;
  const changed = withParameters(source.text, treeOf(source), values);
  if (changed.ok) return changed.source;
  throw new UsageError(
    changed.diagnostics.map((each) => [each.message, ...(each.hints ?? [])].join('\n  ')).join('\n'),
  );
}

/** `file.pxl:3:5: message [id]`, the line, a caret, the hints: as the agent's own faults are shown. */
function placedDiagnostic(name: string, text: string, { id, span, message, hints = [] }: Diagnostic): string {
  const told = hints.map((hint) => `  ${hint}`);
  if (span === undefined) return [`${name}: ${message} [${id}]`, ...told].join('\n');
  return [`${name}:${span.line}:${span.column}: ${message} [${id}]`, excerpt(text, span), ...told].join('\n');
}

function treeOf(source: ScriptSource): Parameters<typeof scriptParameters>[0] {
  const { tree, diagnostics } = parse(source.text);
  if (diagnostics.length === 0) return tree;
  throw new UserError(diagnostics.map((each) => placedDiagnostic(source.name, source.text, each)).join('\n'));
}

function shownDefault({ kind, value }: ScriptParameter): string {
  return kind === 'string' ? JSON.stringify(value) : kind === 'bool' ? (value ? 'True' : 'False') : String(value);
}
