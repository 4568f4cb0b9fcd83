import type { GroupPlan } from '../plan/index.ts';
import { frame } from './frame.ts';
import { workBytes } from './work-bytes.ts';

/** Sizes that all groups of a tracepoint share, in bytes: they have one map. */
export interface GroupSizes {
  readonly key: number;
  readonly value: number;
  /** What an entry keeps for its return. */
  readonly kept: number;
  /** What values are computed in, and then what a new entry begins with. */
  readonly work: number;
}

export function groupSizes(groups: readonly GroupPlan[]): GroupSizes {
  const most = (of: (group: GroupPlan) => number) => Math.max(0, ...groups.map(of));
  const key = most(({ layout }) => layout.key.size);
  const value = most(({ layout }) => layout.valueBytes);
  return {
    key,
    value,
    kept: 8 + key + most(({ values }) => values.layout.size),
    work: Math.max(
      value,
      most((group) => workBytes([...group.key.sources, ...group.values.sources])),
    ),
  };
}

/** Bytes of a program's stack (MAX_BPF_STACK). */
const stackBytes = 512;

/** Why programs have no room for all of it on their stack; undefined: they have. */
export function tooLarge({ kept, work }: GroupSizes): string | undefined {
  const room = stackBytes + frame.keys;
  if (kept + work <= room) return undefined;
  return `keys and aggregates take ${kept + work} bytes of the kernel's stack, which has ${room}: name fewer, or simpler expressions`;
}
