import { decodeUtf8 } from '#base';
import type { BinaryOperator } from '#goexpr';

/** What a computation may yield: Go's basic types by kind and width (bytes). A pointer is a `uint` of 8 bytes. */
export type Scalar =
  | { readonly kind: 'int' | 'uint'; readonly size: 1 | 2 | 4 | 8 }
  | { readonly kind: 'float'; readonly size: 4 | 8 }
  | { readonly kind: 'bool' }
  | { readonly kind: 'string' };

export const boolean: Scalar = { kind: 'bool' };
export const text: Scalar = { kind: 'string' };
export const word: Scalar = { kind: 'uint', size: 8 };
export const integer: Scalar = { kind: 'int', size: 8 };

export type TextOperator = 'hasPrefix' | 'hasSuffix' | 'contains';

/** A typed expression, down to what is read when the probe is hit (leaves). Operands of an arithmetic operator have its own type, those of a comparison each other's. */
export type Computation<Leaf> = { readonly type: Scalar } & (
  | { readonly op: 'leaf'; readonly leaf: Leaf }
  | { readonly op: 'constant'; readonly value: bigint | number | boolean | Uint8Array }
  /** An address of the file, at run time that plus the load bias. */
  | { readonly op: 'address'; readonly address: number }
  /** 0 where the operand cannot be read because a pointer is nil: the length of a nil map. */
  | { readonly op: 'zeroIfNil'; readonly operand: Computation<Leaf> }
  | { readonly op: 'negate' | 'complement' | 'not' | 'convert'; readonly operand: Computation<Leaf> }
  | {
      readonly op: BinaryOperator | TextOperator;
      readonly left: Computation<Leaf>;
      readonly right: Computation<Leaf>;
    }
  /** A part of a string. Bounds are integers. */
  | {
      readonly op: 'slice';
      readonly operand: Computation<Leaf>;
      readonly low: Computation<Leaf> | undefined;
      readonly high: Computation<Leaf> | undefined;
    }
  /** The length of a string that is itself computed. */
  | { readonly op: 'length'; readonly operand: Computation<Leaf> }
  /** Has no value that could be told, for a reason in words. */
  | { readonly op: 'unknown'; readonly reason: string }
);

/** The same computation over other leaves. */
export function mapLeaves<A, B>(node: Computation<A>, change: (leaf: A) => B): Computation<B> {
  const within = (inner: Computation<A>) => mapLeaves(inner, change);
  switch (node.op) {
    case 'leaf':
      return { op: 'leaf', type: node.type, leaf: change(node.leaf) };
    case 'constant':
    case 'address':
    case 'unknown':
      return node;
    case 'slice':
      return {
        ...node,
        operand: within(node.operand),
        low: node.low && within(node.low),
        high: node.high && within(node.high),
      };
    case 'zeroIfNil':
    case 'negate':
    case 'complement':
    case 'not':
    case 'convert':
    case 'length':
      return { ...node, operand: within(node.operand) };
    default:
      return { ...node, left: within(node.left), right: within(node.right) };
  }
}

export function leavesOf<Leaf>(node: Computation<Leaf>): Leaf[] {
  const found: Leaf[] = [];
  mapLeaves(node, (leaf) => found.push(leaf));
  return found;
}

/** The operands of a chain of `&&`, in order. */
export function conjuncts<Leaf>(node: Computation<Leaf>): Computation<Leaf>[] {
  return node.op === '&&' ? [...conjuncts(node.left), ...conjuncts(node.right)] : [node];
}

/** Joined by `&&`; undefined for none. */
export function conjunction<Leaf>(nodes: readonly Computation<Leaf>[]): Computation<Leaf> | undefined {
  return nodes.length === 0 ? undefined : nodes.reduce((left, right) => ({ op: '&&', type: boolean, left, right }));
}

/** For people (`px debug compile`). */
export function computationText<Leaf>(node: Computation<Leaf>, leafText: (leaf: Leaf) => string): string {
  const inner = (each: Computation<Leaf>) => computationText(each, leafText);
  switch (node.op) {
    case 'leaf':
      return leafText(node.leaf);
    case 'constant':
      return node.value instanceof Uint8Array ? JSON.stringify(decodeUtf8(node.value)) : `${node.value}`;
    case 'address':
      return `0x${node.address.toString(16)}`;
    case 'unknown':
      return `unknown (${node.reason})`;
    case 'zeroIfNil':
      return `(${inner(node.operand)} or 0)`;
    case 'negate':
      return `-${inner(node.operand)}`;
    case 'complement':
      return `^${inner(node.operand)}`;
    case 'not':
      return `!${inner(node.operand)}`;
    case 'convert':
      return `${scalarText(node.type)}(${inner(node.operand)})`;
    case 'length':
      return `len(${inner(node.operand)})`;
    case 'slice':
      return `${inner(node.operand)}[${node.low ? inner(node.low) : ''}:${node.high ? inner(node.high) : ''}]`;
    case 'hasPrefix':
    case 'hasSuffix':
    case 'contains':
      return `${node.op}(${inner(node.left)}, ${inner(node.right)})`;
    default:
      return `(${inner(node.left)} ${node.op} ${inner(node.right)})`;
  }
}

export function scalarText(type: Scalar): string {
  return 'size' in type ? `${type.kind}${type.size * 8}` : type.kind;
}
