import { type RandomType, scalar } from './leaves.ts';
import type { Random } from './random.ts';
import { pointerTo, type RandomTypes, sliceOf } from './types.ts';

/** A parameter or result: `text` is its type in the signature, which differs from that of its value where the function is generic. */
interface Variable {
  readonly name: string;
  readonly text: string;
  readonly type: RandomType;
  readonly value: string;
}

/** A function before it is written. */
export interface Draft {
  readonly receiver?: Variable;
  /** Type arguments of a generic function, or of its receiver. */
  readonly generic: readonly RandomType[];
  readonly parameters: readonly Variable[];
  /** The last parameter is `...T`, if it is a slice. */
  readonly variadic: boolean;
  readonly results: readonly Variable[];
}

/** One function of a program with some of its parameters and results only, to find out which of them matter. */
export interface Variant {
  readonly index: number;
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

/** A function of a program: its name for a probe, and what the program calls it in what it says. */
export interface RandomFunction {
  readonly probe: string;
  readonly said: string;
  /** As the source has it. */
  readonly signature: string;
  /** It has a type parameter. */
  readonly generic: boolean;
  /** The receiver apart. */
  readonly parameters: number;
  readonly results: number;
}

const typeParameters = ['P', 'Q', 'R'] as const;

/** Draws a function. `generics`: it may have type parameters. */
export function draft(random: Random, types: RandomTypes, generics: boolean): Draft {
  const typeArgument = () =>
    random.of([
      () => scalar(random),
      () => types.struct(2),
      () => pointerTo(types.struct(1)),
      () => sliceOf(scalar(random)),
    ])();
  const generic = generics && random.chance(20) ? Array.from({ length: 1 + random.next(3) }, typeArgument) : [];
  const receiver = receiverOf(random, types, generic);
  const variable = (name: string): Variable => {
    if (generic.length > 0 && random.chance(50)) return ofArgument(random, generic, name);
    const type = types.any(3);
    return { name, text: type.text, type, value: type.value(random) };
  };
  const many = random.chance(6) ? 17 + random.next(8) : random.next(random.chance(15) ? 12 : 5);
  const parameters = Array.from({ length: many }, (_, i) => variable(random.chance(8) ? '_' : `a${i}`));
  const named = random.chance(25);
  const results = Array.from({ length: random.next(random.chance(15) ? 8 : 3) }, (_, i) =>
    variable(named ? `n${i}` : ''),
  );
  return { ...(receiver && { receiver }), generic, parameters, variadic: random.chance(15), results };
}

/** A method of a named type, or of a generic one, which has no other type arguments in the program: its methods have one body. */
function receiverOf(random: Random, types: RandomTypes, generic: readonly RandomType[]): Variable | undefined {
  if (generic.length > 0) {
    if (random.chance(50)) return undefined;
    const parameters = typeParameters.slice(0, generic.length);
    const name = types.generic(parameters);
    const text = `${name}[${generic.map((each) => each.text).join(', ')}]`;
    const own = `${text}{${generic.map((each, i) => `F${i}: ${each.value(random)}`).join(', ')}}`;
    const declared = `${name}[${parameters.join(', ')}]`;
    const type: RandomType = { text, comparable: false, value: () => own };
    return random.chance(50)
      ? { name: 'r', text: declared, type, value: own }
      : { name: 'r', text: `*${declared}`, type: pointerTo(type), value: `&${own}` };
  }
  if (!random.chance(20)) return undefined;
  const named = random.chance(70) ? types.struct(2) : types.named(2);
  const type = random.chance(50) ? pointerTo(named) : named;
  return { name: 'r', text: type.text, type, value: type.value(random) };
}

/** A variable of a type parameter, or of a type that is made of it. */
function ofArgument(random: Random, generic: readonly RandomType[], name: string): Variable {
  const index = random.next(generic.length);
  const argument = generic[index]!;
  const parameter = typeParameters[index]!;
  const boxed: RandomType = {
    text: `box[${argument.text}]`,
    comparable: false,
    value: (r) => `box[${argument.text}]{${argument.value(r)}, ${r.next(100)}}`,
  };
  const mapped: RandomType = {
    text: `map[string]${argument.text}`,
    comparable: false,
    value: (r) => `map[string]${argument.text}{"one": ${argument.value(r)}, "two": ${argument.value(r)}}`,
  };
  const [text, type] = random.of<readonly [string, RandomType]>([
    [parameter, argument],
    [parameter, argument],
    [`*${parameter}`, pointerTo(argument)],
    [`[]${parameter}`, sliceOf(argument)],
    [`box[${parameter}]`, boxed],
    [`map[string]${parameter}`, mapped],
  ]);
  return { name, text, type, value: type.value(random) };
}

/** A draft with what a variant keeps of it, as function number `number`. */
export function write(
  { receiver, generic, variadic, ...whole }: Draft,
  variant: Variant,
  number: number,
): { source: string; call: string; function: RandomFunction } {
  const parameters = variant.parameters.map((i) => whole.parameters[i]!);
  const results = variant.results.map((i) => whole.results[i]!);
  const name = receiver ? `m${number}` : `f${number}`;
  const place = receiver ? `(r ${receiver.text}) ` : '';
  const globals = results.map(({ type, value }, i) => `var g${number}_${i} ${type.text} = ${value}`);
  const returned = results.map(({ text, type }, i) =>
    text === type.text ? `g${number}_${i}` : `any(g${number}_${i}).(${text})`,
  );
  const spread = variadic && parameters.at(-1)?.text.startsWith('[]') === true;
  const list = parameters.map((each, i) => {
    const text = spread && i === parameters.length - 1 ? `...${each.text.slice(2)}` : each.text;
    return `${each.name === '_' ? '_' : `a${i}`} ${text}`;
  });
  const own = generic.length > 0 && !receiver;
  const declared = own ? `[${typeParameters.slice(0, generic.length).join(', ')} any]` : '';
  const resultNames = results.map((each, i) => (each.name === '' ? `$${i}` : `n${i}`));
  const returns = results.map(({ name: given, text }, i) => (given === '' ? text : `n${i} ${text}`)).join(', ');
  const source = `${globals.join('\n')}

//go:noinline
func ${place}${name}${declared}(${list.join(', ')}) (${returns}) { ${results.length > 0 ? `return ${returned.join(', ')}` : ''} }
`;
  const passed = receiver ? [receiver, ...parameters] : parameters;
  // A blank parameter is named by its number, of which the receiver is 0.
  const shown = parameters.map((each, i) => (each.name === '_' ? `#${receiver ? i + 1 : i}` : `a${i}`));
  const variables = passed.map(({ type, value }, i) => `\t\tvar x${i} ${type.text} = ${value}\n`);
  const inputs = passed.map((_, i) => `x${i}`);
  const instance = own ? `[${generic.map((each) => each.text).join(', ')}]` : '';
  const callee = receiver ? `${inputs.shift()}.${name}` : `${name}${instance}`;
  if (spread) inputs.push(`${inputs.pop()}...`);
  const quoted = (names: readonly string[]) => `[]string{${names.map((each) => `"${each}"`).join(', ')}}`;
  const pointers = (prefix: string, many: number) =>
    `[]interface{}{${Array.from({ length: many }, (_, i) => `&${prefix}${i}`).join(', ')}}`;
  const argumentNames = receiver ? ['r', ...shown] : shown;
  const taken = results.map((_, i) => `r${i}`).join(', ');
  const say = `say("${name}", ${quoted(argumentNames)}, ${pointers('x', passed.length)}, ${quoted(resultNames)}, ${pointers('r', results.length)})`;
  return {
    source,
    call: `\t{\n${variables.join('')}\t\t${results.length > 0 ? `${taken} := ` : ''}${callee}(${inputs.join(', ')})\n\t\t${say}\n\t}`,
    function: {
      probe: `main.${receiver ? methodOwner(receiver.text) : ''}${name}`,
      said: name,
      signature: `func ${place}${name}(${list.join(', ')}) (${returns})`,
      generic: generic.length > 0,
      parameters: parameters.length,
      results: results.length,
    },
  };
}

/** `(*T).`, `box.`, without type parameters. */
function methodOwner(text: string): string {
  const base = text.replace(/\[.*/, '');
  return base.startsWith('*') ? `(${base}).` : `${base}.`;
}
