/** Ways to bytes: fields, pointers, elements, what interfaces hold. Every function answers undefined after a diagnostic. */
import { decodeUtf8 } from '#base';
import type { DynamicType, GoType, TypeRef } from '#gobin';
import { compactType, type Expression, expressionText } from '#goexpr';
import { boolean, type Computation, integer, text as textType, word } from '../computation/index.ts';
import { element, guarded, hop, moved } from './access.ts';
import { findField } from './fields.ts';
import { goroutineLabels, labelType } from './labels.ts';
import { leaf } from './leaf.ts';
import { itabType, type Operand, type Side, scalarOf, type Value } from './operand.ts';
import type { PartStep, ResolvedValue } from './resolved.ts';
import { didYouMean, typeName, variablesText } from './type-text.ts';
import type { Typing } from './typing.ts';

export function dereferenced(typing: Typing, operand: Expression): Operand | undefined {
  const pointer = typing.operand(operand);
  if (pointer === undefined) return undefined;
  const text = expressionText(operand);
  if (pointer.kind !== 'place' && pointer.kind !== 'part') {
    return typing.fail('probe.not-a-pointer', `'*${text}': ${text} is ${typing.described(pointer)}, not a pointer`, []);
  }
  const type = typing.scope.binary.type(pointer.type);
  if (type.kind !== 'pointer') {
    return typing.fail('probe.not-a-pointer', `'*${text}': ${text} is of type ${typeName(type)}, not a pointer`, []);
  }
  if (type.elem === undefined) {
    return typing.fail('probe.not-a-pointer', `'*${text}': what an ${typeName(type)} points to has no type`, []);
  }
  return pointee(typing, pointer, type.elem);
}

function pointee(typing: Typing, pointer: Extract<Operand, { type: TypeRef }>, elem: TypeRef): Operand {
  if (pointer.kind === 'place') return { ...pointer, type: elem, access: hop(pointer.access, 0) };
  return stepped(typing, pointer, { kind: 'pointer', type: typing.scope.graph.add(elem) }, elem);
}

function stepped(
  _typing: Typing,
  part: Extract<Operand, { kind: 'part' }>,
  step: PartStep<ResolvedValue>,
  type: TypeRef,
): Operand {
  return { ...part, type, steps: [...part.steps, step] };
}

