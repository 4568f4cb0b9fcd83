import type { DynamicType, GoField, GoType, TypeRef } from '#gobin';
import type { Redaction } from './redaction.ts';
import { layTable, type TypeTable } from './table.ts';
import { type CaptureLimits, defaultLimits, type GraphField, type GraphType, type RuntimeRole } from './types.ts';

/** What the builder asks of a binary. */
export interface TypeSource {
  type(ref: TypeRef): GoType;
  dynamicTypes?(): readonly DynamicType[];
}

/** Most types of a tracepoint: those found first, breadth first, then those that interfaces may hold. */
const mostTypes = 6_000;

/** Structs of the runtime that debug info has for each type of map and channel (cmd/link/internal/ld/dwarf.go). */
const runtimeStructs: readonly (readonly [prefix: string, role: RuntimeRole])[] = [
  ['hash<', 'hmap'],
  ['map<', 'swiss'],
  ['groupReference<', 'groups'],
  ['hchan<', 'hchan'],
];

/** Collects the types that values may be made of, from those that are asked for to all that can be reached from them. */
export class TypeGraphBuilder {
  readonly #source: TypeSource;
  readonly #redaction: Redaction | undefined;
  readonly #limits: CaptureLimits;
  readonly #types: GraphType[] = [{ kind: 'uint', name: 'byte', size: 1 }];
  readonly #known = new Map<TypeRef, number>();
  readonly #queue: { readonly ref: TypeRef; readonly index: number }[] = [];
  #interfaces = false;
  #done: TypeTable | undefined;

  constructor(source: TypeSource, redaction?: Redaction, limits: CaptureLimits = defaultLimits) {
    this.#source = source;
    this.#redaction = redaction;
    this.#limits = limits;
  }

  get limits(): CaptureLimits {
    return this.#limits;
  }

  /** Is a variable or field of this name, or a type, on the list of what is never captured? */
  isRedacted(name: string, ref: TypeRef): boolean {
    return this.#redaction?.hides(name, this.#source.type(ref).name) ?? false;
  }

  /** Index of a type; it and what it refers to will be in the graph. */
  add(ref: TypeRef): number {
    const known = this.#known.get(ref);
    if (known !== undefined) return known;
    const { name, size } = this.#source.type(ref);
    const full = this.#types.length >= mostTypes;
    const index = this.#types.push({ kind: 'unknown', name, size, why: 'too many types are reachable here' }) - 1;
    this.#known.set(ref, index);
    if (!full) this.#queue.push({ ref, index });
    return index;
  }

  /** The graph with its table. Nothing can be added behind this. */
  finish(): TypeTable {
    if (this.#done) return this.#done;
    this.#drain();
    const dynamic: { address: number; type: number }[] = [];
    if (this.#interfaces) {
      for (const { address, type } of this.#source.dynamicTypes?.() ?? []) {
        if (this.#types.length >= mostTypes) break;
        dynamic.push({ address, type: this.add(type) });
      }
      this.#drain();
    }
    this.#done = layTable(this.#types, dynamic, this.#limits);
    return this.#done;
  }

  #drain(): void {
    for (let i = 0; i < this.#queue.length; i++) {
      const { ref, index } = this.#queue[i]!;
      const { name } = this.#source.type(ref);
      const type = this.#build(ref);
      this.#types[index] = this.#redaction?.hidesType(name) === true ? { ...type, redacted: true } : type;
    }
    this.#queue.length = 0;
  }

  /** `atomic.Pointer[T]` has an `unsafe.Pointer`; its type is told by `_ [0]*T` beside it (sync/atomic/type.go). */
  #atomicTarget(fields: readonly GoField[]): TypeRef | undefined {
    for (const { type } of fields) {
      const array = this.#source.type(type);
      if (array.kind === 'array' && array.count === 0) return array.elem;
    }
    return undefined;
  }

  #build(ref: TypeRef): GraphType {
    const type = this.#source.type(ref);
    const { name, size } = type;
    switch (type.kind) {
      case 'pointer':
        return type.elem === undefined
          ? { kind: 'address', name, size }
          : { kind: 'pointer', name, size, elem: this.add(type.elem) };
      case 'slice':
        return { kind: 'slice', name, size, elem: this.add(type.elem) };
      case 'array':
        return { kind: 'array', name, size, elem: this.add(type.elem), count: type.count };
      case 'struct': {
        const role = runtimeStructs.find(([prefix]) => name.startsWith(prefix))?.[1];
        const target = name.startsWith('sync/atomic.Pointer[') ? this.#atomicTarget(type.fields) : undefined;
        const fields = type.fields.map((field, i): GraphField => {
          const index = this.add((field.name === 'v' ? target : undefined) ?? field.type);
          const shown = { name: field.name === '_' ? `#${i}` : field.name, offset: field.offset, type: index };
          return this.isRedacted(field.name, field.type) ? { ...shown, redacted: true } : shown;
        });
        return { kind: 'struct', name, size, fields, ...(role === undefined ? {} : { role }) };
      }
      case 'interface':
        this.#interfaces = true;
        return { kind: 'interface', name, size, empty: type.empty };
      case 'map':
        if (type.header === undefined) return { kind: 'unknown', name, size, why: 'debug info has no layout of it' };
        return {
          kind: 'map',
          name,
          size,
          header: this.add(type.header),
          key: this.add(type.key),
          elem: this.add(type.elem),
        };
      case 'chan':
        if (type.header === undefined) return { kind: 'unknown', name, size, why: 'debug info has no layout of it' };
        return { kind: 'chan', name, size, header: this.add(type.header), elem: this.add(type.elem) };
      case 'unknown':
        return { kind: 'unknown', name, size, why: `type ${name} is not known to this version of Sonde` };
      default:
        return { kind: type.kind, name, size };
    }
  }
}
