import { type Diagnostic, decodeUtf8, encodeUtf8, nearest, type Span } from '#base';
import type { GoType, GoVariable, TypeRef } from '#gobin';
import { type BinaryOperator, type CallFact, type Expression, expressionText, type UnaryOperator } from '#goexpr';
import {
  boolean,
  type Computation,
  integer,
  kernelRefusal,
  leavesOf,
  mapLeaves,
  type Scalar,
  text as textType,
  word,
} from '../computation/index.ts';
import { element, guarded, hop, moved, startOf } from './access.ts';
import {
  basicTypes,
  type ConstantValue,
  constantOf,
  constantText,
  defaultType,
  foldBinary,
  foldUnary,
  plainName,
} from './constants.ts';
import type { Scope } from './expression.ts';
import { findField } from './fields.ts';
import { leaf } from './leaf.ts';
import type { Access, ConditionLeaf, PartStep, ResolvedValue } from './resolved.ts';
import { typeName, variablesText } from './type-text.ts';

type Side = 'entry' | 'return';

/** What a part of an expression stands for. */
export type Operand =
  /** Bytes that can be reached: a type, and the way. */
  | { readonly kind: 'place'; readonly type: TypeRef; readonly access: Access; readonly from: Side }
  /** A part of a value that is captured as a whole. */
  | {
      readonly kind: 'part';
      readonly type: TypeRef;
      readonly whole: Extract<ResolvedValue, { kind: 'graph' }>;
      readonly steps: readonly PartStep<ResolvedValue>[];
      readonly from: Side;
    }
  /** A number, bool or string that is computed; `name`: its Go type's. */
  | { readonly kind: 'value'; readonly computation: Computation<ConditionLeaf>; readonly name: string }
  /** An untyped constant. */
  | { readonly kind: 'constant'; readonly value: ConstantValue }
  | { readonly kind: 'nil' };

type Value = Extract<Operand, { kind: 'value' }>;
type Placed = Extract<Operand, { kind: 'place' }>;

const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);
const textFunctions: Readonly<Record<string, 'hasPrefix' | 'hasSuffix' | 'contains'>> = {
  HasPrefix: 'hasPrefix',
  HasSuffix: 'hasSuffix',
  Contains: 'contains',
};

/** `reflect.Kind` of types whose value in an interface is a pointer, which tells all when it differs: chan, func, map, pointer, unsafe.Pointer. */
const pointerKinds = [18n, 19n, 21n, 22n, 26n];
/** `internal/abi.Type.Kind_`, the low five bits of a byte (Go 1.17 to 1.26). */
const kindOffset = 23;
const kindBits = 31n;
/** `internal/abi.ITab.Type` */
const itabType = 8;

/** Types one expression. Every method answers undefined after a diagnostic. */
export class Typing {
  readonly found: Diagnostic[] = [];
  readonly #scope: Scope;
  readonly #text: string;
  readonly #span: Span | undefined;

