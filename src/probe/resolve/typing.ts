import type { Diagnostic, Span } from '#base';
import { type CapturedVariable, type GoType, type GoVariable, isClosure, receiverOf } from '#gobin';
import { type CallFact, type Expression, expressionText } from '#goexpr';
import {
  type Computation,
  integer,
  kernelRefusal,
  leavesOf,
  mapLeaves,
  type Scalar,
  text as textType,
} from '../computation/index.ts';
import { startOf } from './access.ts';
import { callOf } from './calls.ts';
import { type ConstantValue, constantOf, defaultType, plainName } from './constants.ts';
import type { Scope } from './expression.ts';
import { leaf } from './leaf.ts';
import { inKernel, type Operand, type Side, scalarOf, type Value } from './operand.ts';
import { binaryOf, unaryOf } from './operators.ts';
import type { Access, ConditionLeaf, ResolvedValue } from './resolved.ts';
import { didYouMean, typeName, variablesText } from './type-text.ts';
import { asserted, dereferenced, indexed, selected, sliced } from './ways.ts';

type CapturedOfType = Extract<CapturedVariable, { readonly type: unknown }>;

/** Types one expression. Every method answers undefined after a diagnostic. */
export class Typing {
  readonly found: Diagnostic[] = [];
  readonly scope: Scope;
  readonly text: string;
  readonly #span: Span | undefined;

  constructor(scope: Scope, text: string, span: Span | undefined) {
    this.scope = scope;
    this.text = text;
    this.#span = span;
  }

  fail(id: string, message: string, hints: readonly string[]): undefined {
    this.found.push({
      id,
      message,
      ...(this.#span === undefined ? {} : { span: this.#span }),
      ...(hints.length === 0 ? {} : { hints }),
    });
    return undefined;
  }

  operand(expression: Expression): Operand | undefined {
    switch (expression.kind) {
      case 'name':
        return this.#name(expression.name);
      case 'result':
      case 'parameter':
        return this.#numbered(expression.kind, expression.index);
      case 'fact':
        return this.#fact(expression.fact);
      case 'integer':
      case 'float':
        return { kind: 'constant', value: expression.value };
      case 'duration':
        return { kind: 'constant', value: expression.ns };
      case 'string':
        return { kind: 'constant', value: expression.bytes };
      case 'dereference':
        return dereferenced(this, expression.operand);
      case 'selector':
        return selected(this, expression);
      case 'index':
        return indexed(this, expression.operand, expression.index);
      case 'slice':
        return sliced(this, expression);
      case 'call':
        return callOf(this, expression);
      case 'assertion':
        return asserted(this, expression.operand, expression.type);
      case 'unary':
        return unaryOf(this, expression.operator, expression.operand);
      case 'binary':
        return binaryOf(this, expression);
    }
  }

  #name(name: string): Operand | undefined {
    if (name === 'nil') return { kind: 'nil' };
    if (name === 'true' || name === 'false') return { kind: 'constant', value: name === 'true' };
    const found = this.variable(name);
    if (found !== undefined) return this.#start(found.variable, found.from);
    const { signature, side, function: fn } = this.scope;
    const captured = side === 'result' ? undefined : signature.captured;
    const own = captured?.variables.find((variable) => variable.name === name);
    if (captured !== undefined && own !== undefined && 'type' in own) return this.#captured(captured.context, own);
    const other = side === 'argument' ? signature.results : signature.parameters;
    if (other.some((variable) => variable.name === name)) return this.#wrongSide(name, side);
    return this.#ofOwnPackage(name) ?? this.#noVariable(name, fn);
  }

