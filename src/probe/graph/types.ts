import type { CaptureLimits } from '#model';

/** Parts of the runtime's own data structures, which are followed by rules of their own (`runtime-references.ts`). */
export type RuntimeRole = 'hmap' | 'swiss' | 'groups' | 'hchan' | 'trie' | 'trieNode';

export interface GraphField {
  readonly name: string;
  readonly offset: number;
  /** Index of a type, as everywhere below. */
  readonly type: number;
  /** On the redaction list: never captured. */
  readonly redacted?: true;
}

/** A Go type as data: what the table in the kernel and the decoder are made from. Types refer to each other by index. */
export type GraphType = {
  readonly name: string;
  readonly size: number;
  readonly redacted?: true;
  /** An interface has a value of it in its data word itself, by its descriptor. */
  readonly direct?: true;
} /** `constants`: names by value in decimal. */ & (
  | { readonly kind: 'int' | 'uint'; readonly constants?: Readonly<Record<string, string>> }
  | { readonly kind: 'bool' | 'float' | 'complex' | 'string' | 'address' }
  | { readonly kind: 'pointer'; readonly elem: number }
  | { readonly kind: 'slice'; readonly elem: number }
  | { readonly kind: 'array'; readonly elem: number; readonly count: number }
  /** `entry`: of a trie's inner node, the struct that its children are where they are no such nodes. */
  | {
      readonly kind: 'struct';
      readonly fields: readonly GraphField[];
      readonly role?: RuntimeRole;
      readonly entry?: number;
    }
  | { readonly kind: 'interface'; readonly empty: boolean }
  /** `header`: the struct that it points to. */
  | { readonly kind: 'map'; readonly header: number; readonly key: number; readonly elem: number }
  | { readonly kind: 'chan'; readonly header: number; readonly elem: number }
  | { readonly kind: 'func' }
  /** Not looked into; `why` in words. `pointer`: it is one, of which it can be told whether it is nil. */
  | { readonly kind: 'unknown'; readonly why: string; readonly pointer?: true }
);

export type GraphStruct = Extract<GraphType, { kind: 'struct' }>;

/** Of the field of that name; 0 where there is none. */
export function fieldOffset(type: GraphStruct, name: string): number {
  return type.fields.find((field) => field.name === name)?.offset ?? 0;
}

/** The types that values of one tracepoint may be made of. Plain data; the first one is `byte`. */
export interface TypeGraph {
  readonly types: readonly GraphType[];
  /** Type → byte offset of its header in the kernel's table. */
  readonly entries: readonly number[];
  /** Types that interfaces may hold: the descriptor's address in the file, and the type. */
  readonly dynamic: readonly { readonly address: number; readonly type: number }[];
  /** What funcs point to: the code's address in the file, and its captured variables as a struct; undefined: none were looked for, as no value but those in interfaces can be a func. */
  readonly closures: readonly { readonly address: number; readonly type: number }[] | undefined;
  readonly limits: CaptureLimits;
  /** Words of the redaction list: entries of maps whose key holds one are not shown. */
  readonly hiddenNames: readonly string[];
}

/** The pointer-shaped type that a value in an interface's data word itself consists of: itself, or its only part that has a size. Undefined: the word points to the value. */
export function directPart(types: readonly GraphType[], index: number): number | undefined {
  if (types[index]!.direct !== true) return undefined;
  let at = index;
  for (let nesting = 0; nesting < 100; nesting++) {
    const type = types[at]!;
    const inner =
      type.kind === 'array'
        ? type.elem
        : type.kind === 'struct'
          ? type.fields.find((field) => types[field.type]!.size > 0)?.type
          : undefined;
    if (inner === undefined) break;
    at = inner;
  }
  return at;
}
