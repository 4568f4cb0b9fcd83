import { bytesJson } from '../bytes.ts';
import type { GraphRenderer, Place } from '../graph.ts';
import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';
import { only, type Part } from './parts.ts';

/** The bytes from one place of a slice to another. */
function between(renderer: GraphRenderer, slice: Part, from: number, to: number, path: string): string {
  const size = Math.max(0, to - from);
  if (size === 0) return '""';
  const found = renderer.bytesOf(word(renderer.view, slice.place.at), to, slice.place.depth);
  if (typeof found === 'string') return renderer.missing(path, found);
  const bytes = found.bytes.subarray(Math.min(from, found.bytes.length));
  if (bytes.length === 0)
    return renderer.missing(path, `it begins behind the bytes that were read (${renderer.limit('stringBytes')})`);
  if (bytes.length < size) renderer.notes.add(path, renderer.cut(size, bytes.length, 'bytes'));
  return bytesJson(bytes, bytes.length < size);
}

const count = (renderer: GraphRenderer, { place }: Part) => word(renderer.view, place.at);

/** What is still to be read: its `String()`. */
const buffer: WellKnown = (renderer, type, place, path) => {
  const [buf, off] = ['buf', 'off'].map((name) => renderer.field(type, place, name));
  if (!buf || !off) return undefined;
  const length = word(renderer.view, buf.place.at + 8);
  return between(renderer, buf, count(renderer, off), length, path);
};

/** Its text: `String()`. */
const builder: WellKnown = (renderer, type, place, path) => {
  const buf = renderer.field(type, place, 'buf');
  return buf && between(renderer, buf, 0, word(renderer.view, buf.place.at + 8), path);
};

/** `{"buffered":"…",…}`: what was read ahead, or is still to be written, then the fields named. */
function buffered(from: string | undefined, to: string, others: readonly string[]): WellKnown {
  return (renderer, type, place, path) => {
    const [buf, end] = ['buf', to].map((name) => renderer.field(type, place, name));
    const start = from === undefined ? undefined : renderer.field(type, place, from);
    if (!buf || !end || (from !== undefined && !start)) return undefined;
    const inner = between(renderer, buf, start ? count(renderer, start) : 0, count(renderer, end), `${path}.buffered`);
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
