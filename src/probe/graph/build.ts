import type { CapturedVariable, Closure, DynamicType, GoField, GoType, TypeRef } from '#gobin';
import { type CaptureLimits, defaultLimits } from '#model';
import { numberTexts } from '../types.ts';
import { type Holds, holds, type Redaction } from './redaction.ts';
import { layTable, type TypeTable } from './table.ts';
import type { GraphField, GraphType, RuntimeRole } from './types.ts';

/** What the builder asks of a binary. */
export interface TypeSource {
  type(ref: TypeRef): GoType;
  readonly hasDebugInfo?: boolean;
  dynamicTypes?(): readonly DynamicType[];
  constants?(type: TypeRef): ReadonlyMap<string, string> | undefined;
  closures?(packages: readonly string[]): readonly Closure[];
}

/** Most types of a tracepoint: those found first, breadth first, then those that interfaces may hold, each with all that it leads to. */
const mostTypes = 20_000;
/** So many more for closures and what only they have captured. */
const mostClosureTypes = 2_000;

const scalars: ReadonlySet<GoType['kind']> = new Set(['bool', 'int', 'uint', 'float', 'complex', 'string']);

/** Types with more constants than this (opcodes, code points) are shown as numbers. */
const mostConstants = 1_000;
const ownForm: ReadonlySet<string> = new Set(Object.keys(numberTexts));

/** Structs of the runtime that debug info has for each type of map and channel (cmd/link/internal/ld/dwarf.go), and those of `sync.Map` (Go 1.24). */
const runtimeStructs: readonly (readonly [prefix: string, role: RuntimeRole])[] = [
  ['hash<', 'hmap'],
  ['map<', 'swiss'],
  ['groupReference<', 'groups'],
  ['hchan<', 'hchan'],
  ['internal/sync.HashTrieMap[interface {},interface {}]', 'trie'],
  ['internal/sync.indirect[interface {},interface {}]', 'trieNode'],
];