export function selected(typing: Typing, expression: Extract<Expression, { kind: 'selector' }>): Operand | undefined {
  const { operand: inner, field } = expression;
  if (inner.kind === 'string' || (inner.kind === 'name' && !typing.isVariable(inner.name))) {
    const path = inner.kind === 'string' ? decodeUtf8(inner.bytes) : inner.name;
    const found = typing.packageVariable(path, field);
    if (found !== 'no package') return found;
    if (inner.kind === 'string') {
      return typing.fail('probe.no-such-package', `there is no package "${path}" in the binary`, []);
    }
  }
  const { binary, graph } = typing.scope;
  const operand = typing.operand(inner);
  if (operand === undefined) return undefined;
  const text = expressionText(inner);
  if (operand.kind !== 'place' && operand.kind !== 'part') {
    return typing.fail('probe.no-fields', `'${text}.${field}': ${text} is ${typing.described(operand)}`, []);
  }
  let at: Extract<Operand, { type: TypeRef }> = operand;
  let type = binary.type(at.type);
  if (type.kind === 'pointer' && type.elem !== undefined) {
    at = pointee(typing, at, type.elem) as typeof at;
    type = binary.type(at.type);
  }
  if (type.kind !== 'struct') return typing.fail('probe.no-fields', `'${text}.${field}': ${noFields(text, type)}`, []);
  const path = findField(type, field, binary);
  if (path === 'ambiguous') {
    return typing.fail(
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
    return typing.fail(
      'probe.no-such-field',
      `${typeName(type)} has no field '${field}' (in '${text}.${field}')`,
      hints,
    );
  }
  if (path.some((step) => graph.isRedacted(step.name, step.type))) return typing.redacted(`${text}.${field}`);
  path.forEach((step, i) => {
    const before = i === 0 ? undefined : binary.type(at.type);
    if (before?.kind === 'pointer' && before.elem !== undefined) at = pointee(typing, at, before.elem) as typeof at;
    at =
      at.kind === 'place'
        ? { ...at, type: step.type, access: moved(at.access, step.offset) }
        : (stepped(
            typing,
            at,
            { kind: 'field', offset: step.offset, type: graph.add(step.type) },
            step.type,
          ) as typeof at);
  });
  return at;
}

export function indexed(
  typing: Typing,
  operandExpression: Expression,
  indexExpression: Expression,
): Operand | undefined {
  const { binary, graph } = typing.scope;
  const text = `${expressionText(operandExpression)}[${expressionText(indexExpression)}]`;
  if (operandExpression.kind === 'fact' && operandExpression.fact === 'labels')
    return label(typing, indexExpression, text);
  let operand = typing.operand(operandExpression);
  if (operand === undefined) return undefined;
  if (operand.kind !== 'place' && operand.kind !== 'part') {
    return typing.fail('probe.no-elements', `'${text}': ${typing.described(operand)} is not indexed here`, []);
  }
  let type = binary.type(operand.type);
  if (type.kind === 'pointer' && type.elem !== undefined && binary.type(type.elem).kind === 'array') {
    operand = pointee(typing, operand, type.elem) as Extract<Operand, { type: TypeRef }>;
    type = binary.type(operand.type);
  }
  if (type.kind === 'map') return lookUp(typing, operand, type, indexExpression, text);
  if (type.kind !== 'slice' && type.kind !== 'array' && type.kind !== 'string') {
    const words = `'${text}': ${expressionText(operandExpression)} is of type ${typeName(type)}, which has no elements`;
    return typing.fail('probe.no-elements', words, []);
  }
  const index = indexValue(typing, indexExpression, operand.from, text);
  if (index === undefined) return undefined;
  const count = type.kind === 'array' ? type.count : undefined;
  const constant = index.op === 'constant' ? (index.value as bigint) : undefined;
  if (constant !== undefined && (constant < 0n || (count !== undefined && constant >= BigInt(count)))) {
    const bounds = constant < 0n ? 'an index must not be negative' : `the array has ${count} elements`;
    return typing.fail('probe.index-out-of-range', `'${text}': index ${constant} is out of range: ${bounds}`, []);
  }
  if (operand.kind === 'part') {
    if (type.kind === 'string')
      return typing.fail('probe.no-elements', `'${text}': bytes of a map's string are not reached`, []);
    return stepped(typing, operand, { kind: 'index', value: index, type: graph.add(type.elem) }, type.elem);
  }
  const { access, from } = operand;
  // An array of more than one element is never in registers.
  if (type.kind === 'array') {
    const { elem } = type;
    const { size } = binary.type(elem);
    if (constant !== undefined)
      return { kind: 'place', type: elem, access: moved(access, Number(constant) * size), from };
    const inside = inBounds(index, { op: 'constant', type: integer, value: BigInt(type.count) });
    const first = guarded(access, { check: inside, otherwise: 'outOfRange' });
    return { kind: 'place', type: elem, access: type.count <= 1 ? first : element(first, index, size), from };
  }
  const size = type.kind === 'string' ? 1 : binary.type(type.elem).size;
  const inside = inBounds(index, typing.read(moved(access, 8), 'int', 8));
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
function inBounds(index: Computation<ResolvedValue>, length: Computation<ResolvedValue>): Computation<ResolvedValue> {
  const unsigned = (operand: Computation<ResolvedValue>) => ({ op: 'convert', type: word, operand }) as const;
  return { op: '<', type: boolean, left: unsigned(index), right: unsigned(length) };
}

/** An index is computed in the kernel, when the element is read. */
function indexValue(
  typing: Typing,
  expression: Expression,
  from: Side,
  text: string,
): Computation<ResolvedValue> | undefined {
  const made = typing.integer(expression, text);
  if (made === undefined) return undefined;
  return typing.oneSided(made.computation, from, text, true);
}

/** `m[key]`, found in what is captured of the map. */
function lookUp(
  typing: Typing,
  operand: Extract<Operand, { type: TypeRef }>,
  type: Extract<GoType, { kind: 'map' }>,
  keyExpression: Expression,
  text: string,
): Operand | undefined {
  const { binary, graph } = typing.scope;
  const keyType = binary.type(type.key);
  const scalar = scalarOf(keyType);
  if (scalar === undefined) {
    return typing.fail('probe.map-key', `'${text}': keys of type ${typeName(keyType)} are not compared here`, [
      'keys may be integers, floats, bools and strings',
    ]);
  }
  const key = typing.operand(keyExpression);
  if (key === undefined) return undefined;
  const made = typing.as(key, scalar, keyType.name, expressionText(keyExpression), text);
  if (made === undefined) return undefined;
  const value = typing.oneSided(made.computation, operand.from, text, false);
  if (value === undefined) return undefined;
  if (isRedactedKey(typing, keyExpression, type.elem)) return typing.redacted(text);
  const step: PartStep<ResolvedValue> = { kind: 'key', value, type: graph.add(type.elem) };
  if (operand.kind === 'part') return stepped(typing, operand, step, type.elem);
  const whole = leaf(operand.access, operand.type, binary, graph);
  if (whole.kind !== 'graph') {
    return typing.fail(
      'probe.map-key',
      `'${text}': ${whole.kind === 'missing' ? whole.reason : 'the map is not captured'}`,
      [],
    );
  }
  return { kind: 'part', type: type.elem, whole, steps: [step], from: operand.from };
}

/** Is what a map has under this name on the redaction list? A key that is computed is told when it is looked up. */
function isRedactedKey({ scope }: Typing, key: Expression, elem: TypeRef): boolean {
  return key.kind === 'string' && scope.graph.isRedacted(decodeUtf8(key.bytes), elem);
}

/** `$labels[key]`, found in what is captured of the goroutine's labels; empty where there is none of that name. */
function label(typing: Typing, keyExpression: Expression, text: string): Operand | undefined {
  const { binary, graph, side } = typing.scope;
  if (side === 'result') {
    return typing.fail('probe.wrong-side', `'${text}' is read at the entry`, [`use pxtrace.ArgExpr('${text}')`]);
  }
  const key = typing.operand(keyExpression);
  const made = key && typing.as(key, textType, 'string', expressionText(keyExpression), text);
  const value = made && typing.oneSided(made.computation, 'entry', text, false);
  if (value === undefined) return undefined;
  const whole = goroutineLabels(binary, graph);
  if (whole.kind === 'missing') return typing.fail('probe.not-known', `'${text}': ${whole.reason}`, []);
  const type = whole.kind === 'graph' ? labelType(binary) : undefined;
  if (whole.kind !== 'graph' || type === undefined) {
    // Nothing in the program sets any.
    const none = { op: 'constant', type: textType, value: new Uint8Array() } as const;
    return { kind: 'value', computation: none, name: 'string' };
  }
  if (isRedactedKey(typing, keyExpression, type)) return typing.redacted(text);
  return { kind: 'part', type, whole, steps: [{ kind: 'key', value, type: graph.add(type) }], from: 'entry' };
}

export function sliced(typing: Typing, expression: Extract<Expression, { kind: 'slice' }>): Operand | undefined {
  const { binary } = typing.scope;
  const text = expressionText(expression);
  const operand = typing.operand(expression.operand);
  if (operand === undefined) return undefined;
  const bound = (side: Expression | undefined): Value | undefined | 'none' =>
    side === undefined ? 'none' : typing.integer(side, text);
  const [low, high] = [bound(expression.low), bound(expression.high)];
  if (low === undefined || high === undefined) return undefined;
  const isSlice = (operand.kind === 'place' || operand.kind === 'part') && binary.type(operand.type).kind === 'slice';
  if (isSlice) return subslice(typing, operand, low, high, text);
  const made = typing.computed(operand, expressionText(expression.operand));
  if (made === undefined) return undefined;
  if (made.computation.type.kind !== 'string') {
    return typing.fail('probe.no-elements', `'${text}': ${made.name} is not sliced here, strings and slices are`, []);
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

function subslice(
  typing: Typing,
  operand: Extract<Operand, { type: TypeRef }>,
  low: Value | 'none',
  high: Value | 'none',
  text: string,
): Operand | undefined {
  const { binary, graph } = typing.scope;
  const bounds: { low?: Computation<ResolvedValue>; high?: Computation<ResolvedValue> } = {};
  for (const [side, value] of [
    ['low', low],
    ['high', high],
  ] as const) {
    if (value === 'none') continue;
    const computation = typing.oneSided(value.computation, operand.from, text, false);
    if (computation === undefined) return undefined;
    bounds[side] = computation;
  }
  const step: PartStep<ResolvedValue> = { kind: 'slice', type: graph.add(operand.type), ...bounds };
  if (operand.kind === 'part') return stepped(typing, operand, step, operand.type);
  const whole = leaf(operand.access, operand.type, binary, graph);
  if (whole.kind !== 'graph') return typing.fail('probe.no-elements', `'${text}': the slice is not captured`, []);
  return { kind: 'part', type: operand.type, whole, steps: [step], from: operand.from };
}

export function asserted(typing: Typing, operandExpression: Expression, wanted: string): Operand | undefined {
  const { binary } = typing.scope;
  const operand = typing.operand(operandExpression);
  if (operand === undefined) return undefined;
  const text = expressionText(operandExpression);
  const type = operand.kind === 'place' ? binary.type(operand.type) : undefined;
  if (operand.kind !== 'place' || type?.kind !== 'interface') {
    const what = type === undefined ? typing.described(operand) : `of type ${typeName(type)}`;
    return typing.fail('probe.not-an-interface', `'${text}.(${wanted})': ${text} is ${what}, not an interface`, []);
  }
  const { access, from } = operand;
  const names = new Map<string, DynamicType>();
  for (const each of binary.dynamicTypes?.() ?? []) names.set(binary.type(each.type).name, each);
  const found = typesNamed(wanted, [...names.keys()], typing.scope.function);
  if (found.length !== 1) {
    const hints =
      found.length > 1
        ? ['say which:', ...found.slice(0, 10)]
        : [...didYouMean(wanted, [...names.keys()]), 'types that no interface ever holds are not in the binary'];
    const what =
      found.length > 1
        ? `may be any of ${found.length} types`
        : 'is no type that an interface of this program can hold';
    return typing.fail('probe.no-such-type', `'${wanted}' ${what}`, hints);
  }
  const { address, type: dynamic, direct } = names.get(found[0]!)!;
  if (typing.scope.graph.isRedacted('', dynamic)) return typing.redacted(`${text}.(${wanted})`);
  const descriptor = typing.read(type.empty ? access : hop(access, itabType), 'uint', 8);
  const check = { op: '==', type: boolean, left: descriptor, right: { op: 'address', type: word, address } } as const;
  const data = moved(guarded(access, { check, otherwise: 'otherType' }), 8);
  return { kind: 'place', type: dynamic, access: direct ? data : hop(data, 0), from };
}

const aliases: Readonly<Record<string, string>> = { any: 'interface{}', byte: 'uint8', rune: 'int32' };

/** As debug info has it: there `any` is no name. */
function withoutAliases(type: string): string {
  return type.replaceAll(/(?<![\w./])(?:any|byte|rune)(?![\w./])/g, (name) => aliases[name]!);
}

/** Types of those names that `wanted` may mean: as it stands, in the function's own package, or by the last part of an import path. */
function typesNamed(wanted: string, names: readonly string[], fn: string): string[] {
  const [, stars, bare] = /^(\**)(.*)$/.exec(wanted)!;
  const exact = names.filter((name) => name === wanted);
  if (exact.length > 0) return exact;
  const spelled = withoutAliases(wanted);
  const same = names.filter((name) => compactType(name) === spelled);
  if (same.length > 0) return same;
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
