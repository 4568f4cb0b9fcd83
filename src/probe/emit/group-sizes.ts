import type { GroupPlan } from '../plan/index.ts';

/** Sizes that all groups of a tracepoint share, in bytes: they have one map. */
export interface GroupSizes {
  readonly key: number;
  readonly value: number;
  /** What an entry keeps for its return. */
  readonly kept: number;
}

export function groupSizes(groups: readonly GroupPlan[]): GroupSizes {
  const most = (of: (group: GroupPlan) => number) => Math.max(0, ...groups.map(of));
  const key = most(({ layout }) => layout.key.size);
  return {
    key,
    value: most(({ layout }) => layout.valueBytes),
    kept: 8 + key + most(({ values }) => values.layout.size),
  };
}
