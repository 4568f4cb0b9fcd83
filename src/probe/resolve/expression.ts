import { type Diagnostic, nearest, type Span } from '#base';
import type { GoField, GoSignature, GoType, GoVariable, TypeRef } from '#gobin';
import { type Expression, expressionText, parseExpression } from '#goexpr';
import type { BinaryView } from '../binary.ts';
import type { TypeGraphBuilder } from '../graph/index.ts';
import { type ColumnForm, columnForm, leaf } from './leaf.ts';
import type { Access, ResolvedValue } from './resolved.ts';
import { typeName, variablesText } from './type-text.ts';

/** Where an expression is typed: a function's variables, and which of them it may name. */
export interface Scope {
  readonly function: string;
  readonly signature: GoSignature;
  readonly side: 'argument' | 'result';
  readonly binary: Pick<BinaryView, 'type'>;
  /** Collects the types of the tracepoint's structured values. */
  readonly graph: TypeGraphBuilder;
}

export type TypedExpression =
  | { readonly ok: true; readonly value: ResolvedValue; readonly form: ColumnForm }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** What an expression stands for: a type, and the way to its bytes. */
interface Reached {
  readonly type: TypeRef;
  readonly access: Access;
}

/** Parses and types `text`; what is wrong becomes diagnostics that name what there is. */
export function resolveExpression(text: string, scope: Scope, span?: Span): TypedExpression {
  const parsed = parseExpression(text, span);
  if (!parsed.ok) {
    // A place in the expression's own text says nothing to one who looks at a script; the message names it.
    if (span !== undefined) return parsed;
    return { ok: false, diagnostics: parsed.diagnostics.map(({ span: _, ...diagnostic }) => diagnostic) };
  }
  const found: Diagnostic[] = [];
  const reached = new Typing(scope, found, span).reach(parsed.expression);
  if (reached === undefined) return { ok: false, diagnostics: found };
  const type = scope.binary.type(reached.type);
  return { ok: true, value: leaf(reached.access, reached.type, scope.binary, scope.graph), form: columnForm(type) };
}

class Typing {
  readonly #scope: Scope;
  readonly #found: Diagnostic[];
  readonly #span: Span | undefined;

  constructor(scope: Scope, found: Diagnostic[], span: Span | undefined) {
    this.#scope = scope;
    this.#found = found;
    this.#span = span;
  }

  /** Undefined after a diagnostic. */
  reach(expression: Expression): Reached | undefined {
    switch (expression.kind) {
      case 'name':
        return this.#name(expression.name);
      case 'result':
      case 'parameter':
        return this.#numbered(expression.kind, expression.index);
      case 'dereference':
        return this.#dereference(expression.operand);
      case 'selector':
        return this.#select(expression.operand, expression.field);
    }
  }

