import { type Diagnostic, nearest } from '#base';
import { type GoFunction, type GoSignature, type GoType, receiverOf, structOf, type TypeRef } from '#gobin';
import {
  type DeclaredType,
  parseSignature,
  type SignatureText,
  signatureProblem,
  type TypeText,
  type VariableText,
} from '#goexpr';
import type { LogicalProbe } from '#model';
import type { BinaryView } from '../binary.ts';
import type { Resolution } from '../types.ts';

/**
 * Parameters and results of a probe's function: by debug info, and where that does not know it by what the script declares. Where both do, debug
 * info has the types and places and the declaration the names; if the two cannot both be right, that is a mistake.
 */
export function signatureOfProbe(probe: LogicalProbe, fn: GoFunction, binary: BinaryView): Resolution<GoSignature> {
  const known = binary.signature(fn);
  if (probe.signature === undefined) return { ok: true, value: known };
  const { text, span } = probe.signature;
  const parsed = parseSignature(text, span);
  if (!parsed.ok) return parsed;
  const refuse = (
    at: { readonly start: number; readonly end: number },
    message: string,
    hints: readonly string[] = [],
  ) => ({ ok: false, diagnostics: [signatureProblem(text, at, message, span, hints)] }) as const;
  const whole = { start: 0, end: text.length };
  try {
    const types = new DeclaredTypes(binary, receiverOf(fn.name).package, parsed.signature.types);
    const parameters = [...receiver(fn, parsed.signature, types), ...parsed.signature.parameters.map(types.variable)];
    const results = parsed.signature.results.map(types.variable);
    types.makeAll();
    const place = () =>
      binary.placeDeclared?.(fn, { parameters, results }) ?? 'nothing is known of the calling convention';
    if (known.unknown !== undefined) {
      const placed =
        binary.placeDeclared?.(fn, { parameters, results }) ?? 'nothing is known of the calling convention';
      return typeof placed === 'string' ? refuse(whole, placed) : { ok: true, value: placed };
    }
    const [wanted, declared] = [known.parameters.length, parameters.length];
    if (wanted !== declared)
      return refuse(
        whole,
        `debug info knows ${wanted} parameters of ${fn.name} (receiver included), this declares ${declared}`,
      );
    if (known.resultsUnknown === undefined && known.results.length !== results.length)
      return refuse(
        whole,
        `debug info knows ${known.results.length} results of ${fn.name}, this declares ${results.length}`,
      );
    for (const [i, { type }] of parameters.entries()) {
      const [is, said] = [binary.type(known.parameters[i]!.type), binary.type(type)];
      if (is.kind !== said.kind || is.size !== said.size)
        return refuse(whole, `debug info says that parameter ${i + 1} of ${fn.name} is ${is.name}, not ${said.name}`);
    }
    const renamed = (of: GoSignature['parameters'], names: readonly { readonly name: string }[]) =>
      of.map((each, i) => ({ ...each, name: names[i]?.name || each.name }));
    const rest = known.resultsUnknown === undefined ? known : place();
    if (typeof rest === 'string') return refuse(whole, rest);
    const { resultsUnknown: _, ...told } = { ...known, results: rest.results };
    return {
      ok: true,
      value: { ...told, parameters: renamed(known.parameters, parameters), results: renamed(told.results, results) },
    };
  } catch (failure) {
    if (!(failure instanceof UnknownType)) throw failure;
    return refuse(failure.at ?? whole, failure.message, failure.hints);
  }
}

/** As the text has it; else by the function's name: a pointer is one word whatever it points to. */
function receiver(fn: GoFunction, { receiver: written }: SignatureText, types: DeclaredTypes) {
  if (written !== undefined) return [types.variable(written)];
  const { receiver: name } = receiverOf(fn.name);
  if (name === undefined) return [];
  const place = { start: 0, end: 4 };
  const elem: TypeText = { kind: 'name', package: '', name: name.replace('*', ''), ...place };
  const type: TypeText = name.startsWith('*') ? { kind: 'pointer', elem, ...place } : elem;
  return [types.variable({ name: '', type })];
}

