import type { Scalar } from './plan.ts';

/** An operand longer than this is not written twice: what is made of it would grow with every function around it. */
const longest = 1000;

/**
 * The text that `write` makes of operands. Where it would repeat a long one, all are computed once and the text has their names
 * instead. The engine itself finds what a text of common length repeats.
 */
export function computedOnce(
  scalars: readonly Scalar[],
  operands: readonly string[],
  write: (operands: readonly string[]) => string,
): string {
  if (operands.every((text) => text.length <= longest)) return write(operands);
  const named = scalars.map((scalar, i) => (scalar.kind === 'constant' ? operands[i]! : `once_.v${i}`));
  const text = write(named);
  const repeats = named.some((name, i) => operands[i]!.length > longest && text.split(name).length > 2);
  // A lambda's body may not ask a table; what does so repeats nothing long.
  if (!repeats || text.includes('SELECT')) return write(operands);
  const values = named.flatMap((name, i) => (name === operands[i] ? [] : [`v${i} := ${operands[i]}`]));
  return `list_transform([struct_pack(${values.join(', ')})], lambda once_: ${text})[1]`;
}
