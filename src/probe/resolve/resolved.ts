import type { Address } from '#base';
import type { DictionaryPlace, GoFunction, GoSignature, GoVariable, PackageVariable } from '#gobin';
import type { AggregateFunction, Column } from '#model';
import type { Computation } from '../computation/index.ts';
import type { CopyPlace, StackStart } from '../sites/index.ts';
import type { NumberKind, NumberText } from '../types.ts';

/** A number: take the 8 bytes found so far as a pointer, and go to so many bytes behind where it points. Else: go to an element, then `offset` bytes on. */
export type Hop<Leaf> =
  | number
  | { readonly index: Computation<Leaf>; readonly stride: number; readonly offset: number };

/** What must hold before bytes may be taken for what they are said to be, and what it means where it does not. */
export interface Guard<Leaf> {
  readonly check: Computation<Leaf>;
  readonly otherwise: 'outOfRange' | 'otherType';
}

/** Stands for the address of the goroutine's `runtime.g`. */
export interface CurrentGoroutine {
  readonly name: 'g';
  readonly goroutine: true;
}

/** How to reach bytes: from byte `offset` of a variable's value, by the hops in order, if all guards hold. */
export interface Access {
  readonly variable: GoVariable | PackageVariable | CurrentGoroutine;
  readonly offset: number;
  readonly hops: readonly Hop<ResolvedValue>[];
  readonly guards?: readonly Guard<ResolvedValue>[];
}

/** What a column, or a part of one, is made of. */
export type ResolvedValue =
  /** An integer, bool, float in memory or address of `size` bytes. */
  | {
      readonly kind: 'int' | 'uint' | 'bool' | 'address' | 'float';
      readonly access: Access;
      readonly size: number;
      /** Of a part of JSON. */
      readonly text?: NumberText;
      /** Names of constants of its type, by value in decimal. */
      readonly constants?: Readonly<Record<string, string>>;
    }
  /** Anything else, with what it refers to: `type` is its index in the tracepoint's type graph, `name` its type's. */
  | {
      readonly kind: 'graph';
      readonly access: Access;
      readonly size: number;
      readonly type: number;
      readonly name: string;
      /** JSON of what a nil pointer on the way to it means. */
      readonly none?: string;
      /** An error, whose text is wanted: empty for nil. */
      readonly error?: true;
    }
  /** Return addresses, innermost first; `one`: where the call comes from. `start`: of an inlined copy or a line. */
  | { readonly kind: 'stack'; readonly frames: number; readonly one?: true; readonly start?: StackStart }
  | { readonly kind: 'cpu' }
  | { readonly kind: 'thread' }
  /** How many events of the tracepoint have been dropped so far. */
  | { readonly kind: 'drops' }
  /** A word of the goroutine's `runtime.g`. `code`: it is an address in the program. */
  | { readonly kind: 'goroutine'; readonly offset: number; readonly code?: true }
  /** A string header (pointer, length), 16 bytes. */
  | { readonly kind: 'string'; readonly access: Access }
  /** What remains to be computed when its leaves have been captured. */
  | { readonly kind: 'computed'; readonly computation: Computation<ResolvedValue> }
  /** A part of a value of the graph, reached in what was captured of it: `part` is the index of its type. */
  | {
      readonly kind: 'part';
      readonly whole: Extract<ResolvedValue, { kind: 'graph' }>;
      readonly steps: readonly PartStep<ResolvedValue>[];
      readonly part: number;
    }
  | { readonly kind: 'object'; readonly fields: readonly { readonly name: string; readonly value: ResolvedValue }[] }
  /** `variable`: the one that is not there. */
  | { readonly kind: 'missing'; readonly reason: string; readonly variable?: string };

