import { kernelRefusal } from '../computation/index.ts';
import type { ResolvedValue } from './resolved.ts';

const scalars: ReadonlySet<ResolvedValue['kind']> = new Set(['int', 'uint', 'bool', 'address'] as const);
const sources: ReadonlySet<ResolvedValue['kind']> = new Set(['stack', 'cpu', 'thread', 'goroutine'] as const);

/** Why the kernel cannot add values up; undefined: it can, or they are missing with a reason of their own. */
export function numberRefusal(value: ResolvedValue): string | undefined {
  if (value.kind === 'missing' || value.kind === 'float') return undefined;
  if (scalars.has(value.kind) && value.kind !== 'address') return undefined;
  if (value.kind !== 'computed') return 'it is no number';
  const { computation } = value;
  const { kind } = computation.type;
  if (kind === 'string') return 'it is no number';
  if (kind === 'float') return 'the kernel computes with integers only';
  const refusal = kernelRefusal(computation, (leaf) => {
    if (leaf.kind === 'missing') return leaf.reason;
    const isRead = scalars.has(leaf.kind) || leaf.kind === 'string' || leaf.kind === 'float';
    return isRead ? undefined : 'it looks into a captured value';
  });
  return refusal && `the kernel does not compute it: ${refusal}`;
}

/** Why the kernel cannot tell calls apart by a value; undefined: it can. */
export function keyRefusal(value: ResolvedValue): string | undefined {
  if (value.kind === 'string' || value.kind === 'address' || sources.has(value.kind)) return undefined;
  const refusal = numberRefusal(value);
  return refusal === 'it is no number' ? 'it is neither a number, a bool nor a string' : refusal;
}