  #name(name: string): Reached | undefined {
    const { signature, side } = this.#scope;
    const own = side === 'argument' ? signature.parameters : signature.results;
    const found = own.find((variable) => variable.name === name);
    if (found !== undefined) return this.#start(found);
    const other = side === 'argument' ? signature.results : signature.parameters;
    if (other.some((variable) => variable.name === name)) {
      return this.#fail(
        'probe.wrong-side',
        side === 'argument'
          ? `'${name}' is a result of ${this.#scope.function}: it has no value at the entry`
          : `'${name}' is an argument of ${this.#scope.function}, not a result`,
        [side === 'argument' ? `use pxtrace.RetExpr("${name}")` : `use pxtrace.ArgExpr("${name}")`],
      );
    }
    return this.#noVariable(name, own);
  }

  #numbered(kind: 'result' | 'parameter', index: number): Reached | undefined {
    const { signature, side } = this.#scope;
    const name = kind === 'result' ? `$${index}` : `#${index}`;
    if ((kind === 'result') !== (side === 'result')) {
      return this.#fail(
        'probe.wrong-side',
        kind === 'result'
          ? `'${name}' is a result of ${this.#scope.function}: it has no value at the entry`
          : `'${name}' is an argument of ${this.#scope.function}, not a result`,
        [kind === 'result' ? `use pxtrace.RetExpr("${name}")` : `use pxtrace.ArgExpr("${name}")`],
      );
    }
    const own = kind === 'result' ? signature.results : signature.parameters;
    const found = own[index];
    return found === undefined ? this.#noVariable(name, own) : this.#start(found);
  }

  #start(variable: GoVariable): Reached | undefined {
    if (this.#scope.graph.isRedacted(variable.name, variable.type)) return this.#redacted(variable.name);
    return start(variable);
  }

  #redacted(text: string): undefined {
    return this.#fail('probe.redacted', `'${text}' is never captured: its name or type is on the redaction list`, [
      'the list is set by the owner of the agent (SONDE_REDACT_NAMES, SONDE_REDACT_TYPES)',
    ]);
  }

  #noVariable(name: string, own: readonly GoVariable[]): undefined {
    const { function: fn, signature, side, binary } = this.#scope;
    const unknown = signature.unknown ?? (side === 'result' ? signature.resultsUnknown : signature.parametersUnknown);
    if (unknown !== undefined) {
      return this.#fail('probe.no-debug-info', `the ${side}s of ${fn} are not known: ${unknown}`, []);
    }
    const hints = didYouMean(
      name,
      own.map((variable) => variable.name),
    );
    hints.push(own.length === 0 ? `it has no ${side}s` : `its ${side}s: ${variablesText(own, binary)}`);
    return this.#fail('probe.no-such-variable', `${fn} has no ${side} '${name}'`, hints);
  }

  #dereference(operand: Expression): Reached | undefined {
    const pointer = this.reach(operand);
    if (pointer === undefined) return undefined;
    const type = this.#scope.binary.type(pointer.type);
    if (type.kind !== 'pointer') {
      const message = `'*${expressionText(operand)}': ${expressionText(operand)} is of type ${typeName(type)}, not a pointer`;
      return this.#fail('probe.not-a-pointer', message, []);
    }
    if (type.elem === undefined) {
      return this.#fail(
        'probe.not-a-pointer',
        `'*${expressionText(operand)}': what an ${typeName(type)} points to has no type`,
        [],
      );
    }
    return { type: type.elem, access: hop(pointer.access, 0) };
  }

  #select(operandExpression: Expression, field: string): Reached | undefined {
    const { binary } = this.#scope;
    const operand = this.reach(operandExpression);
    if (operand === undefined) return undefined;
    const text = expressionText(operandExpression);
    let { access } = operand;
    let type = binary.type(operand.type);
    if (type.kind === 'pointer' && type.elem !== undefined) {
      access = hop(access, 0);
      type = binary.type(type.elem);
    }
    if (type.kind !== 'struct') return this.#fail('probe.no-fields', `'${text}.${field}': ${noFields(text, type)}`, []);
    const path = findField(type, field, binary);
    if (path === 'ambiguous') {
      return this.#fail(
        'probe.ambiguous-field',
        `'${text}.${field}' is ambiguous: several embedded structs have a field ${field}`,
        [`name the embedded struct first: ${text}.<embedded>.${field}`],
      );
    }
    if (path === undefined) {
      const names = type.fields.map((each) => each.name);
      const hints = didYouMean(field, names, `${text}.`);
      hints.push(
        names.length === 0
          ? `${typeName(type)} has no fields`
          : `fields of ${typeName(type)}: ${variablesText(type.fields, binary)}`,
      );
      return this.#fail(
        'probe.no-such-field',
        `${typeName(type)} has no field '${field}' (in '${text}.${field}')`,
        hints,
      );
    }
    const hidden = path.find((step) => this.#scope.graph.isRedacted(step.name, step.type));
    if (hidden !== undefined) return this.#redacted(`${text}.${field}`);
    let ref: TypeRef = operand.type;
    path.forEach((step, i) => {
      const before = i === 0 ? undefined : binary.type(ref);
      if (before?.kind === 'pointer') access = hop(access, 0);
      access = moved(access, step.offset);
      ref = step.type;
    });
    return { type: ref, access };
  }

  #fail(id: string, message: string, hints: readonly string[]): undefined {
    this.#found.push({
      id,
      message,
      ...(this.#span === undefined ? {} : { span: this.#span }),
      ...(hints.length === 0 ? {} : { hints }),
    });
    return undefined;
  }
}

function start(variable: GoVariable): Reached {
  return { type: variable.type, access: { variable, offset: 0, hops: [] } };
}

function hop(access: Access, offset: number): Access {
  return { ...access, hops: [...access.hops, offset] };
}

function moved(access: Access, by: number): Access {
  const { hops } = access;
  if (hops.length === 0) return { ...access, offset: access.offset + by };
  return { ...access, hops: [...hops.slice(0, -1), hops.at(-1)! + by] };
}

function noFields(text: string, type: GoType): string {
  switch (type.kind) {
    case 'interface':
      return `${text} is an interface (${typeName(type)}): what it holds is not reached yet`;
    case 'pointer':
      return type.elem === undefined
        ? `what an ${typeName(type)} points to has no type`
        : `${text} is a pointer to a pointer: Go follows one only`;
    default:
      return `${text} is of type ${typeName(type)}, which has no fields`;
  }
}

/** Most structs that a search for a promoted field looks into: embedding may form cycles through pointers. */
const mostEmbedded = 1000;

/** The fields from `type` to the field named so, by Go's rule: the shallowest one; two at that depth are ambiguous. */
function findField(
  type: GoType & { kind: 'struct' },
  name: string,
  binary: Pick<BinaryView, 'type'>,
): readonly GoField[] | 'ambiguous' | undefined {
  let level: { readonly type: GoType & { kind: 'struct' }; readonly path: readonly GoField[] }[] = [{ type, path: [] }];
  const seen = new Set<TypeRef>();
  let looked = 0;
  while (level.length > 0) {
    const found: (readonly GoField[])[] = [];
    const deeper: typeof level = [];
    for (const { type: struct, path } of level) {
      for (const field of struct.fields) {
        if (field.name === name && name !== '_') found.push([...path, field]);
        if (!field.embedded) continue;
        let ref = field.type;
        let inner = binary.type(ref);
        if (inner.kind === 'pointer' && inner.elem !== undefined) {
          ref = inner.elem;
          inner = binary.type(ref);
        }
        if (inner.kind !== 'struct' || seen.has(ref) || ++looked > mostEmbedded) continue;
        seen.add(ref);
        deeper.push({ type: inner, path: [...path, field] });
      }
    }
    if (found.length > 1) return 'ambiguous';
    if (found.length === 1) return found[0];
    level = deeper;
  }
  return undefined;
}

/** Any other single letter is as near as the next: no guess then. */
function didYouMean(name: string, names: readonly string[], before = ''): string[] {
  if (name.length < 2) return [];
  return nearest(name, names, 1).map((candidate) => `did you mean ${before}${candidate}?`);
}
