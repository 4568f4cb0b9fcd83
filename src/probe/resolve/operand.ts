/** What parts of expressions stand for. */
import type { GoType, TypeRef } from '#gobin';
import { boolean, type Computation, type Scalar, text as textType } from '../computation/index.ts';
import type { ConstantValue } from './constants.ts';
import type { Access, ConditionLeaf, PartStep, ResolvedValue } from './resolved.ts';

export type Side = 'entry' | 'return';

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

export type Value = Extract<Operand, { kind: 'value' }>;
export type Placed = Extract<Operand, { kind: 'place' }>;

/** `internal/abi.ITab.Type` */
export const itabType = 8;

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

/** What of a Go type has operators. */
export function scalarOf(type: GoType): Scalar | undefined {
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