/** Collects the types that values may be made of, from those that are asked for to all that can be reached from them. */
export class TypeGraphBuilder {
  readonly #source: TypeSource;
  readonly #redaction: Redaction | undefined;
  readonly #limits: CaptureLimits;
  readonly #types: GraphType[] = [{ kind: 'uint', name: 'byte', size: 1 }];
  readonly #known = new Map<TypeRef, number>();
  readonly #queue: { readonly ref: TypeRef; readonly index: number }[] = [];
  #any: number | undefined;
  #interfaces = false;
  #panics = false;
  #functions = false;
  #most = mostTypes;
  /** From now on types are added that only interfaces may hold: their packages are not gone through for constants. */
  #dynamic = false;
  readonly #packages = new Set<string>();
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
    return this.#redaction?.hides(name, this.#source.type(ref).name, () => this.#holds(ref)) ?? false;
  }

  #holds(ref: TypeRef): Holds {
    const type = this.#source.type(ref);
    if (type.kind === 'pointer' && type.elem !== undefined && type.elem !== ref) return this.#holds(type.elem);
    return holds(type, () => (type.name.includes('.') ? (this.#source.constants?.(ref)?.size ?? 0) : 0));
  }

  /** Names of constants of a named integer type, by value; `time.Duration` and the like have a form of their own. */
  constants(ref: TypeRef): Readonly<Record<string, string>> | undefined {
    if (ownForm.has(this.#source.type(ref).name)) return undefined;
    const found = this.#source.constants?.(ref);
    return found === undefined || found.size > mostConstants ? undefined : Object.fromEntries(found);
  }

  /** Of a map or channel without the runtime's structs: they are in debug info, and known by versions of Go. */
  #noLayout(): string {
    return this.#source.hasDebugInfo === false
      ? 'how its version of Go lays it out is not known, and the binary has no debug info (--debug-file, debug_file= of UpsertTracepoint)'
      : 'debug info has no layout of it';
  }

  /** Closures of this package are wanted, if any are. */
  addPackage(name: string): void {
    this.#packages.add(name);
  }

  /** Index of a type; it and what it refers to will be in the graph. */
  add(ref: TypeRef): number {
    const known = this.#known.get(ref);
    if (known !== undefined) return known;
    const { name, size } = this.#source.type(ref);
    const full = this.#types.length >= this.#most;
    const index = this.#types.push({ kind: 'unknown', name, size, why: 'too many types are reachable here' }) - 1;
    this.#known.set(ref, index);
    if (!full) this.#queue.push({ ref, index });
    return index;
  }

  /**
   * What `add` collects is a panic's value. Where nothing else leads to interfaces, that is not worth laying out all that they may hold: errors, what
   * the runtime and package main have, numbers and texts are enough; of others the type's name is known.
   */
  addPanic<T>(add: () => T): T {
    this.#drain();
    const before = this.#interfaces;
    const added = add();
    this.#drain();
    this.#interfaces = before;
    this.#panics = true;
    return added;
  }

  /** The graph with its table. Nothing can be added behind this. */
  finish(): TypeTable {
    if (this.#done) return this.#done;
    this.#drain();
    const statically = this.#functions;
    const dynamic: { address: number; type: number }[] = [];
    // What a closure has captured may be an interface.
    const all = this.#interfaces || statically;
    if (all || this.#panics) {
      this.#dynamic = true;
      for (const { address, type, direct, isError = false } of this.#source.dynamicTypes?.() ?? []) {
        if (this.#types.length >= this.#most) break;
        if (!this.#mayBeHeld(type) || !(all || isError || this.#mayBePanicked(type))) continue;
        const index = this.add(type);
        dynamic.push({ address, type: index });
        this.#drain();
        if (direct) this.#types[index] = { ...this.#types[index]!, direct };
      }
    }
    // Only where a value itself leads to a func: of those that interfaces lead to, the name will do.
    this.#most += mostClosureTypes;
    const closures = statically ? this.#closures() : undefined;
    this.#drain();
    this.#done = layTable(this.#types, dynamic, closures, this.#limits, this.#redaction?.rules.names);
    return this.#done;
  }

  #mayBePanicked(ref: TypeRef): boolean {
    const { kind, name } = this.#source.type(ref);
    return /^\*?(main|runtime)\./.test(name) || (scalars.has(kind) && !name.includes('.'));
  }

  /** No interface holds an interface, the runtime's own maps and closures, or the shapes that generic code is compiled for. */
  #mayBeHeld(ref: TypeRef): boolean {
    const { kind, name } = this.#source.type(ref);
    return kind !== 'interface' && !name.startsWith('noalg.') && !name.includes('go.shape.');
  }

  /** What a func points to, as a struct, by the address of its code. */
  #closures(): { address: number; type: number }[] {
    const found: { address: number; type: number }[] = [];
    for (const { code, name, captured } of this.#source.closures?.([...this.#packages]) ?? []) {
      if (this.#types.length >= this.#most) break;
      const fields = captured.map((variable): GraphField => this.#captured(variable));
      const size = Math.max(0, ...fields.map(({ offset, type }) => offset + this.#types[type]!.size));
      found.push({ address: code, type: this.#types.push({ kind: 'struct', name, size, fields }) - 1 });
    }
    return found;
  }

  #captured(variable: CapturedVariable): GraphField {
    const { name, offset } = variable;
    if ('type' in variable) return this.#field({ ...variable, embedded: false }, name);
    if ('interface' in variable) {
      const type = { kind: 'interface', name: variable.interface, size: 16, empty: false } as const;
      return { name, offset, type: this.#types.push(type) - 1 };
    }
    return { name, offset, type: this.#types.push({ kind: 'unknown', name: '', size: 0, why: variable.unknown }) - 1 };
  }

  #field({ name, offset, type }: GoField, shown: string): GraphField {
    const field = { name: shown, offset, type: this.add(type) };
    return this.isRedacted(name, type) ? { ...field, redacted: true } : field;
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

  /** A field whose `unsafe.Pointer` has a known target: what it is then, an index. */
  #typedPointer(
    name: string,
    fields: readonly GoField[],
  ): { readonly field: string; readonly type: number } | undefined {
    if (name === 'sync.entry') {
      // Up to Go 1.19 `p unsafe.Pointer // *interface{}`, then an `atomic.Pointer[any]` (sync/map.go).
      const p = fields.find((field) => field.name === 'p');
      const pointer = p && this.#source.type(p.type);
      return pointer?.kind === 'pointer' && pointer.elem === undefined
        ? { field: 'p', type: this.#pointerTo(this.#anyType()) }
        : undefined;
    }
    const isWeak = name.startsWith('weak.Pointer[');
    if (!isWeak && !name.startsWith('sync/atomic.Pointer[')) return undefined;
    // The target is told by `_ [0]*T` beside it (sync/atomic/type.go, weak/pointer.go).
    for (const { type } of fields) {
      const array = this.#source.type(type);
      if (array.kind !== 'array' || array.count !== 0) continue;
      const target = this.add(array.elem);
      // A weak pointer leads to a word that has the address as long as the object is there (runtime/mheap.go, getOrAddWeakHandle).
      return isWeak ? { field: 'u', type: this.#pointerTo(target) } : { field: 'v', type: target };
    }
    return undefined;
  }

  #pointerTo(elem: number): number {
    return this.#types.push({ kind: 'pointer', name: `*${this.#types[elem]!.name}`, size: 8, elem }) - 1;
  }

  #anyType(): number {
    this.#interfaces = true;
    this.#any ??= this.#types.push({ kind: 'interface', name: 'interface {}', size: 16, empty: true }) - 1;
    return this.#any;
  }

  /** `entry[any, any]` of internal/sync/hashtriemap.go (Go 1.24 to 1.26), to which no type that debug info has leads: node, overflow, key, value. */
  #trieEntry(): number {
    const any = this.#anyType();
    const name = 'internal/sync.entry[interface {},interface {}]';
    const fields: GraphField[] = [
      { name: 'key', offset: 16, type: any },
      { name: 'value', offset: 32, type: any },
    ];
    const index = this.#types.push({ kind: 'struct', name, size: 48, fields }) - 1;
    fields.unshift({ name: 'overflow', offset: 8, type: this.#pointerTo(index) });
    return index;
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
        const typed = this.#typedPointer(name, type.fields);
        const fields = type.fields.map((field, i): GraphField => {
          const own = this.#field(field, field.name === '_' ? `#${i}` : field.name);
          return field.name === typed?.field ? { ...own, type: typed.type } : own;
        });
        // It holds a value as an interface does.
        if (name === 'reflect.Value') this.#interfaces = true;
        return {
          kind: 'struct',
          name,
          size,
          fields,
          ...(role === undefined ? {} : { role }),
          ...(role === 'trieNode' ? { entry: this.#trieEntry() } : {}),
        };
      }
      case 'interface':
        this.#interfaces = true;
        return { kind: 'interface', name, size, empty: type.empty };
      case 'map':
        if (type.header === undefined) return { kind: 'unknown', name, size, why: this.#noLayout(), pointer: true };
        for (const part of [type.key, type.elem].map((ref) => this.#source.type(ref)))
          if (part.kind === 'unknown') return { kind: 'unknown', name, size, why: unknown(part), pointer: true };
        return {
          kind: 'map',
          name,
          size,
          header: this.add(type.header),
          key: this.add(type.key),
          elem: this.add(type.elem),
        };
      case 'chan':
        if (type.header === undefined) return { kind: 'unknown', name, size, why: this.#noLayout(), pointer: true };
        return { kind: 'chan', name, size, header: this.add(type.header), elem: this.add(type.elem) };
      case 'int':
      case 'uint': {
        const constants = this.#dynamic ? undefined : this.constants(ref);
        return { kind: type.kind, name, size, ...(constants === undefined ? {} : { constants }) };
      }
      case 'func':
        this.#functions = true;
        return { kind: 'func', name, size };
      case 'unknown':
        return { kind: 'unknown', name, size, why: unknown(type) };
      default:
        return { kind: type.kind, name, size };
    }
  }
}

function unknown({ name, why }: Extract<GoType, { kind: 'unknown' }>): string {
  return why ?? `type ${name} is not known to this version of Sonde`;
}