  /**
   * As in Go: what no variable is called may be of the function's own package. Not where a local variable may hide it that debug info does not have (in a line, in what a closure
   * has around it): there a name of a package that hardly any local variable has, one with a capital letter.
   */
  #ofOwnPackage(name: string): Operand | undefined {
    const { function: fn, line, binary } = this.scope;
    const mayBeHidden = (line !== undefined || isClosure(fn)) && !/^\p{Lu}/u.test(name);
    const path = receiverOf(fn).package;
    const kind = mayBeHidden ? undefined : binary.packageVariable?.(path, name).kind;
    const found = kind === 'found' || kind === 'constant' ? this.packageVariable(path, name) : undefined;
    return found === 'no package' ? undefined : found;
  }

  /** A variable that a closure has captured: in what its context points to, or behind a pointer there. */
  #captured(context: GoVariable, { name, offset, type: own, byReference }: CapturedOfType): Operand | undefined {
    const pointer = this.scope.binary.type(own);
    const type = byReference && pointer.kind === 'pointer' && pointer.elem !== undefined ? pointer.elem : own;
    if (this.scope.graph.isRedacted(name, type)) return this.redacted(name);
    const access = { variable: context, offset: 0, hops: type === own ? [offset] : [offset, 0] };
    return { kind: 'place', type, access, from: 'entry' };
  }

  #wrongSide(name: string, side: Scope['side']): undefined {
    const fn = this.scope.function;
    return this.fail(
      'probe.wrong-side',
      side === 'argument'
        ? `'${name}' is a result of ${fn}: it has no value at the entry`
        : `'${name}' is an argument of ${fn}, not a result`,
      [side === 'argument' ? `use pxtrace.RetExpr("${name}")` : `use pxtrace.ArgExpr("${name}")`],
    );
  }

  variable(name: string): { readonly variable: GoVariable; readonly from: Side } | undefined {
    const { signature, side } = this.scope;
    const named = (list: readonly GoVariable[]) => list.find((variable) => variable.name === name);
    if (side !== 'result') {
      const variable = named(signature.parameters);
      if (variable !== undefined) return { variable, from: 'entry' };
    }
    const variable = side === 'argument' ? undefined : named(signature.results);
    return variable && { variable, from: 'return' };
  }

  /** Does a variable of that name hide what else it may mean? */
  isVariable(name: string): boolean {
    const { signature, side } = this.scope;
    if (this.variable(name) !== undefined) return true;
    return side !== 'result' && (signature.captured?.variables ?? []).some((captured) => captured.name === name);
  }

  #numbered(kind: 'result' | 'parameter', index: number): Operand | undefined {
    const { signature, side, function: fn } = this.scope;
    const name = kind === 'result' ? `$${index}` : `#${index}`;
    if (side !== 'condition' && (kind === 'result') !== (side === 'result')) return this.#wrongSide(name, side);
    const found = (kind === 'result' ? signature.results : signature.parameters)[index];
    if (found === undefined) return this.#noVariable(name, fn, kind);
    return this.#start(found, kind === 'result' ? 'return' : 'entry');
  }

  #start(variable: GoVariable, from: Side): Operand | undefined {
    if (this.scope.graph.isRedacted(variable.name, variable.type)) return this.redacted(variable.name);
    return { kind: 'place', type: variable.type, access: startOf(variable), from };
  }

  #fact(fact: CallFact): Operand | undefined {
    if (fact === 'goid' || fact === 'parent_goid') return this.#goroutine(fact);
    if (fact === 'labels') {
      return this.fail('probe.no-key', '$labels is a map', [
        'name a label: $labels["tenant"]',
        'all of them: pxtrace.Labels()',
      ]);
    }
    if (this.scope.line !== undefined) return this.#ofNoCall(`$${fact}`, this.scope.line);
    if (this.scope.side !== 'condition') {
      return this.fail('probe.wrong-side', `'$${fact}' is known when a call has ended: it has a place in conditions`, [
        fact === 'latency' ? 'for a column use pxtrace.FunctionLatency()' : 'for a column use pxtrace.Outcome()',
      ]);
    }
    return fact === 'latency'
      ? { kind: 'value', computation: { op: 'leaf', type: integer, leaf: { from: fact } }, name: 'time.Duration' }
      : { kind: 'value', computation: { op: 'leaf', type: textType, leaf: { from: fact } }, name: 'string' };
  }

  #ofNoCall(text: string, line: string): undefined {
    const { signature, binary } = this.scope;
    return this.fail('probe.line', `'${text}' is of a call, and ${line} is a line`, [
      `variables here: ${variablesText(signature.parameters, binary)}`,
    ]);
  }

  /** A number of the goroutine that makes the call, as it is at the entry. */
  #goroutine(fact: 'goid' | 'parent_goid'): Operand | undefined {
    const { side, binary } = this.scope;
    if (side === 'result')
      return this.fail('probe.wrong-side', `'$${fact}' is read at the entry`, [`use pxtrace.ArgExpr("$${fact}")`]);
    const offset = fact === 'goid' ? binary.runtime?.gGoid : binary.runtime?.gParentGoid;
    if (offset === undefined) {
      const why =
        fact === 'parent_goid' ? 'Go keeps it from 1.21 on' : 'where this version of Go keeps it is not known';
      return this.fail('probe.not-known', `'$${fact}': ${why}`, []);
    }
    const access: Access = { variable: { name: 'g', goroutine: true }, offset: 0, hops: [offset] };
    const read = { from: 'entry' as const, value: { kind: 'int' as const, access, size: 8 } };
    return { kind: 'value', computation: { op: 'leaf', type: integer, leaf: read }, name: 'int64' };
  }

  redacted(text: string): undefined {
    return this.fail('probe.redacted', `'${text}' is never captured: its name or type is on the redaction list`, [
      'the list is set by the owner of the agent (SONDE_REDACT_NAMES, SONDE_REDACT_TYPES)',
    ]);
  }

  #noVariable(name: string, fn: string, kind?: 'result' | 'parameter'): undefined {
    const { signature, side, binary, line } = this.scope;
    if (line !== undefined && kind === 'result') return this.#ofNoCall(name, line);
    const results = side === 'result' || kind === 'result';
    const own =
      side === 'condition' && kind === undefined
        ? [...signature.parameters, ...signature.results]
        : results
          ? signature.results
          : signature.parameters;
    const what = line !== undefined ? 'variable' : side === 'condition' ? 'argument or result' : side;
    const unknown = signature.unknown ?? (results ? signature.resultsUnknown : signature.parametersUnknown);
    if (unknown !== undefined) {
      const hints = binary.hasDebugInfo === false ? withoutDebugInfo : [];
      return this.fail('probe.no-debug-info', `the ${what}s of ${fn} are not known: ${unknown}`, hints);
    }
    const hints = didYouMean(
      name,
      own.map((variable) => variable.name),
    );
    const [listed, where] = line === undefined ? [`its ${what}s`, ''] : ['there are', ` at ${line}`];
    hints.push(own.length === 0 ? `it has no ${what}s${where}` : `${listed}: ${variablesText(own, binary)}`);
    if (line !== undefined) hints.push('what the compiler has taken apart, or keeps nowhere, is not in debug info');
    hints.push(...this.#packageHints(name));
    const captured = side === 'result' ? [] : (signature.captured?.variables ?? []);
    if (captured.length > 0) hints.push(`captured: ${captured.map((variable) => variable.name).join(', ')}`);
    return this.fail('probe.no-such-variable', `${fn} has no ${what} '${name}'${where}`, hints);
  }

  /** What the function's own package has of that name, or nearly. */
  #packageHints(name: string): string[] {
    const path = receiverOf(this.scope.function).package;
    const found = this.scope.binary.packageVariable?.(path, name);
    const last = path.slice(path.lastIndexOf('/') + 1);
    if (found?.kind === 'found' || found?.kind === 'constant') return [`did you mean ${last}.${name}, of the package?`];
    if (found?.kind !== 'missing') return [];
    const near = didYouMean(name, found.names, /^\p{Lu}/u.test(name) ? '' : `${last}.`);
    return /^\p{Lu}/u.test(name) ? [...near, notInBinary] : near;
  }

  /** `package`: an import path or its last element. Undefined without a diagnostic where there is no such package. */
  packageVariable(path: string, name: string): Operand | 'no package' | undefined {
    const { binary, side } = this.scope;
    const found = binary.packageVariable?.(path, name) ?? { kind: 'no-package' };
    switch (found.kind) {
      case 'found': {
        const { variable } = found;
        if (this.scope.graph.isRedacted(name, variable.type)) return this.redacted(variable.name);
        const access = startOf(variable);
        return { kind: 'place', type: variable.type, access, from: side === 'result' ? 'return' : 'entry' };
      }
      case 'constant': {
        const type = binary.type(found.type);
        const scalar = scalarOf(type);
        // Debug info has untyped constants, too, as of type int.
        if (type.name === 'int') return { kind: 'constant', value: found.value };
        const value = scalar?.kind === 'uint' ? BigInt.asUintN(64, found.value) : found.value;
        return scalar && this.constant(value, scalar, type.name);
      }
      case 'no-package':
        return 'no package';
      case 'ambiguous':
        return this.fail('probe.ambiguous-package', `'${path}' may be any of ${found.packages.length} packages`, [
          'say which, with its import path in quotes:',
          ...found.packages.slice(0, 10).map((each) => `"${each}".${name}`),
        ]);
      case 'missing':
        return this.fail(
          'probe.no-such-variable',
          `package ${found.package} has no variable or constant '${name}' in this binary`,
          [...didYouMean(name, found.names, `${path}.`), notInBinary],
        );
    }
  }

  read(access: Access, kind: 'int' | 'uint', size: 1 | 2 | 4 | 8): Computation<ResolvedValue> {
    return { op: 'leaf', type: { kind, size }, leaf: { kind, access, size } };
  }

  integer(expression: Expression, text: string): Value | undefined {
    const operand = this.operand(expression);
    if (operand === undefined) return undefined;
    const made =
      operand.kind === 'constant'
        ? this.constant(operand.value, integer, 'int')
        : this.computed(operand, expressionText(expression));
    if (made === undefined) return undefined;
    if (made.computation.type.kind === 'int' || made.computation.type.kind === 'uint') return made;
    return this.fail('probe.mismatched-types', `'${text}': an index must be an integer, not ${made.name}`, []);
  }

  /** The computation with all its leaves read at one side. `kernel`: it must be one that the kernel can do. */
  oneSided(
    computation: Computation<ConditionLeaf>,
    from: Side,
    text: string,
    kernel: boolean,
  ): Computation<ResolvedValue> | undefined {
    if (leavesOf(computation).some((each) => each.from !== from)) {
      return this.fail(
        'probe.wrong-side',
        `'${text}' takes its value at the ${from === 'entry' ? 'entry' : 'return'}, but a part of it is known at another moment`,
        [],
      );
    }
    const values = mapLeaves(
      computation,
      (each) => ('value' in each ? each.value : { kind: 'missing', reason: '' }) as ResolvedValue,
    );
    const refusal = kernel ? kernelRefusal(values, inKernel) : undefined;
    if (refusal === undefined) return values;
    return this.fail('probe.index', `'${text}': the index is computed when the probe is hit, and ${refusal}`, []);
  }

  /** The operand as a value of a type: a constant is made one, anything else must be of it. */
  as(operand: Operand, type: Scalar, name: string, own: string, text: string): Value | undefined {
    if (operand.kind === 'constant') return this.constant(operand.value, type, name, text);
    const made = this.computed(operand, own);
    if (made === undefined) return undefined;
    if (plainName(made.name) === plainName(name)) return made;
    return this.mismatched(text, name, made.name);
  }

  mismatched(text: string, a: string, b: string): undefined {
    return this.fail('probe.mismatched-types', `'${text}': mismatched types ${a} and ${b}`, [
      'convert one of them, as in Go: int64(x)',
    ]);
  }

  constant(value: ConstantValue, type: Scalar, name: string, text?: string): Value | undefined {
    const made = constantOf(value, type, name);
    if (typeof made === 'object' && 'wrong' in made) {
      return this.fail('probe.constant', `${text === undefined ? '' : `'${text}': `}${made.wrong}`, []);
    }
    return { kind: 'value', computation: { op: 'constant', type, value: made }, name };
  }

  /** The operand as a number, bool or string. */
  computed(operand: Operand, text: string): Value | undefined {
    const { binary, graph } = this.scope;
    switch (operand.kind) {
      case 'value':
        return operand;
      case 'constant': {
        const { type, name } = defaultType(operand.value);
        return this.constant(operand.value, type, name);
      }
      case 'nil':
        return this.fail('probe.mismatched-types', `'${text}' has no type here`, []);
      case 'part':
      case 'place': {
        const type = binary.type(operand.type);
        const scalar = scalarOf(type);
        if (scalar === undefined) {
          return this.fail(
            'probe.mismatched-types',
            `'${text}' is of type ${typeName(type)}: there are operators on numbers, bools and strings`,
            insteadOf(type, text, binary),
          );
        }
        const value: ResolvedValue =
          operand.kind === 'place'
            ? leaf(operand.access, operand.type, binary, graph)
            : { kind: 'part', whole: operand.whole, steps: operand.steps, part: graph.add(operand.type) };
        return {
          kind: 'value',
          computation: { op: 'leaf', type: scalar, leaf: { from: operand.from, value } },
          name: type.name,
        };
      }
    }
  }

  described(operand: Operand): string {
    switch (operand.kind) {
      case 'nil':
        return 'nil';
      case 'constant':
        return `a constant (${defaultType(operand.value).name})`;
      case 'value':
        return `of type ${operand.name}`;
      default:
        return `of type ${typeName(this.scope.binary.type(operand.type))}`;
    }
  }
}

/** Why a package has not what its source has. */
const notInBinary =
  'what nothing uses is left out by compiler and linker, and constants that are no integers are not in debug info: write their value';

/** What to do where a binary was built with -ldflags=-w, or stripped. */
export const withoutDebugInfo: readonly string[] = [
  "declare its signature: signature='func(n int) error', --signature",
  'or give debug info from elsewhere, such as an unstripped build: debug_file= of UpsertTracepoint, --debug-file',
];

/** What to write where a value of a type without operators stands. */
function insteadOf(type: GoType, text: string, binary: Scope['binary']): string[] {
  if (type.kind === 'interface') return [`say what it holds: ${text}.(T)`, 'or compare it with nil'];
  if (type.kind !== 'slice') return [];
  const { kind, size } = binary.type(type.elem);
  return kind === 'uint' && size === 1
    ? [`as text: string(${text})`, `its length: len(${text})`]
    : [`its length: len(${text})`];
}
