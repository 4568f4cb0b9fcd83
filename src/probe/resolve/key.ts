import { kernelRefusal } from '../computation/index.ts';
import type { ColumnForm } from './leaf.ts';
import type { ResolvedValue } from './resolved.ts';

/** The id of what a probe cannot add up in the kernel, and the agent could of rows. */
export const notInKernel = 'probe.not-in-kernel';

/** Why a value is no number to be added up, or no key, for the kernel. `anywhere`: nor for rows. */
export interface Refusal {
  readonly why: string;
  readonly anywhere: boolean;
}

const scalars: ReadonlySet<ResolvedValue['kind']> = new Set(['int', 'uint', 'bool', 'float'] as const);
const others: ReadonlySet<ResolvedValue['kind']> = new Set([
  ...(['missing', 'string', 'address', 'stack', 'cpu', 'thread', 'goroutine'] as const),
]);

/** Why the kernel cannot add values up; undefined: it can, or they are missing with a reason of their own. */
export function numberRefusal(value: ResolvedValue, { type }: ColumnForm): Refusal | undefined {
  if (value.kind === 'missing') return undefined;
  if (type !== 'INT64' && type !== 'FLOAT64' && type !== 'BOOLEAN') return { why: 'it is no number', anywhere: true };
  return scalars.has(value.kind) ? undefined : computedRefusal(value);
}

/** Why the kernel cannot tell calls apart by a value; undefined: it can. */
export function keyRefusal(value: ResolvedValue): Refusal | undefined {
  return scalars.has(value.kind) || others.has(value.kind) ? undefined : computedRefusal(value);
}

function computedRefusal(value: ResolvedValue): Refusal | undefined {
  const refused = (why: string) => ({ why, anywhere: false });
  if (value.kind === 'part') return refused('it is looked up in what was captured');
  if (value.kind !== 'computed') return refused('it is neither a number, a bool nor a string');
  const { computation } = value;
  const { kind } = computation.type;
  if (kind === 'string') return refused('it is a text that is computed');
  if (kind === 'float') return refused('the kernel computes with integers only');
  const refusal = kernelRefusal(computation, (leaf) => {
    if (leaf.kind === 'missing') return leaf.reason;
    return scalars.has(leaf.kind) || leaf.kind === 'string' || leaf.kind === 'address'
      ? undefined
      : 'it looks into a captured value';
  });
  return refusal === undefined ? undefined : refused(`the kernel does not compute it: ${refusal}`);
}
