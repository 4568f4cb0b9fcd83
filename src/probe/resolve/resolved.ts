import type { GoFunction, GoSignature, GoVariable } from '#gobin';
import type { Column } from '#model';

/**
 * How to reach bytes: from byte `offset` of a variable's value, then for each hop: take the 8 bytes found there as a pointer
 * and go to `hop` bytes behind where it points.
 */
export interface Access {
  readonly variable: GoVariable;
  readonly offset: number;
  readonly hops: readonly number[];
}

/** What a column, or a part of one, is made of. */
export type ResolvedValue =
  /** An integer, bool, float in memory or address of `size` bytes. */
  | {
      readonly kind: 'int' | 'uint' | 'bool' | 'address' | 'float';
      readonly access: Access;
      readonly size: number;
      /** A `time.Duration` that is a part of JSON. */
      readonly duration?: true;
    }
  /** Anything else, with what it refers to: `type` is its index in the tracepoint's type graph, `name` its type's. */
  | {
      readonly kind: 'graph';
      readonly access: Access;
      readonly size: number;
      readonly type: number;
      readonly name: string;
    }
  /** A string header (pointer, length), 16 bytes. */
  | { readonly kind: 'string'; readonly access: Access }
  | { readonly kind: 'object'; readonly fields: readonly { readonly name: string; readonly value: ResolvedValue }[] }
  | { readonly kind: 'missing'; readonly reason: string };

export type ResolvedColumn =
  | { readonly column: Column; readonly from: 'entry' | 'return'; readonly value: ResolvedValue }
  | { readonly column: Column; readonly from: 'latency' | 'outcome' };

/** A probe against one binary: its function is there, every expression has a type and a way to its bytes. */
export interface ResolvedProbe {
  readonly function: GoFunction;
  readonly signature: GoSignature;
  readonly inlinedCopies: number;
  readonly columns: readonly ResolvedColumn[];
}
