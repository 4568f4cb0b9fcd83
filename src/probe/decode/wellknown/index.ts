import type { GraphType } from '../../graph/index.ts';
import type { GraphRenderer, Place } from '../graph.ts';
import { atomics } from './atomic.ts';
import { bigs } from './big.ts';
import { contexts } from './context.ts';
import { fileModes } from './file-mode.ts';
import { labels } from './labels.ts';
import { lists } from './list.ts';
import { locks } from './locks.ts';
import { nets } from './net.ts';
import { itsField } from './parts.ts';
import { pointers } from './pointers.ts';
import { protobuf } from './protobuf.ts';
import { slogs } from './slog.ts';
import { sockets } from './sockets.ts';
import { spans } from './span.ts';
import { streams } from './streams.ts';
import { syncMaps } from './sync-map.ts';
import { isMadeOfTime, time, times } from './time.ts';
import { uuid } from './uuid.ts';

/** Writes a value of a type that engineers know by another form than its fields; undefined: show the fields after all. */
export type WellKnown = (renderer: GraphRenderer, type: number, place: Place, path: string) => string | undefined;

const known: ReadonlyMap<string, WellKnown> = new Map(
  [
    times,
    fileModes,
    locks,
    atomics,
    syncMaps,
    nets,
    sockets,
    streams,
    bigs,
    lists,
    pointers,
    contexts,
    spans,
    slogs,
    protobuf,
    labels,
    { 'regexp.Regexp': itsField('expr') },
  ].flatMap((family) => Object.entries(family)),
);

/** By the type's name, for generic types without their arguments; a type of one's own that was made of `time.Time` by its fields. */
export function wellKnown(type: GraphType, types: readonly GraphType[]): WellKnown | undefined {
  const { name } = type;
  const found = known.get(name);
  if (found !== undefined) return found;
  if (isMadeOfTime(type, types)) return time;
  if (/uuid/i.test(name)) return uuid;
  const generic = name.indexOf('[');
  return generic > 0 ? known.get(name.slice(0, generic)) : undefined;
}