/** Leaves the resolution of types; never leaves this file. */
class UnknownType extends Error {
  readonly at: TypeText | undefined;
  readonly hints: readonly string[];

  constructor(message: string, at: TypeText | undefined, hints: readonly string[]) {
    super(message);
    this.at = at;
    this.hints = hints;
  }
}

const basic: Readonly<Record<string, GoType>> = Object.fromEntries(
  (
    [
      ['bool', 'bool', 1],
      ['int', 'int', 8],
      ['int8', 'int', 1],
      ['int16', 'int', 2],
      ['int32', 'int', 4],
      ['rune', 'int', 4],
      ['int64', 'int', 8],
      ['uint', 'uint', 8],
      ['uint8', 'uint', 1],
      ['byte', 'uint', 1],
      ['uint16', 'uint', 2],
      ['uint32', 'uint', 4],
      ['uint64', 'uint', 8],
      ['uintptr', 'uint', 8],
      ['float32', 'float', 4],
      ['float64', 'float', 8],
      ['complex64', 'complex', 8],
      ['complex128', 'complex', 16],
      ['string', 'string', 16],
    ] as const
  ).map(([name, kind, size]) => [name, { kind, name, size }]),
);

const mostNamesakes = 5;

/** A declaration is a user's text, and may stand for endless types: Go refuses those, too. */
const mostTypes = 1000;
const longestName = 2000;
/** Types that are in each other, without a reference between. */
const deepest = 200;

type TypeArguments = ReadonlyMap<string, { readonly ref: TypeRef; readonly name: string }>;

const interfaces: Readonly<Record<string, GoType>> = {
  error: { kind: 'interface', name: 'error', size: 16, empty: false },
  any: { kind: 'interface', name: 'any', size: 16, empty: true },
};

/** Types of a declaration: of those that have a name, what the binary's own descriptors say. */
class DeclaredTypes {
  readonly #binary: BinaryView;
  readonly #package: string;
  readonly #declared: ReadonlyMap<string, DeclaredType>;
  readonly #made = new Map<string, TypeRef>();
  /** What is referred to and not made yet: what is behind a reference waits, for it may refer back. */
  readonly #waiting = new Map<TypeRef, () => void>();
  readonly #beingMade = new Set<TypeRef>();
  #depth = 0;
  /** What the type parameters of the type that is being made stand for. */
  #arguments: TypeArguments = new Map();

  constructor(binary: BinaryView, ownPackage: string, declared: ReadonlyMap<string, DeclaredType>) {
    this.#binary = binary;
    this.#declared = declared;
    this.#package = ownPackage.replace(/%[0-9a-f]{2}/g, decodeURIComponent);
  }