  constructor(scope: Scope, text: string, span: Span | undefined) {
    this.#scope = scope;
    this.#text = text;
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
        return this.#dereference(expression.operand);
      case 'selector':
        return this.#select(expression);
      case 'index':
        return this.#index(expression.operand, expression.index);
      case 'slice':
        return this.#slice(expression);
      case 'call':
        return this.#call(expression);
      case 'assertion':
        return this.#assertion(expression.operand, expression.type);
      case 'unary':
        return this.#unary(expression.operator, expression.operand);
      case 'binary':
        return this.#binary(expression);
    }
  }

  // Names

  #name(name: string): Operand | undefined {
    if (name === 'nil') return { kind: 'nil' };
    if (name === 'true' || name === 'false') return { kind: 'constant', value: name === 'true' };
    const found = this.#variable(name);
    if (found !== undefined) return this.#start(found.variable, found.from);
    const { signature, side, function: fn } = this.#scope;
    const other = side === 'argument' ? signature.results : signature.parameters;
    if (other.some((variable) => variable.name === name)) return this.#wrongSide(name, side);
    return this.#noVariable(name, fn);
  }

  #wrongSide(name: string, side: Scope['side']): undefined {
    const fn = this.#scope.function;
    return this.fail(
      'probe.wrong-side',
      side === 'argument'
        ? `'${name}' is a result of ${fn}: it has no value at the entry`
        : `'${name}' is an argument of ${fn}, not a result`,
      [side === 'argument' ? `use pxtrace.RetExpr("${name}")` : `use pxtrace.ArgExpr("${name}")`],
    );
  }

  #variable(name: string): { readonly variable: GoVariable; readonly from: Side } | undefined {
    const { signature, side } = this.#scope;
    const named = (list: readonly GoVariable[]) => list.find((variable) => variable.name === name);
    if (side !== 'result') {
      const variable = named(signature.parameters);
      if (variable !== undefined) return { variable, from: 'entry' };
    }
    const variable = side === 'argument' ? undefined : named(signature.results);
    return variable && { variable, from: 'return' };
  }

  #numbered(kind: 'result' | 'parameter', index: number): Operand | undefined {
    const { signature, side, function: fn } = this.#scope;
    const name = kind === 'result' ? `$${index}` : `#${index}`;
    if (side !== 'condition' && (kind === 'result') !== (side === 'result')) return this.#wrongSide(name, side);
    const found = (kind === 'result' ? signature.results : signature.parameters)[index];
    if (found === undefined) return this.#noVariable(name, fn, kind);
    return this.#start(found, kind === 'result' ? 'return' : 'entry');
  }

  #start(variable: GoVariable, from: Side): Operand | undefined {
    if (this.#scope.graph.isRedacted(variable.name, variable.type)) return this.#redacted(variable.name);
    return { kind: 'place', type: variable.type, access: startOf(variable), from };
  }

  #fact(fact: CallFact): Operand | undefined {
    if (this.#scope.side !== 'condition') {
      return this.fail('probe.wrong-side', `'$${fact}' is known when a call has ended: it has a place in conditions`, [
        fact === 'latency' ? 'for a column use pxtrace.FunctionLatency()' : 'for a column use pxtrace.Outcome()',
      ]);
    }
    return fact === 'latency'
      ? { kind: 'value', computation: { op: 'leaf', type: integer, leaf: { from: fact } }, name: 'time.Duration' }
      : { kind: 'value', computation: { op: 'leaf', type: textType, leaf: { from: fact } }, name: 'string' };
  }

  #redacted(text: string): undefined {
    return this.fail('probe.redacted', `'${text}' is never captured: its name or type is on the redaction list`, [
      'the list is set by the owner of the agent (SONDE_REDACT_NAMES, SONDE_REDACT_TYPES)',
    ]);
  }

  #noVariable(name: string, fn: string, kind?: 'result' | 'parameter'): undefined {
    const { signature, side, binary } = this.#scope;
    const results = side === 'result' || kind === 'result';
    const own =
      side === 'condition' && kind === undefined
        ? [...signature.parameters, ...signature.results]
        : results
          ? signature.results
          : signature.parameters;
    const what = side === 'condition' ? 'argument or result' : side;
    const unknown = signature.unknown ?? (results ? signature.resultsUnknown : signature.parametersUnknown);
    if (unknown !== undefined) {
      return this.fail('probe.no-debug-info', `the ${what}s of ${fn} are not known: ${unknown}`, []);
    }
    const hints = didYouMean(
      name,
      own.map((variable) => variable.name),
    );
    hints.push(own.length === 0 ? `it has no ${what}s` : `its ${what}s: ${variablesText(own, binary)}`);
    return this.fail('probe.no-such-variable', `${fn} has no ${what} '${name}'`, hints);
  }

  /** `package`: an import path or its last element. Undefined without a diagnostic where there is no such package. */
  #packageVariable(path: string, name: string): Operand | 'no package' | undefined {
    const { binary, side } = this.#scope;
    const found = binary.packageVariable?.(path, name) ?? { kind: 'no-package' };
    switch (found.kind) {
      case 'found': {
        const { variable } = found;
        if (this.#scope.graph.isRedacted(name, variable.type)) return this.#redacted(variable.name);
        const access = startOf(variable);
        return { kind: 'place', type: variable.type, access, from: side === 'result' ? 'return' : 'entry' };
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
          `package ${found.package} has no variable '${name}' in this binary`,
          [...didYouMean(name, found.names, `${path}.`), 'variables that nothing uses are left out by the linker'],
        );
    }
  }

  // Ways

  #dereference(operand: Expression): Operand | undefined {
    const pointer = this.operand(operand);
    if (pointer === undefined) return undefined;
    const text = expressionText(operand);
    if (pointer.kind !== 'place' && pointer.kind !== 'part') {
      return this.fail('probe.not-a-pointer', `'*${text}': ${text} is ${this.#described(pointer)}, not a pointer`, []);
    }
    const type = this.#scope.binary.type(pointer.type);
    if (type.kind !== 'pointer') {
      return this.fail('probe.not-a-pointer', `'*${text}': ${text} is of type ${typeName(type)}, not a pointer`, []);
    }
    if (type.elem === undefined) {
      return this.fail('probe.not-a-pointer', `'*${text}': what an ${typeName(type)} points to has no type`, []);
    }
    return this.#pointee(pointer, type.elem);
  }

  #pointee(pointer: Extract<Operand, { type: TypeRef }>, elem: TypeRef): Operand {
    if (pointer.kind === 'place') return { ...pointer, type: elem, access: hop(pointer.access, 0) };
    return this.#step(pointer, { kind: 'pointer', type: this.#scope.graph.add(elem) }, elem);
  }

  #step(part: Extract<Operand, { kind: 'part' }>, step: PartStep<ResolvedValue>, type: TypeRef): Operand {
    return { ...part, type, steps: [...part.steps, step] };
  }

  #select(expression: Extract<Expression, { kind: 'selector' }>): Operand | undefined {
    const { operand: inner, field } = expression;
    if (inner.kind === 'string' || (inner.kind === 'name' && this.#variable(inner.name) === undefined)) {
      const path = inner.kind === 'string' ? decodeUtf8(inner.bytes) : inner.name;
      const found = this.#packageVariable(path, field);
      if (found !== 'no package') return found;
      if (inner.kind === 'string') {
        return this.fail('probe.no-such-package', `there is no package "${path}" in the binary`, []);
      }
    }
    const { binary, graph } = this.#scope;
    const operand = this.operand(inner);
    if (operand === undefined) return undefined;
    const text = expressionText(inner);
    if (operand.kind !== 'place' && operand.kind !== 'part') {
      return this.fail('probe.no-fields', `'${text}.${field}': ${text} is ${this.#described(operand)}`, []);
    }
    let at: Extract<Operand, { type: TypeRef }> = operand;
    let type = binary.type(at.type);
    if (type.kind === 'pointer' && type.elem !== undefined) {
      at = this.#pointee(at, type.elem) as typeof at;
      type = binary.type(at.type);
    }
    if (type.kind !== 'struct') return this.fail('probe.no-fields', `'${text}.${field}': ${noFields(text, type)}`, []);
    const path = findField(type, field, binary);
    if (path === 'ambiguous') {
      return this.fail(
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
      return this.fail(
        'probe.no-such-field',
        `${typeName(type)} has no field '${field}' (in '${text}.${field}')`,
        hints,
      );
    }
    if (path.some((step) => graph.isRedacted(step.name, step.type))) return this.#redacted(`${text}.${field}`);
    path.forEach((step, i) => {
      const before = i === 0 ? undefined : binary.type(at.type);
      if (before?.kind === 'pointer' && before.elem !== undefined) at = this.#pointee(at, before.elem) as typeof at;
      at =
        at.kind === 'place'
          ? { ...at, type: step.type, access: moved(at.access, step.offset) }
          : (this.#step(
              at,
              { kind: 'field', offset: step.offset, type: graph.add(step.type) },
              step.type,
            ) as typeof at);
    });
    return at;
  }

  #index(operandExpression: Expression, indexExpression: Expression): Operand | undefined {
    const { binary, graph } = this.#scope;
    let operand = this.operand(operandExpression);
    if (operand === undefined) return undefined;
    const text = `${expressionText(operandExpression)}[${expressionText(indexExpression)}]`;
    if (operand.kind !== 'place' && operand.kind !== 'part') {
      return this.fail('probe.no-elements', `'${text}': ${this.#described(operand)} is not indexed here`, []);
    }
    let type = binary.type(operand.type);
    if (type.kind === 'pointer' && type.elem !== undefined && binary.type(type.elem).kind === 'array') {
      operand = this.#pointee(operand, type.elem) as Extract<Operand, { type: TypeRef }>;
      type = binary.type(operand.type);
    }
    if (type.kind === 'map') return this.#lookUp(operand, type, indexExpression, text);
    if (type.kind !== 'slice' && type.kind !== 'array' && type.kind !== 'string') {
      const words = `'${text}': ${expressionText(operandExpression)} is of type ${typeName(type)}, which has no elements`;
      return this.fail('probe.no-elements', words, []);
    }
    const index = this.#indexValue(indexExpression, operand.from, text);
    if (index === undefined) return undefined;
    const count = type.kind === 'array' ? type.count : undefined;
    const constant = index.op === 'constant' ? (index.value as bigint) : undefined;
    if (constant !== undefined && (constant < 0n || (count !== undefined && constant >= BigInt(count)))) {
      const bounds = constant < 0n ? 'an index must not be negative' : `the array has ${count} elements`;
      return this.fail('probe.index-out-of-range', `'${text}': index ${constant} is out of range: ${bounds}`, []);
    }
    if (operand.kind === 'part') {
      if (type.kind === 'string')
        return this.fail('probe.no-elements', `'${text}': bytes of a map's string are not reached`, []);
      return this.#step(operand, { kind: 'index', value: index, type: graph.add(type.elem) }, type.elem);
    }
    const { access, from } = operand;
    // An array of more than one element is never in registers.
    if (type.kind === 'array') {
      const { elem } = type;
      const { size } = binary.type(elem);
      if (constant !== undefined)
        return { kind: 'place', type: elem, access: moved(access, Number(constant) * size), from };
      const inside = this.#inside(index, { op: 'constant', type: integer, value: BigInt(type.count) });
      const first = guarded(access, { check: inside, otherwise: 'outOfRange' });
      return { kind: 'place', type: elem, access: type.count <= 1 ? first : element(first, index, size), from };
    }
    const size = type.kind === 'string' ? 1 : binary.type(type.elem).size;
    const inside = this.#inside(index, this.#read(moved(access, 8), 'int', 8));
    const first = hop(guarded(access, { check: inside, otherwise: 'outOfRange' }), 0);
    const at = constant === undefined ? element(first, index, size) : moved(first, Number(constant) * size);
    if (type.kind === 'slice') return { kind: 'place', type: type.elem, access: at, from };
    const value: ResolvedValue = { kind: 'uint', access: at, size: 1 };
    return {
      kind: 'value',
      computation: { op: 'leaf', type: { kind: 'uint', size: 1 }, leaf: { from, value } },
      name: 'uint8',
    };
  }

  /** `0 <= index && index < length` in one unsigned comparison. */
  #inside(index: Computation<ResolvedValue>, length: Computation<ResolvedValue>): Computation<ResolvedValue> {
    const unsigned = (operand: Computation<ResolvedValue>) => ({ op: 'convert', type: word, operand }) as const;
    return { op: '<', type: boolean, left: unsigned(index), right: unsigned(length) };
  }

  #read(access: Access, kind: 'int' | 'uint', size: 1 | 2 | 4 | 8): Computation<ResolvedValue> {
    return { op: 'leaf', type: { kind, size }, leaf: { kind, access, size } };
  }

  /** An index is computed in the kernel, when the element is read. */
  #indexValue(expression: Expression, from: Side, text: string): Computation<ResolvedValue> | undefined {
    const made = this.#integer(expression, text);
    if (made === undefined) return undefined;
    return this.#oneSided(made.computation, from, text, true);
  }

  #integer(expression: Expression, text: string): Value | undefined {
    const operand = this.operand(expression);
    if (operand === undefined) return undefined;
    const made =
      operand.kind === 'constant'
        ? this.#constant(operand.value, integer, 'int')
        : this.computed(operand, expressionText(expression));
    if (made === undefined) return undefined;
    if (made.computation.type.kind === 'int' || made.computation.type.kind === 'uint') return made;
    return this.fail('probe.mismatched-types', `'${text}': an index must be an integer, not ${made.name}`, []);
  }

  /** The computation with all its leaves read at one side. `kernel`: it must be one that the kernel can do. */
  #oneSided(
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

  /** `m[key]`, found in what is captured of the map. */
  #lookUp(
    operand: Extract<Operand, { type: TypeRef }>,
    type: Extract<GoType, { kind: 'map' }>,
    keyExpression: Expression,
    text: string,
  ): Operand | undefined {
    const { binary, graph } = this.#scope;
    const keyType = binary.type(type.key);
    const scalar = scalarOf(keyType);
    if (scalar === undefined) {
      return this.fail('probe.map-key', `'${text}': keys of type ${typeName(keyType)} are not compared here`, [
        'keys may be integers, floats, bools and strings',
      ]);
    }
    const key = this.operand(keyExpression);
    if (key === undefined) return undefined;
    const made = this.#as(key, scalar, keyType.name, expressionText(keyExpression), text);
    if (made === undefined) return undefined;
    const value = this.#oneSided(made.computation, operand.from, text, false);
    if (value === undefined) return undefined;
    const step: PartStep<ResolvedValue> = { kind: 'key', value, type: graph.add(type.elem) };
    if (operand.kind === 'part') return this.#step(operand, step, type.elem);
    const whole = leaf(operand.access, operand.type, binary, graph);
    if (whole.kind !== 'graph') {
      return this.fail(
        'probe.map-key',
        `'${text}': ${whole.kind === 'missing' ? whole.reason : 'the map is not captured'}`,
        [],
      );
    }
    return { kind: 'part', type: type.elem, whole, steps: [step], from: operand.from };
  }

  #slice(expression: Extract<Expression, { kind: 'slice' }>): Operand | undefined {
    const { binary } = this.#scope;
    const text = expressionText(expression);
    const operand = this.operand(expression.operand);
    if (operand === undefined) return undefined;
    const bound = (side: Expression | undefined): Value | undefined | 'none' =>
      side === undefined ? 'none' : this.#integer(side, text);
    const [low, high] = [bound(expression.low), bound(expression.high)];
    if (low === undefined || high === undefined) return undefined;
    const isSlice = (operand.kind === 'place' || operand.kind === 'part') && binary.type(operand.type).kind === 'slice';
    if (isSlice) return this.#subslice(operand, low, high, text);
    const made = this.computed(operand, expressionText(expression.operand));
    if (made === undefined) return undefined;
    if (made.computation.type.kind !== 'string') {
      return this.fail('probe.no-elements', `'${text}': ${made.name} is not sliced here, strings and slices are`, []);
    }
    const part = (each: Value | 'none') => (each === 'none' ? undefined : each.computation);
    const computation = {
      op: 'slice',
      type: textType,
      operand: made.computation,
      low: part(low),
      high: part(high),
    } as const;
    return { kind: 'value', computation, name: made.name };
  }

  #subslice(
    operand: Extract<Operand, { type: TypeRef }>,
    low: Value | 'none',
    high: Value | 'none',
    text: string,
  ): Operand | undefined {
    const { binary, graph } = this.#scope;
    const bounds: { low?: Computation<ResolvedValue>; high?: Computation<ResolvedValue> } = {};
    for (const [side, value] of [
      ['low', low],
      ['high', high],
    ] as const) {
      if (value === 'none') continue;
      const computation = this.#oneSided(value.computation, operand.from, text, false);
      if (computation === undefined) return undefined;
      bounds[side] = computation;
    }
    const step: PartStep<ResolvedValue> = { kind: 'slice', type: graph.add(operand.type), ...bounds };
    if (operand.kind === 'part') return this.#step(operand, step, operand.type);
    const whole = leaf(operand.access, operand.type, binary, graph);
    if (whole.kind !== 'graph') return this.fail('probe.no-elements', `'${text}': the slice is not captured`, []);
    return { kind: 'part', type: operand.type, whole, steps: [step], from: operand.from };
  }

  #assertion(operandExpression: Expression, wanted: string): Operand | undefined {
    const { binary } = this.#scope;
    const operand = this.operand(operandExpression);
    if (operand === undefined) return undefined;
    const text = expressionText(operandExpression);
    const type = operand.kind === 'place' ? binary.type(operand.type) : undefined;
    if (operand.kind !== 'place' || type?.kind !== 'interface') {
      const what = type === undefined ? this.#described(operand) : `of type ${typeName(type)}`;
      return this.fail('probe.not-an-interface', `'${text}.(${wanted})': ${text} is ${what}, not an interface`, []);
    }
    const { access, from } = operand;
    const names = new Map<string, { readonly address: number; readonly type: TypeRef }>();
    for (const each of binary.dynamicTypes?.() ?? []) names.set(binary.type(each.type).name, each);
    const found = typesNamed(wanted, [...names.keys()], this.#scope.function);
    if (found.length !== 1) {
      const hints =
        found.length > 1
          ? ['say which:', ...found.slice(0, 10)]
          : [...didYouMean(wanted, [...names.keys()]), 'types that no interface ever holds are not in the binary'];
      const what =
        found.length > 1
          ? `may be any of ${found.length} types`
          : 'is no type that an interface of this program can hold';
      return this.fail('probe.no-such-type', `'${wanted}' ${what}`, hints);
    }
    const { address, type: dynamic } = names.get(found[0]!)!;
    if (this.#scope.graph.isRedacted('', dynamic)) return this.#redacted(`${text}.(${wanted})`);
    const descriptor = this.#read(type.empty ? access : hop(access, itabType), 'uint', 8);
    const check = { op: '==', type: boolean, left: descriptor, right: { op: 'address', type: word, address } } as const;
    const data = moved(guarded(access, { check, otherwise: 'otherType' }), 8);
    return { kind: 'place', type: dynamic, access: this.#isDirect(dynamic) ? data : hop(data, 0), from };
  }

  /** Is a value of the type in an interface's data word itself? (cmd/compile/internal/types, IsDirectIface) */
  #isDirect(ref: TypeRef): boolean {
    const type = this.#scope.binary.type(ref);
    switch (type.kind) {
      case 'pointer':
      case 'map':
      case 'chan':
      case 'func':
        return true;
      case 'array':
        return type.count === 1 && this.#isDirect(type.elem);
      case 'struct':
        return type.fields.length === 1 && this.#isDirect(type.fields[0]!.type);
      default:
        return false;
    }
  }

  // Calls and operators

  #call(expression: Extract<Expression, { kind: 'call' }>): Operand | undefined {
    const { callee, args } = expression;
    const name = expressionText(callee);
    const shadowed = callee.kind === 'name' && this.#variable(callee.name) !== undefined;
    const arity = (count: number) => {
      if (args.length === count) return true;
      const wanted = `${count} ${count === 1 ? 'argument' : 'arguments'}`;
      this.fail('probe.arguments', `${name} takes ${wanted}, not ${args.length}`, []);
      return false;
    };
    if (!shadowed && (name === 'len' || name === 'cap')) return arity(1) ? this.#length(name, args[0]!) : undefined;
    const conversion = shadowed ? undefined : basicTypes[name];
    if (conversion !== undefined) return arity(1) ? this.#convert(name, conversion, args[0]!) : undefined;
    if (callee.kind === 'selector' && callee.operand.kind === 'name' && callee.operand.name === 'strings') {
      const op = textFunctions[callee.field];
      if (op !== undefined && this.#variable('strings') === undefined)
        return arity(2) ? this.#textFunction(op, name, args) : undefined;
    }
    return this.fail('probe.no-call', `'${name}' cannot be called: a probe runs no code of the program`, [
      'there are len, cap, strings.HasPrefix, strings.HasSuffix, strings.Contains, and conversions to basic types: int64(x), float64(x), string(b), time.Duration(x)',
    ]);
  }

  #textFunction(
    op: 'hasPrefix' | 'hasSuffix' | 'contains',
    name: string,
    args: readonly Expression[],
  ): Operand | undefined {
    const sides: Value[] = [];
    for (const arg of args) {
      const operand = this.operand(arg);
      if (operand === undefined) return undefined;
      const made = this.#as(operand, textType, 'string', expressionText(arg), name);
      if (made === undefined) return undefined;
      sides.push(made);
    }
    const computation = { op, type: boolean, left: sides[0]!.computation, right: sides[1]!.computation } as const;
    return { kind: 'value', computation, name: 'bool' };
  }

  #length(name: 'len' | 'cap', arg: Expression): Operand | undefined {
    const { binary } = this.#scope;
    const operand = this.operand(arg);
    if (operand === undefined) return undefined;
    const text = expressionText(arg);
    const counted = (access: Access, from: Side): Operand => ({
      kind: 'value',
      computation: { op: 'leaf', type: integer, leaf: { from, value: { kind: 'int', access, size: 8 } } },
      name: 'int',
    });
    const none = (what: string) => this.fail('probe.no-length', `'${name}(${text})': ${what} has no ${name}`, []);
    if (operand.kind === 'constant' && operand.value instanceof Uint8Array && name === 'len') {
      return { kind: 'constant', value: BigInt(operand.value.length) };
    }
    if (operand.kind === 'value' && operand.computation.type.kind === 'string' && name === 'len') {
      return { kind: 'value', computation: { op: 'length', type: integer, operand: operand.computation }, name: 'int' };
    }
    if (operand.kind === 'part') {
      return this.fail(
        'probe.no-length',
        `'${name}(${text})': the ${name} of a part of a map's value is not reached`,
        [],
      );
    }
    if (operand.kind !== 'place') return none(this.#described(operand));
    const { access, from } = operand;
    let type = binary.type(operand.type);
    if (type.kind === 'pointer' && type.elem !== undefined && binary.type(type.elem).kind === 'array')
      type = binary.type(type.elem);
    switch (type.kind) {
      case 'string':
        return name === 'len' ? counted(moved(access, 8), from) : none(typeName(type));
      case 'slice':
        return counted(moved(access, name === 'len' ? 8 : 16), from);
      case 'array':
        return { kind: 'constant', value: BigInt(type.count) };
      case 'map':
      case 'chan': {
        const header = type.header === undefined ? undefined : binary.type(type.header);
        const wanted =
          type.kind === 'map' ? (name === 'len' ? ['count', 'used'] : []) : [name === 'len' ? 'qcount' : 'dataqsiz'];
        const field = header?.kind === 'struct' ? header.fields.find((each) => wanted.includes(each.name)) : undefined;
        if (field === undefined) return none(typeName(type));
        const read = counted(hop(access, field.offset), from) as Value;
        return { ...read, computation: { op: 'zeroIfNil', type: integer, operand: read.computation } };
      }
      default:
        return none(`${text}, of type ${typeName(type)},`);
    }
  }

  #convert(name: string, type: Scalar, arg: Expression): Operand | undefined {
    const { binary } = this.#scope;
    const operand = this.operand(arg);
    if (operand === undefined) return undefined;
    const text = expressionText(arg);
    const wanted = plainName(name);
    if (operand.kind === 'constant') {
      const { value } = operand;
      if (type.kind === 'string' && !(value instanceof Uint8Array))
        return this.#noConversion(text, constantText(value), name);
      return this.#constant(value, type, wanted);
    }
    if (operand.kind === 'place' && type.kind === 'string') {
      const own = binary.type(operand.type);
      // The first two words of a slice are those of a string.
      if (own.kind === 'slice' && binary.type(own.elem).kind === 'uint' && binary.type(own.elem).size === 1) {
        const value: ResolvedValue = { kind: 'string', access: operand.access };
        return {
          kind: 'value',
          computation: { op: 'leaf', type, leaf: { from: operand.from, value } },
          name: 'string',
        };
      }
    }
    const made = this.computed(operand, text);
    if (made === undefined) return undefined;
    const from = made.computation.type.kind;
    const isNumber = (kind: Scalar['kind']) => kind === 'int' || kind === 'uint' || kind === 'float';
    if (isNumber(from) && isNumber(type.kind)) {
      return { kind: 'value', computation: { op: 'convert', type, operand: made.computation }, name: wanted };
    }
    if (from === type.kind) return { ...made, name: wanted };
    return this.#noConversion(text, made.name, name);
  }

  #noConversion(text: string, from: string, to: string): undefined {
    return this.fail('probe.mismatched-types', `cannot convert '${text}' (${from}) to ${to}`, []);
  }

  #unary(operator: UnaryOperator, inner: Expression): Operand | undefined {
    const operand = this.operand(inner);
    if (operand === undefined) return undefined;
    const text = `${operator}${expressionText(inner)}`;
    if (operand.kind === 'constant') {
      const value = foldUnary(operator, operand.value);
      return value === undefined
        ? this.#noOperator(operator, text, defaultType(operand.value).name)
        : { kind: 'constant', value };
    }
    const made = this.computed(operand, expressionText(inner));
    if (made === undefined) return undefined;
    const { computation, name } = made;
    const { kind } = computation.type;
    const isInteger = kind === 'int' || kind === 'uint';
    const fits = operator === '!' ? kind === 'bool' : operator === '^' ? isInteger : isInteger || kind === 'float';
    if (!fits) return this.#noOperator(operator, text, name);
    if (operator === '+') return made;
    const op = operator === '!' ? 'not' : operator === '^' ? 'complement' : 'negate';
    return { kind: 'value', computation: { op, type: computation.type, operand: computation }, name };
  }

  #noOperator(operator: string, text: string, type: string): undefined {
    return this.fail('probe.mismatched-types', `'${text}': operator ${operator} is not defined on ${type}`, []);
  }

  #binary(expression: Extract<Expression, { kind: 'binary' }>): Operand | undefined {
    const asPath = this.#importPath(expression);
    if (asPath !== undefined) return this.operand(asPath);
    const { operator } = expression;
    const text = expressionText(expression);
    const left = this.operand(expression.left);
    const right = this.operand(expression.right);
    if (left === undefined || right === undefined) return undefined;
    if (left.kind === 'constant' && right.kind === 'constant') {
      const value = foldBinary(operator, left.value, right.value);
      if (value === undefined) return this.#noOperator(operator, text, defaultType(left.value).name);
      return typeof value === 'object' && 'wrong' in value
        ? this.fail('probe.constant', `'${text}': ${value.wrong}`, [])
        : { kind: 'constant', value };
    }
    if (operator === '<<' || operator === '>>') return this.#shift(operator, left, right, expression);
    if (comparisons.has(operator)) {
      const special = this.#identity(operator, left, right, expression, text);
      if (special !== 'ordinary') return special;
    }
    const sides = this.#matched(left, right, expression, text);
    if (sides === undefined) return undefined;
    const [a, b] = sides;
    const { type } = a.computation;
    const result = comparisons.has(operator) || operator === '&&' || operator === '||' ? boolean : type;
    if (!isDefined(operator, type)) return this.#noOperator(operator, text, a.name);
    const computation = { op: operator, type: result, left: a.computation, right: b.computation } as const;
    return { kind: 'value', computation, name: comparisons.has(operator) ? 'bool' : a.name };
  }

  #shift(
    op: '<<' | '>>',
    left: Operand,
    right: Operand,
    expression: Extract<Expression, { kind: 'binary' }>,
  ): Operand | undefined {
    const text = expressionText(expression);
    const sides = (
      [
        [left, expression.left],
        [right, expression.right],
      ] as const
    ).map(([operand, own]) =>
      operand.kind === 'constant'
        ? this.#constant(operand.value, integer, 'int')
        : this.computed(operand, expressionText(own)),
    );
    const [a, b] = sides;
    if (a === undefined || b === undefined) return undefined;
    const isInteger = ({ computation }: Value) => computation.type.kind === 'int' || computation.type.kind === 'uint';
    if (!isInteger(a) || !isInteger(b)) return this.#noOperator(op, text, isInteger(a) ? b.name : a.name);
    return {
      kind: 'value',
      computation: { op, type: a.computation.type, left: a.computation, right: b.computation },
      name: a.name,
    };
  }

  /** Comparisons of what is no number, bool or string: with nil, of pointers, of interfaces. */
  #identity(
    operator: BinaryOperator,
    left: Operand,
    right: Operand,
    expression: Extract<Expression, { kind: 'binary' }>,
    text: string,
  ): Operand | undefined | 'ordinary' {
    const { binary } = this.#scope;
    const result = (equal: Computation<ConditionLeaf>): Operand => ({
      kind: 'value',
      computation: operator === '==' ? equal : { op: 'not', type: boolean, operand: equal },
      name: 'bool',
    });
    const equals = (a: Computation<ConditionLeaf>, b: Computation<ConditionLeaf>) =>
      ({ op: '==', type: boolean, left: a, right: b }) as const;
    if (left.kind === 'nil' || right.kind === 'nil') {
      const [other, own] = left.kind === 'nil' ? [right, expression.right] : [left, expression.left];
      if (operator !== '==' && operator !== '!=') return this.#noOperator(operator, text, 'nil');
      const type = other.kind === 'place' ? binary.type(other.type) : undefined;
      if (other.kind !== 'place' || type === undefined || !nilKinds.has(type.kind)) {
        const what = type === undefined ? this.#described(other) : `of type ${typeName(type)}`;
        return this.fail(
          'probe.mismatched-types',
          `'${text}': ${expressionText(own)} is ${what}, which is never nil`,
          [],
        );
      }
      return result(equals(this.#word(other), { op: 'constant', type: word, value: 0n }));
    }
    if (left.kind !== 'place' || right.kind !== 'place') return 'ordinary';
    const [a, b] = [binary.type(left.type), binary.type(right.type)];
    if (a.kind === 'interface' && b.kind === 'interface') {
      if (operator !== '==' && operator !== '!=') return this.#noOperator(operator, text, a.name);
      if (a.empty !== b.empty) return this.#mismatched(text, a.name, b.name);
      return result(this.#sameDynamic(left, right, a.empty));
    }
    if (pointerShaped.has(a.kind) && pointerShaped.has(b.kind)) {
      if (operator !== '==' && operator !== '!=') return this.#noOperator(operator, text, a.name);
      if (a.name !== b.name) return this.#mismatched(text, a.name, b.name);
      return result(equals(this.#word(left), this.#word(right)));
    }
    return 'ordinary';
  }

  #word({ access, from }: Placed, offset = 0): Computation<ConditionLeaf> {
    const value: ResolvedValue = { kind: 'uint', access: moved(access, offset), size: 8 };
    return { op: 'leaf', type: word, leaf: { from, value } };
  }

  /** Equal type words, and equal data words or, where these are no pointers that are themselves the value, nothing that could be told. */
  #sameDynamic(left: Placed, right: Placed, empty: boolean): Computation<ConditionLeaf> {
    const [type, other, data, otherData] = [
      this.#word(left),
      this.#word(right),
      this.#word(left, 8),
      this.#word(right, 8),
    ];
    const { access, from } = left;
    const kindAt = empty ? hop(access, kindOffset) : hop(hop(access, itabType), kindOffset);
    const byte: Scalar = { kind: 'uint', size: 1 };
    const kind: Computation<ConditionLeaf> = {
      op: '&',
      type: byte,
      left: { op: 'leaf', type: byte, leaf: { from, value: { kind: 'uint', access: kindAt, size: 1 } } },
      right: { op: 'constant', type: byte, value: kindBits },
    };
    const make = (op: '==' | '!=' | '&&' | '||', a: Computation<ConditionLeaf>, b: Computation<ConditionLeaf>) =>
      ({ op, type: boolean, left: a, right: b }) as const;
    const notPointer = pointerKinds
      .map((each): Computation<ConditionLeaf> => make('!=', kind, { op: 'constant', type: byte, value: each }))
      .reduce((a, b) => make('&&', a, b));
    const unknown: Computation<ConditionLeaf> = {
      op: 'unknown',
      type: boolean,
      reason: 'both interfaces hold values of one type, which are not compared',
    };
    const nil = make('==', type, { op: 'constant', type: word, value: 0n });
    const same = make('||', make('==', data, otherData), make('&&', notPointer, unknown));
    return make('&&', make('==', type, other), make('||', nil, same));
  }

  /** Both sides as values of one type; a constant takes the other's. */
  #matched(
    left: Operand,
    right: Operand,
    expression: Extract<Expression, { kind: 'binary' }>,
    text: string,
  ): readonly [Value, Value] | undefined {
    const [leftText, rightText] = [expressionText(expression.left), expressionText(expression.right)];
    if (left.kind === 'constant') {
      const b = this.computed(right, rightText);
      const a = b && this.#as(left, b.computation.type, b.name, leftText, text);
      return a && b && [a, b];
    }
    const a = this.computed(left, leftText);
    if (a === undefined) return undefined;
    const b = this.#as(right, a.computation.type, a.name, rightText, text);
    return b && [a, b];
  }

  /** The operand as a value of a type: a constant is made one, anything else must be of it. */
  #as(operand: Operand, type: Scalar, name: string, own: string, text: string): Value | undefined {
    if (operand.kind === 'constant') return this.#constant(operand.value, type, name, text);
    const made = this.computed(operand, own);
    if (made === undefined) return undefined;
    if (plainName(made.name) === plainName(name)) return made;
    return this.#mismatched(text, name, made.name);
  }

  #mismatched(text: string, a: string, b: string): undefined {
    return this.fail('probe.mismatched-types', `'${text}': mismatched types ${a} and ${b}`, [
      'convert one of them, as in Go: int64(x)',
    ]);
  }

  #constant(value: ConstantValue, type: Scalar, name: string, text?: string): Value | undefined {
    const made = constantOf(value, type, name);
    if (typeof made === 'object' && 'wrong' in made) {
      return this.fail('probe.constant', `${text === undefined ? '' : `'${text}': `}${made.wrong}`, []);
    }
    return { kind: 'value', computation: { op: 'constant', type, value: made }, name };
  }

  /** The operand as a number, bool or string. */
  computed(operand: Operand, text: string): Value | undefined {
    const { binary, graph } = this.#scope;
    switch (operand.kind) {
      case 'value':
        return operand;
      case 'constant': {
        const { type, name } = defaultType(operand.value);
        return this.#constant(operand.value, type, name);
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
            type.kind === 'interface' ? [`say what it holds: ${text}.(T)`, 'or compare it with nil'] : [],
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

  #described(operand: Operand): string {
    switch (operand.kind) {
      case 'nil':
        return 'nil';
      case 'constant':
        return `a constant (${defaultType(operand.value).name})`;
      case 'value':
        return `of type ${operand.name}`;
      default:
        return `of type ${typeName(this.#scope.binary.type(operand.type))}`;
    }
  }

  /** `net/http.DefaultClient` parses as a division: the same with its import path as a quoted name, where it begins with no variable. */
  #importPath(expression: Expression): Expression | undefined {
    const rewritten = withPath('', expression);
    if (rewritten === undefined || !/^[\p{L}_]/u.test(this.#text.slice(expression.start))) return undefined;
    const first = firstName(expression);
    if (first === undefined || this.#variable(first) !== undefined) return undefined;
    return rewritten;
  }
}

/** What the kernel can read as a number. */
export function inKernel(value: ResolvedValue): string | undefined {
  switch (value.kind) {
    case 'int':
    case 'uint':
    case 'bool':
    case 'address':
      return undefined;
    case 'missing':
      return value.reason;
    default:
      return `a ${value.kind === 'part' ? "map's value" : value.kind} is no index`;
  }
}

const nilKinds: ReadonlySet<GoType['kind']> = new Set(['pointer', 'slice', 'map', 'chan', 'func', 'interface']);
const pointerShaped: ReadonlySet<GoType['kind']> = new Set(['pointer', 'chan']);

function scalarOf(type: GoType): Scalar | undefined {
  switch (type.kind) {
    case 'bool':
      return boolean;
    case 'string':
      return textType;
    case 'float':
      return { kind: 'float', size: type.size === 4 ? 4 : 8 };
    case 'int':
    case 'uint': {
      const { size } = type;
      return size === 1 || size === 2 || size === 4 || size === 8 ? { kind: type.kind, size } : undefined;
    }
    default:
      return undefined;
  }
}

function isDefined(operator: BinaryOperator, { kind }: Scalar): boolean {
  const isInteger = kind === 'int' || kind === 'uint';
  switch (operator) {
    case '==':
    case '!=':
      return true;
    case '<':
    case '<=':
    case '>':
    case '>=':
      return kind !== 'bool';
    case '&&':
    case '||':
      return kind === 'bool';
    case '+':
      return kind !== 'bool';
    case '-':
    case '*':
    case '/':
      return isInteger || kind === 'float';
    default:
      return isInteger;
  }
}

/** Types of those names that `wanted` may mean: as it stands, in the function's own package, or by the last part of an import path. */
function typesNamed(wanted: string, names: readonly string[], fn: string): string[] {
  const [, stars, bare] = /^(\**)(.*)$/.exec(wanted)!;
  const exact = names.filter((name) => name === wanted);
  if (exact.length > 0) return exact;
  const slash = fn.lastIndexOf('/');
  const dot = fn.indexOf('.', slash + 1);
  const own = `${stars}${fn.slice(0, dot)}.${bare}`;
  if (!bare!.includes('.') && names.includes(own)) return [own];
  return names.filter(
    (name) =>
      name.startsWith(stars!) &&
      name.slice(stars!.length).endsWith(`/${bare}`) &&
      !/^\*/.test(name.slice(stars!.length)),
  );
}

/** The name that an expression begins with. */
function firstName(expression: Expression): string | undefined {
  switch (expression.kind) {
    case 'name':
      return expression.name;
    case 'binary':
      return firstName(expression.left);
    case 'selector':
      return firstName(expression.operand);
    default:
      return undefined;
  }
}

/** The text of what may be the beginning of an import path: `github.com`, `net`, `a/b-c`. */
function pathText(expression: Expression): string | undefined {
  switch (expression.kind) {
    case 'name':
      return expression.name;
    case 'selector': {
      const operand = pathText(expression.operand);
      return operand && `${operand}.${expression.field}`;
    }
    case 'binary': {
      if (expression.operator !== '/' && expression.operator !== '-') return undefined;
      const [left, right] = [pathText(expression.left), pathText(expression.right)];
      return left && right && `${left}${expression.operator}${right}`;
    }
    default:
      return undefined;
  }
}

/** `path/…name.field` with the name replaced by the quoted import path; undefined: it has not that form. */
function withPath(path: string, expression: Expression): Expression | undefined {
  switch (expression.kind) {
    case 'name':
      if (path === '') return undefined;
      return { kind: 'string', bytes: encodeUtf8(path + expression.name), text: '', start: 0, end: 0 };
    case 'selector':
    case 'index':
    case 'slice': {
      const operand = withPath(path, expression.operand);
      return operand && { ...expression, operand };
    }
    case 'binary': {
      if (expression.operator !== '/' && expression.operator !== '-') return undefined;
      const left = pathText(expression.left);
      return left === undefined ? undefined : withPath(`${path}${left}${expression.operator}`, expression.right);
    }
    default:
      return undefined;
  }
}

function noFields(text: string, type: GoType): string {
  switch (type.kind) {
    case 'interface':
      return `${text} is an interface (${typeName(type)}): say what it holds, ${text}.(T)`;
    case 'pointer':
      return type.elem === undefined
        ? `what an ${typeName(type)} points to has no type`
        : `${text} is a pointer to a pointer: Go follows one only`;
    default:
      return `${text} is of type ${typeName(type)}, which has no fields`;
  }
}

/** Any other single letter is as near as the next: no guess then. */
function didYouMean(name: string, names: readonly string[], before = ''): string[] {
  if (name.length < 2) return [];
  return nearest(name, names, 1).map((candidate) => `did you mean ${before}${candidate}?`);
}
