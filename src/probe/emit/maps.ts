import type { MapSpec } from '#asm';
import { mostGroups } from '#model';
import { dynamicKeyBytes, dynamicValueBytes, type TypeTable } from '../graph/index.ts';
import { type PlannedProbe, stackBytes } from '../plan/index.ts';
import type { FilledMap, TracepointMaps } from '../types.ts';
import { estimateOffset, wokenOffset } from './control.ts';
import { leastRing, mapNames, smallestRing } from './frame.ts';
import { groupSizes } from './group-sizes.ts';
import { mostOpenCalls, openKeyBytes } from './open.ts';
import { selectionKeysName, selectionStateSize } from './select.ts';
import { bordersOf, withinName } from './within.ts';

/** Records of the largest size that the ring should hold, at least: 15 ms of a million hits a second, three times what the reader lets gather; large records get fewer, for a ring's pages count twice in the reader's memory. */
const ringRecords = 16_384;
const largestRing = 1 << 23;

/** What the rings of one tracepoint take together, in all its processes: from the fifth on they get less. */
const allRings = 4 * largestRing;
/** So many of its largest records a ring holds at the least. */
const fewestRecords = 64;

/** Bytes of the ring buffer's own header before each record (kernel/bpf/ringbuf.c, BPF_RINGBUF_HDR_SZ). */
const recordOverhead = 8;

/** Maps, in one of `processes` processes, for `probes` probes whose largest record has `recordBytes`, and whose values are of `types` (undefined: none is walked over). The ring's memory is the kernel's, charged when it is made. */
export function tracepointMaps(
  probes: number,
  recordBytes: number,
  {
    types,
    estimate = false,
    processes = 1,
    tables = [],
    others = [],
    shared = [],
  }: {
    readonly types?: TypeTable | undefined;
    readonly estimate?: boolean;
    readonly processes?: number;
    readonly tables?: readonly FilledMap[];
    readonly others?: readonly MapSpec[];
    readonly shared?: readonly MapSpec[];
  } = {},
): TracepointMaps {
  const record = recordBytes + recordOverhead;
  let size = smallestRing;
  while (size < ringRecords * record && size < largestRing) size *= 2;
  while (size * processes > allRings && size > leastRing && size / 2 >= fewestRecords * record) size /= 2;
  const ring: MapSpec = { name: mapNames.ring, type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: size };
  const values = estimate ? estimateOffset(probes, probes) : wokenOffset(probes) + 8;
  const controls: MapSpec = { name: mapNames.control, type: 'array', keySize: 4, valueSize: values, maxEntries: 1 };
  const filled = (all: readonly FilledMap[]) => ({ ring, control: controls, tables: all, others, shared });
  if (types === undefined) return filled(tables);
  const table: MapSpec = {
    name: mapNames.types,
    type: 'array',
    keySize: 4,
    valueSize: types.bytes.length,
    maxEntries: 1,
  };
  const common = filled([...tables, { spec: table, bytes: types.bytes }]);
  if (types.dynamic.length === 0) return common;
  const dynamic: MapSpec = {
    name: mapNames.dynamic,
    type: 'hash',
    keySize: dynamicKeyBytes,
    valueSize: dynamicValueBytes,
    maxEntries: types.dynamic.length,
  };
  return {
    ...common,
    dynamic: { spec: dynamic, entries: types.dynamic },
  };
}

/** Are the probe's returns sent of those calls only whose entries were? */
export function isTracked({ selection, dictionary, entry, return: exit, group }: PlannedProbe): boolean {
  const chosen = selection !== undefined || dictionary !== undefined || entry?.condition !== undefined;
  return group?.both ?? (chosen && entry !== undefined && exit !== undefined);
}

/** The map that calls are added up in: one of two like `inner` stands in `outer`. */
export function groupMaps(planned: readonly PlannedProbe[]): GroupMaps | undefined {
  const groups = planned.flatMap(({ group }) => group ?? []);
  if (groups.length === 0) return undefined;
  const { key, value, kept } = groupSizes(groups);
  return {
    outer: { name: mapNames.groups, type: 'array_of_maps', keySize: 4, valueSize: 4, maxEntries: 1 },
    inner: { name: 'group', type: 'percpu_hash', keySize: key, valueSize: value, maxEntries: mostGroups },
    kept,
  };
}

interface GroupMaps extends NonNullable<TracepointMaps['groups']> {
  readonly kept: number;
}

/** Keys of a `per` that are known at a time; the least used ones go first. */
const mostKeys = 16_384;

/** Different stacks that are parts of keys; those that are not seen any more go first. */
const mostStacks = 4096;

/** What the probes need of maps beside ring and control. */
export function callMaps(planned: readonly PlannedProbe[]): MapSpec[] {
  const maps: MapSpec[] = [];
  const kept = planned.some(({ group }) => group?.both === true) ? groupMaps(planned)!.kept : 8;
  if (planned.some(isTracked)) {
    maps.push({
      name: mapNames.open,
      type: 'lru_hash',
      keySize: openKeyBytes,
      valueSize: kept,
      maxEntries: mostOpenCalls,
    });
  }
  const stacks = planned
    .flatMap(({ group }) => group?.key.layout.slots ?? [])
    .filter(({ kind }) => kind === 'stack-id');
  if (stacks.length > 0) {
    const valueSize = stackBytes(Math.max(...stacks.map((slot) => (slot.kind === 'stack-id' ? slot.frames : 0))));
    maps.push(
      { name: mapNames.stacks, type: 'lru_hash', keySize: 8, valueSize, maxEntries: mostStacks },
      { name: mapNames.noStack, type: 'array', keySize: 4, valueSize, maxEntries: 1 },
    );
  }
  return maps;
}

/** What the probes (so many were written) need of maps that a tracepoint has once, for all of its processes: the counters of `first` and the like. */
export function selectionMaps(planned: readonly PlannedProbe[], written: number): MapSpec[] {
  const selections = planned.flatMap(({ selection }) => selection ?? []);
  if (selections.length === 0) return [];
  const valueSize = selectionStateSize * written;
  const counters: MapSpec = { name: mapNames.selection, type: 'array', keySize: 4, valueSize, maxEntries: 1 };
  const keys = selections.flatMap((selection): [string, MapSpec][] => {
    if (selection.per === undefined) return [];
    const name = selectionKeysName(selection);
    const keySize = selection.per.layout.size;
    return [[name, { name, type: 'lru_hash', keySize, valueSize: selectionStateSize, maxEntries: mostKeys }]];
  });
  return [counters, ...new Map(keys).values()];
}

/** The code that calls are within: a table for each probe as it was written. */
export function withinTables(planned: readonly PlannedProbe[]): FilledMap[] {
  const within = new Map(
    planned.flatMap(({ selection }) =>
      selection?.within === undefined ? [] : [[withinName(selection.counter), selection.within] as const],
    ),
  );
  return [...within].map(([name, ranges]) => {
    const bytes = new Uint8Array(bordersOf(ranges).buffer);
    return { spec: { name, type: 'array', keySize: 4, valueSize: bytes.length, maxEntries: 1 }, bytes };
  });
}