  readonly variable = ({ name, type }: VariableText) => ({ name, type: this.#sized(type) });

  /** To be called when all variables are there, before anything is asked of them. */
  makeAll(): void {
    for (const ref of this.#waiting.keys()) this.#make(ref);
  }

  /** A type whose values have a known size: what stands for itself, not behind a pointer. */
  #sized(text: TypeText): TypeRef {
    if (++this.#depth > deepest) throw new UnknownType('the types have too many others in them', text, []);
    const found = this.#ref(text);
    if (found !== undefined) {
      if (this.#beingMade.has(found)) throw new UnknownType(`a ${this.#name(text)} has itself in it`, text, []);
      this.#make(found);
      this.#depth--;
      return found;
    }
    const name = this.#qualified(text as TypeText & { kind: 'name' });
    const names = Object.keys(basic).concat(Object.keys(interfaces));
    const near =
      name.includes('.') && (text as { package: string }).package !== ''
        ? []
        : nearest((text as { name: string }).name, names);
    throw new UnknownType(`the binary has no type information of ${name}, so its size is not known`, text, [
      ...near.map((each) => `did you mean ${each}?`),
      `write what it is made of (int64, []string, map[string]bool, struct{ X, Y int }, interface{ M() }), or declare it before: 'type T struct{ X, Y int }; func(t *T)'`,
    ]);
  }

  /** Undefined: a name that nothing tells the size of. */
  #ref(text: TypeText): TypeRef | undefined {
    const { make } = this.#types();
    switch (text.kind) {
      case 'name':
        return this.#named(text);
      case 'pointer': {
        const elem = this.#behind(text.elem);
        return make({ kind: 'pointer', name: `*${this.#name(text.elem)}`, size: 8, elem });
      }
      case 'slice':
        return make({ kind: 'slice', name: `[]${this.#name(text.elem)}`, size: 24, elem: this.#part(text.elem) });
      case 'chan': {
        const elem = this.#part(text.elem);
        return make({ kind: 'chan', name: `chan ${this.#name(text.elem)}`, size: 8, header: undefined, elem });
      }
      case 'map': {
        const [key, elem] = [this.#part(text.key), this.#part(text.elem)];
        const name = `map[${this.#name(text.key)}]${this.#name(text.elem)}`;
        return make({ kind: 'map', name, size: 8, header: undefined, key, elem });
      }
      case 'array': {
        const elem = this.#sized(text.elem);
        const size = this.#binary.type(elem).size * text.count;
        return make({ kind: 'array', name: `[${text.count}]${this.#name(text.elem)}`, size, elem, count: text.count });
      }
      case 'struct':
        return make(this.#struct(text.fields));
      case 'interface':
        return make({
          kind: 'interface',
          name: text.empty ? 'interface {}' : 'interface',
          size: 16,
          empty: text.empty,
        });
      case 'func':
        return make({ kind: 'func', name: 'func', size: 8 });
    }
  }

  /** Of something that is reached by a reference: it may be unknown. */
  #part(text: TypeText): TypeRef {
    const name = this.#name(text);
    const why = `the binary has no type information of ${name}`;
    return this.#behind(text) ?? this.#types().make({ kind: 'unknown', name, size: 0, why });
  }

  /** As `#ref`; what has others in it, of which one may be being made, waits. */
  #behind(text: TypeText): TypeRef | undefined {
    if (text.kind !== 'struct' && text.kind !== 'array') return this.#ref(text);
    return this.#later(this.#arguments, () => this.#ref(text)!);
  }

  /** A type that is made when somebody needs its size, at the latest in `makeAll`. */
  #later(given: TypeArguments, make: () => TypeRef, name?: string): TypeRef {
    let is: TypeRef;
    const ref = this.#types().later(() => ({ ...this.#binary.type(is), ...(name !== undefined && { name }) }));
    this.#waiting.set(ref, () => {
      const outer = this.#arguments;
      this.#arguments = given;
      is = make();
      this.#arguments = outer;
    });
    return ref;
  }

  #make(ref: TypeRef): void {
    const make = this.#waiting.get(ref);
    if (make === undefined) return;
    this.#waiting.delete(ref);
    this.#beingMade.add(ref);
    make();
    this.#beingMade.delete(ref);
  }

  #named(text: TypeText & { kind: 'name' }): TypeRef | undefined {
    const { make, named, namesakes } = this.#types();
    const argument = text.package === '' ? this.#arguments.get(text.name) : undefined;
    if (argument !== undefined) return argument.ref;
    const own = text.package === '' ? (basic[text.name] ?? interfaces[text.name]) : undefined;
    // What the binary says of a type counts, whatever is declared.
    const found = named(this.#qualified(text));
    if (found !== undefined) return found;
    const written = text.package === '' ? this.#declared.get(text.name) : undefined;
    if (written !== undefined) return this.#written(text, written);
    const pointer = this.#atomicPointer(text);
    if (pointer !== undefined) return pointer;
    const several = namesakes(this.#qualified(text));
    if (several.length > 1)
      throw new UnknownType(`several packages of the binary have a type ${this.#qualified(text)}`, text, [
        `write the path of the one that is meant: ${several.slice(0, mostNamesakes).join(', ')}`,
      ]);
    if (own !== undefined) return make(own);
    if (text.package === 'unsafe' && text.name === 'Pointer')
      return make({ kind: 'pointer', name: 'unsafe.Pointer', size: 8, elem: undefined });
    return undefined;
  }

  /** A type that the declaration brings, or an instance of it; it may refer to itself. */
  #written(text: TypeText & { kind: 'name' }, { parameters, type }: DeclaredType): TypeRef {
    const name = this.#qualified(text);
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const types = text.arguments ?? [];
    if (types.length !== parameters.length)
      throw new UnknownType(`${text.name} has ${parameters.length} type parameters, not ${types.length}`, text, []);
    if (this.#made.size >= mostTypes || name.length > longestName)
      throw new UnknownType(
        `the declaration makes too many types: do instances of ${text.name} refer to ever larger ones?`,
        text,
        [],
      );
    const given = new Map(
      parameters.map((parameter, i) => [parameter, { ref: this.#part(types[i]!), name: this.#name(types[i]!) }]),
    );
    const ref = this.#later(given, () => this.#sized(type), name);
    this.#made.set(name, ref);
    return ref;
  }

  /** `atomic.Pointer[T]` of a type that has no descriptor (sync/atomic/type.go). */
  #atomicPointer({ package: path, name, arguments: types }: TypeText & { kind: 'name' }): TypeRef | undefined {
    if (!/^(?:sync\/)?atomic$/.test(path) || name !== 'Pointer' || types?.length !== 1) return undefined;
    const { make } = this.#types();
    const target = this.#name(types[0]!);
    const elem = make({ kind: 'pointer', name: `*${target}`, size: 8, elem: this.#part(types[0]!) });
    const none = make({ kind: 'array', name: `[0]*${target}`, size: 0, elem, count: 0 });
    const value = make({ kind: 'pointer', name: 'unsafe.Pointer', size: 8, elem: undefined });
    const fields = [['_', none] as const, ['v', value] as const];
    return make(structOf(`sync/atomic.Pointer[${target}]`, fields, this.#binary));
  }

  #struct(texts: readonly VariableText[]): GoType {
    const members = texts.map(({ name, type }) => [name, this.#sized(type)] as const);
    const name = `struct { ${texts.map(({ name, type }) => `${name} ${this.#name(type)}`).join('; ')} }`;
    return structOf(name, members, this.#binary);
  }

  #name(text: TypeText): string {
    switch (text.kind) {
      case 'name':
        return this.#qualified(text);
      case 'pointer':
        return `*${this.#name(text.elem)}`;
      case 'slice':
        return `[]${this.#name(text.elem)}`;
      case 'array':
        return `[${text.count}]${this.#name(text.elem)}`;
      case 'chan':
        return `chan ${this.#name(text.elem)}`;
      case 'map':
        return `map[${this.#name(text.key)}]${this.#name(text.elem)}`;
      case 'interface':
        return text.empty ? 'interface {}' : 'interface';
      default:
        return text.kind;
    }
  }

  /** A name alone is Go's own, or of the function's package. */
  #qualified({ package: path, name: plain, arguments: types = [] }: TypeText & { kind: 'name' }): string {
    const argument = path === '' ? this.#arguments.get(plain) : undefined;
    if (argument !== undefined) return argument.name;
    const name = types.length === 0 ? plain : `${plain}[${types.map((type) => this.#name(type)).join(',')}]`;
    if (path !== '') return `${path}.${name}`;
    return Object.hasOwn(basic, name) || Object.hasOwn(interfaces, name) ? name : `${this.#package}.${name}`;
  }

  #types() {
    const { declaredTypes } = this.#binary;
    if (declaredTypes === undefined) throw new UnknownType('no types can be declared for this binary', undefined, []);
    return declaredTypes;
  }
}

/** Mistakes of a probe whose signature does not fit a function, as a signature of which nothing is known. */
export function unknownSignature(diagnostics: readonly Diagnostic[]): GoSignature {
  return { parameters: [], results: [], unknown: diagnostics[0]!.message };
}
