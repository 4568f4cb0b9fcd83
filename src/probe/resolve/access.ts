import type { GoVariable, PackageVariable } from '#gobin';
import type { Access, Guard, ResolvedValue } from './resolved.ts';

export function startOf(variable: GoVariable | PackageVariable): Access {
  return { variable, offset: 0, hops: 'byReference' in variable && variable.byReference === true ? [0] : [] };
}

/** Bytes that lie `by` bytes on in the same object. */
export function moved(access: Access, by: number): Access {
  const { hops } = access;
  const last = hops.at(-1);
  if (last === undefined) return { ...access, offset: access.offset + by };
  const next = typeof last === 'number' ? last + by : { ...last, offset: last.offset + by };
  return { ...access, hops: [...hops.slice(0, -1), next] };
}

/** What the pointer at `access` points to, `offset` bytes on. */
export function hop(access: Access, offset: number): Access {
  return { ...access, hops: [...access.hops, offset] };
}

/** Element `index` of elements of `stride` bytes each, the first of which is at `access`. */
export function element(access: Access, index: IndexHop['index'], stride: number): Access {
  return { ...access, hops: [...access.hops, { index, stride, offset: 0 }] };
}

type IndexHop = Exclude<Access['hops'][number], number>;

export function guarded(access: Access, guard: Guard<ResolvedValue>): Access {
  return { ...access, guards: [...(access.guards ?? []), guard] };
}
