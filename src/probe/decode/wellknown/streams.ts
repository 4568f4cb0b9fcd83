import type { GraphRenderer, Place } from '../graph.ts';
import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';
import { only, type Part } from './parts.ts';

const count = (renderer: GraphRenderer, { place }: Part) => word(renderer.view, place.at);

/** What is still to be read: its `String()`. */
const buffer: WellKnown = (renderer, type, place, path) => {
  const [buf, off] = ['buf', 'off'].map((name) => renderer.field(type, place, name));
  if (!buf || !off) return undefined;
  const length = word(renderer.view, buf.place.at + 8);
  return renderer.bytesBetween(buf.place, count(renderer, off), length, path);
};

/** Its text: `String()`. */
const builder: WellKnown = (renderer, type, place, path) => {
  const buf = renderer.field(type, place, 'buf');
  return buf && renderer.bytesBetween(buf.place, 0, word(renderer.view, buf.place.at + 8), path);
};

/** `{"buffered":"…",…}`: what was read ahead, or is still to be written, then the fields named. */
function buffered(from: string | undefined, to: string, others: readonly string[]): WellKnown {
  return (renderer, type, place, path) => {
    const [buf, end] = ['buf', to].map((name) => renderer.field(type, place, name));
    const start = from === undefined ? undefined : renderer.field(type, place, from);
    if (!buf || !end || (from !== undefined && !start)) return undefined;
    const inner = renderer.bytesBetween(
      buf.place,
      start ? count(renderer, start) : 0,
      count(renderer, end),
      `${path}.buffered`,
    );
    const rest = only(others)(renderer, type, place, path);
    return rest && `{"buffered":${inner},${rest.slice(1)}`;
  };
}

/** `strings.Reader`, `bytes.Reader`: all of it, and how much was read. */
const reader = (renderer: GraphRenderer, type: number, place: Place, path: string) =>
  only(['s', 'i'])(renderer, type, place, path);

export const streams: Readonly<Record<string, WellKnown>> = {
  'bytes.Buffer': buffer,
  'strings.Builder': builder,
  'strings.Reader': reader,
  'bytes.Reader': reader,
  'bufio.Reader': buffered('r', 'w', ['err', 'rd']),
  'bufio.Writer': buffered(undefined, 'n', ['err', 'wr']),
  'bufio.Scanner': buffered('start', 'end', ['token', 'done', 'err', 'r']),
};
