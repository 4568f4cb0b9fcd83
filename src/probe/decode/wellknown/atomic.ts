import type { WellKnown } from './index.ts';

/** What is in it. */
const content: WellKnown = (renderer, type, place, path) => {
  const found = renderer.field(type, place, 'v');
  return found && renderer.value(found.type, found.place, path);
};

const bool: WellKnown = (renderer, type, place) => {
  const found = renderer.field(type, place, 'v');
  return found && (renderer.uint(found.place.at, 4) === 0n ? 'false' : 'true');
};

export const atomics: Readonly<Record<string, WellKnown>> = {
  'sync/atomic.Bool': bool,
  'sync/atomic.Int32': content,
  'sync/atomic.Int64': content,
  'sync/atomic.Uint32': content,
  'sync/atomic.Uint64': content,
  'sync/atomic.Uintptr': content,
  'sync/atomic.Value': content,
  'sync/atomic.Pointer': content,
};
