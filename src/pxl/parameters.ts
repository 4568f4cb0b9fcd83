import { type Diagnostic, nearest, type Span } from '#base';
import { quoted } from './strings.ts';
import type { Expression, Script } from './tree.ts';

/** A value that a script names at its top level and that the command line may replace: `name = <literal>`. */
export interface ScriptParameter {
  readonly name: string;
  readonly kind: 'string' | 'int' | 'float' | 'bool';
  readonly value: string | bigint | number | boolean;
  /** Of the literal. */
  readonly span: Span;
}

/** The script's own parameters in order of place. A name that is assigned twice at top level is a variable, not a parameter. */
export function scriptParameters(tree: Script): readonly ScriptParameter[] {
  const counts = new Map<string, number>();
  const found: ScriptParameter[] = [];
  for (const statement of tree.body) {
    if (statement.kind !== 'assignment' || statement.target.kind !== 'name') continue;
    const { name } = statement.target;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    const literal = literalOf(statement.value);
    if (literal) found.push({ name, ...literal, span: statement.value.span });
  }
  return found.filter((parameter) => counts.get(parameter.name) === 1);
}

function literalOf(node: Expression): Pick<ScriptParameter, 'kind' | 'value'> | undefined {
  switch (node.kind) {
    case 'string':
    case 'int':
    case 'float':
      return { kind: node.kind, value: node.value };
    case 'constant':
      return node.value === null ? undefined : { kind: 'bool', value: node.value };
    case 'unary': {
      const { operand, operator } = node;
      if (operator !== '-' && operator !== '+') return undefined;
      if (operand.kind === 'int') return { kind: 'int', value: operator === '-' ? -operand.value : operand.value };
      if (operand.kind === 'float') return { kind: 'float', value: operator === '-' ? -operand.value : operand.value };
      return undefined;
    }
    default:
      return undefined;
  }
}

export type WithParameters =
  | { readonly ok: true; readonly source: string }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * The script's text with the literals of these parameters replaced: a string by a quoted literal, a number or a boolean by
 * the value given, if it is one. A name that is no parameter (`pxl.no-such-parameter`) or a value of another kind
 * (`pxl.parameter-value`) is a diagnostic.
 */
export function withParameters(source: string, tree: Script, values: ReadonlyMap<string, string>): WithParameters {
  const parameters = scriptParameters(tree);
  const diagnostics: Diagnostic[] = [];
  const edits: { span: Span; text: string }[] = [];
  for (const [name, value] of values) {
    const parameter = parameters.find((each) => each.name === name);
    if (!parameter) {
      diagnostics.push(unknownParameter(name, parameters));
      continue;
    }
    const text = literalText(parameter.kind, value);
    if (text === undefined) {
      const wanted = { string: 'a string', int: 'an integer', float: 'a number', bool: 'true or false' }[
        parameter.kind
      ];
      diagnostics.push({
        id: 'pxl.parameter-value',
        message: `--${name} takes ${wanted}, not \`${value}\``,
        span: parameter.span,
      });
    } else edits.push({ span: parameter.span, text });
  }
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  edits.sort((a, b) => b.span.start - a.span.start);
  let out = source;
  for (const { span, text } of edits) out = out.slice(0, span.start) + text + out.slice(span.end);
  return { ok: true, source: out };
}

function unknownParameter(name: string, parameters: readonly ScriptParameter[]): Diagnostic {
  const names = parameters.map((each) => each.name);
  const near = nearest(name, names);
  const hints = near.length > 0 ? [`did you mean ${near.map((each) => `--${each}`).join(' or ')}?`] : [];
  hints.push(names.length > 0 ? `it has: ${names.map((each) => `--${each}`).join(', ')}` : 'it has none');
  return { id: 'pxl.no-such-parameter', message: `the script has no parameter --${name}`, hints };
}

function literalText(kind: ScriptParameter['kind'], value: string): string | undefined {
  const text = value.trim();
  switch (kind) {
    case 'string':
      return quoted(value);
    case 'int':
      return /^[-+]?(0|[1-9][0-9]*)$/.test(text) ? text : undefined;
    case 'float':
      return /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/.test(text) && Number.isFinite(Number(text))
        ? floatText(text)
        : undefined;
    case 'bool':
      if (/^(true|1|yes)$/i.test(text)) return 'True';
      return /^(false|0|no)$/i.test(text) ? 'False' : undefined;
  }
}

/** A float literal stays one: `5` becomes `5.0`, `007` becomes `7.0`. */
function floatText(text: string): string {
  return /[.eE]/.test(text) ? text : `${BigInt(text.replace('+', ''))}.0`;
}
