/** What bounds a snapshot of the object graph behind a value. What a limit cuts off is named in the row's notes. */
export interface CaptureLimits {
  /** How many pointers, slices, maps and interfaces are followed from a value, one behind the other. */
  readonly depth: number;
  /** Elements of a slice, entries (about) of a map. */
  readonly elements: number;
  /** Bytes of a string. */
  readonly stringBytes: number;
  /** Bytes of one event's record. */
  readonly eventBytes: number;
  /** References that are looked at in one event: bounds the program's running time. */
  readonly references: number;
}

export const defaultLimits: CaptureLimits = {
  depth: 5,
  elements: 64,
  stringBytes: 512,
  eventBytes: 12_288,
  references: 512,
};

/** Parts of the runtime's own data structures, which are followed by rules of their own (see `table.ts`). */
export type RuntimeRole = 'hmap' | 'swiss' | 'groups' | 'hchan';

export interface GraphField {
  readonly name: string;
  readonly offset: number;
  /** Index of a type, as everywhere below. */
  readonly type: number;
  /** On the redaction list: never captured. */
  readonly redacted?: true;
}

/** A Go type as data: what the table in the kernel and the decoder are made from. Types refer to each other by index. */
export type GraphType = { readonly name: string; readonly size: number; readonly redacted?: true } & (
  | { readonly kind: 'bool' | 'int' | 'uint' | 'float' | 'complex' | 'string' | 'address' }
  | { readonly kind: 'pointer'; readonly elem: number }
  | { readonly kind: 'slice'; readonly elem: number }
  | { readonly kind: 'array'; readonly elem: number; readonly count: number }
  | { readonly kind: 'struct'; readonly fields: readonly GraphField[]; readonly role?: RuntimeRole }
  | { readonly kind: 'interface'; readonly empty: boolean }
  /** `header`: the struct that it points to. */
  | { readonly kind: 'map'; readonly header: number; readonly key: number; readonly elem: number }
  | { readonly kind: 'chan'; readonly header: number; readonly elem: number }
  | { readonly kind: 'func' }
  /** Not looked into; `why` in words. */
  | { readonly kind: 'unknown'; readonly why: string }
);

/** The types that values of one tracepoint may be made of. Plain data; the first one is `byte`. */
export interface TypeGraph {
  readonly types: readonly GraphType[];
  /** Type → byte offset of its header in the kernel's table. */
  readonly entries: readonly number[];
  /** Types that interfaces may hold: the descriptor's address in the file, and the type. */
  readonly dynamic: readonly { readonly address: number; readonly type: number }[];
  readonly limits: CaptureLimits;
}

/** Is a value of the type in an interface's data word itself? Else the word points to it (cmd/compile/internal/types, IsDirectIface). */
export function isDirect(types: readonly GraphType[], index: number): boolean {
  return directPart(types, index) !== undefined;
}

/** The pointer-shaped type that a direct value consists of: itself, or its only field or element. */
export function directPart(types: readonly GraphType[], index: number): number | undefined {
  let at = index;
  for (let nesting = 0; nesting < 100; nesting++) {
    const type = types[at]!;
    switch (type.kind) {
      case 'pointer':
      case 'map':
      case 'chan':
      case 'func':
        return at;
      case 'address':
        return at;
      case 'array':
        if (type.count !== 1) return undefined;
        at = type.elem;
        break;
      case 'struct': {
        const only = type.fields[0];
        if (type.fields.length !== 1 || only === undefined) return undefined;
        at = only.type;
        break;
      }
      default:
        return undefined;
    }
  }
  return undefined;
}
