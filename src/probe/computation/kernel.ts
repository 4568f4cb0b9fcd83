import type { Computation } from './tree.ts';

/** Longest text that the kernel compares with: its buffer on the stack. */
export const maxKernelText = 64;
/** Deepest nesting: each level keeps one word on the stack. */
export const maxKernelLevels = 24;

/**
 * Why the kernel cannot evaluate a computation, undefined: it can. `leaf` says so of a leaf. It has integers of 64 bits, comparisons of
 * floats by their bits, and texts only where they are compared with a constant.
 */
export function kernelRefusal<Leaf>(
  node: Computation<Leaf>,
  leaf: (leaf: Leaf) => string | undefined,
  level = 0,
): string | undefined {
  if (level >= maxKernelLevels) return 'it is nested too deep';
  const inner = (each: Computation<Leaf>, deeper = 1) => kernelRefusal(each, leaf, level + deeper);
  switch (node.op) {
    case 'leaf':
      return leaf(node.leaf);
    case 'constant':
    case 'address':
      return undefined;
    case 'unknown':
      return undefined;
    case 'zeroIfNil':
      return node.operand.op === 'leaf' ? leaf(node.operand.leaf) : 'only a value that is read may be missing';
    case 'negate':
      return node.type.kind === 'float' ? 'it computes with floating-point numbers' : inner(node.operand);
    case 'complement':
    case 'not':
      return inner(node.operand);
    case 'convert':
      return node.type.kind === 'float' || node.operand.type.kind === 'float'
        ? 'it converts floating-point numbers'
        : inner(node.operand);
    case 'slice':
    case 'length':
      return 'it cuts a string';
    case 'contains':
    case 'hasSuffix':
      return 'it searches in a string';
    case 'hasPrefix':
      return ofText(node.left, node.right, leaf);
    case '==':
    case '!=':
      if (node.left.type.kind === 'string') return ofText(node.left, node.right, leaf);
      return inner(node.left) ?? inner(node.right);
    case '<':
    case '<=':
    case '>':
    case '>=':
      if (node.left.type.kind === 'string') return 'it orders strings';
      return inner(node.left) ?? inner(node.right);
    case '&&':
    case '||':
      return inner(node.left, 0) ?? inner(node.right, 0);
    default:
      if (node.type.kind === 'float') return 'it computes with floating-point numbers';
      if (node.type.kind === 'string') return 'it joins strings';
      return inner(node.left) ?? inner(node.right);
  }
}

function ofText<Leaf>(
  left: Computation<Leaf>,
  right: Computation<Leaf>,
  leaf: (leaf: Leaf) => string | undefined,
): string | undefined {
  if (right.op !== 'constant' || left.op !== 'leaf') return 'it compares two strings that are read';
  const { value } = right;
  if (value instanceof Uint8Array && value.length > maxKernelText) {
    return `it compares with more than ${maxKernelText} bytes`;
  }
  return leaf(left.leaf);
}
