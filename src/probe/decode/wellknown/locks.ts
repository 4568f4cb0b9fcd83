import type { GraphRenderer, Place } from '../graph.ts';
import type { WellKnown } from './index.ts';
import { only } from './parts.ts';

/** `internal/sync.Mutex.state`: bit 0 locked, bit 1 woken, bit 2 starving, then the count of waiters. */
const waiterShift = 3n;
/** `sync.RWMutex.readerCount` less this while a writer is there or waits (sync/rwmutex.go). */
const rwmutexMaxReaders = 1n << 30n;

const mutex: WellKnown = (renderer, type, place) => {
  const state = deep(renderer, type, place, 'state');
  if (state === undefined) return undefined;
  return `{"locked":${(state & 1n) !== 0n},"waiters":${BigInt.asUintN(32, state) >> waiterShift}}`;
};

const rwmutex: WellKnown = (renderer, type, place) => {
  const count = deep(renderer, type, place, 'readerCount');
  const state = deep(renderer, type, place, 'w');
  if (count === undefined || state === undefined) return undefined;
  const writing = count < 0n;
  const readers = writing ? count + rwmutexMaxReaders : count;
  return `{"locked":${(state & 1n) !== 0n},"readers":${readers},"writer":${writing}}`;
};

/** The count is in the upper half of its state (but up to Go 1.19, where the place of the two depended on alignment). */
const waitGroup: WellKnown = (renderer, type, place) => {
  const found = renderer.field(type, place, 'state');
  if (found === undefined) return undefined;
  const state = deep(renderer, type, place, 'state');
  if (state === undefined) return undefined;
  // The highest bit of the lower half is a flag from Go 1.25 on.
  return `{"count":${BigInt.asIntN(32, state >> 32n)},"waiters":${state & 0x7fff_ffffn}}`;
};

const once: WellKnown = (renderer, type, place) => {
  const done = deep(renderer, type, place, 'done');
  return done === undefined ? undefined : `{"done":${done !== 0n}}`;
};

/** The lock, and how many wait (runtime/sema.go, notifyList). */
const cond: WellKnown = (renderer, type, place, path) => {
  const [locker, list] = ['L', 'notify'].map((name) => renderer.field(type, place, name));
  const [wait, notify] = ['wait', 'notify'].map((name) => list && deep(renderer, list.type, list.place, name));
  if (!locker || wait === undefined || notify === undefined) return undefined;
  const lock = renderer.value(locker.type, locker.place, `${path}.L`);
  return `{"L":${lock},"waiters":${BigInt.asUintN(32, wait - notify)}}`;
};

export const locks: Readonly<Record<string, WellKnown>> = {
  'sync.Mutex': mutex,
  'internal/sync.Mutex': mutex,
  'sync.RWMutex': rwmutex,
  'sync.WaitGroup': waitGroup,
  'sync.Once': once,
  'sync.Cond': cond,
  'sync.Pool': only(['New']),
};

/** The integer of a field, itself or inside structs that wrap it (`mu.state`, `readerCount.v`, `w.mu.state`). */
function deep(renderer: GraphRenderer, type: number, place: Place, name: string): bigint | undefined {
  let found = renderer.field(type, place, name) ?? inner(renderer, type, place, ['mu'], name);
  for (let nesting = 0; found !== undefined && nesting < 5; nesting++) {
    const { kind, size } = renderer.type(found.type);
    if (found.place.at + size > found.place.end) return undefined;
    if (kind === 'int') return renderer.int(found.place.at, size);
    if (kind === 'uint') return renderer.uint(found.place.at, size);
    const { type: outer, place: at } = found;
    found = ['v', 'state', 'mu'].map((each) => renderer.field(outer, at, each)).find((each) => each !== undefined);
  }
  return undefined;
}

function inner(renderer: GraphRenderer, type: number, place: Place, names: readonly string[], name: string) {
  for (const each of names) {
    const found = renderer.field(type, place, each);
    if (found !== undefined) return renderer.field(found.type, found.place, name);
  }
  return undefined;
}