/** From a captured value to a part of it: a map's value by its key, an element, a field by its offset, what a pointer points to. `type`: the part's, in the graph. */
export type PartStep<Leaf> =
  | { readonly kind: 'key' | 'index'; readonly value: Computation<Leaf>; readonly type: number }
  | { readonly kind: 'field'; readonly offset: number; readonly type: number }
  | { readonly kind: 'pointer'; readonly type: number }
  | {
      readonly kind: 'slice';
      readonly low?: Computation<Leaf>;
      readonly high?: Computation<Leaf>;
      readonly type: number;
    };

/** What a condition looks at: a value at the entry or at the return, or a fact of the call's end. */
export type ConditionLeaf =
  | { readonly from: 'entry' | 'return'; readonly value: ResolvedValue }
  | { readonly from: 'latency' | 'outcome' };

export type ResolvedColumn =
  | { readonly column: Column; readonly from: 'entry' | 'return'; readonly value: ResolvedValue }
  | { readonly column: Column; readonly from: 'latency' | 'outcome' | 'panic' | TreePart }
  | { readonly column: Column; readonly from: 'place'; readonly part: keyof PlaceNames }
  | { readonly column: Column; readonly from: 'aggregate'; readonly aggregate: ResolvedAggregate }
  | { readonly column: Column; readonly from: 'log'; readonly parts: readonly ResolvedLogPart[] };

/** What a row says of its call's place in the tree of calls. */
export type TreePart = 'call-id' | 'parent-call-id' | 'own-time';

/** What a row says of where its call was seen. */
export interface PlaceNames {
  /** As in the source, without type arguments. */
  readonly function: string;
  /** Of a generic function: as its dictionary tells them, else the shapes that its code was made for (`go.shape.int`). Empty for others. */
  readonly typeArguments: string;
  /** The function whose code an inlined copy is part of; empty for a call. */
  readonly inlinedInto: string;
  /** For a column that has to be there. */
  readonly nothing: '';
}

/** What is added up of each call. `of` undefined: the call itself; `number`: how it is added and compared. */
export interface ResolvedAggregate {
  readonly function: AggregateFunction;
  readonly of?: { readonly from: 'latency' } | { readonly from: 'entry' | 'return'; readonly value: ResolvedValue };
  readonly number: NumberKind;
}

/** A piece of a log line. `text` of a value: what stands in the template. */
export type ResolvedLogPart =
  | { readonly from: 'text' | 'latency' | 'outcome' | 'panic'; readonly text: string }
  | { readonly from: 'entry' | 'return'; readonly text: string; readonly value: ResolvedValue };

/** start ≤ address < end. */
export interface CodeRange {
  readonly start: number;
  readonly end: number;
}

/** Which calls are kept, as `CallSelection`. */
export interface ResolvedSelection {
  /** Where the code lies that they are within: by address, none touching another. */
  readonly within?: readonly CodeRange[];
  readonly sample?: number;
  readonly rate?: number;
  readonly first?: number;
  readonly per?: ResolvedValue;
}

/** Which calls of a shape function a probe is of, by the pointer to the dictionary. Addresses of the file. */
export interface DictionaryTest {
  readonly place: DictionaryPlace;
  /** Those that have a probe of their own: one list for all probes of the function. */
  readonly known: readonly Address[];
  /** Undefined: none of them. */
  readonly is?: Address;
}

/** A probe against one binary: its function is there, every expression has a type and a way to its bytes. */
export interface ResolvedProbe {
  readonly function: GoFunction;
  readonly signature: GoSignature;
  readonly inlinedCopies: number;
  readonly names: PlaceNames;
  /** Why `names.typeArguments` are shapes, and values are shown as these tell. */
  readonly shapesOnly?: string;
  readonly dictionary?: DictionaryTest;
  /** It is an inlined copy in `function`'s stead: its sites are chosen already. */
  readonly copy?: CopyPlace;
  readonly columns: readonly ResolvedColumn[];
  /** Calls for which this is not true get no row. */
  readonly condition?: Computation<ConditionLeaf>;
  readonly calls?: ResolvedSelection;
}
