import type { GraphRenderer, Place } from '../graph.ts';
import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';

/** `net.IP`: nothing, 4 or 16 bytes. */
const ip: WellKnown = (renderer, _, place) => {
  const address = word(renderer.view, place.at);
  const length = word(renderer.view, place.at + 8);
  if (address === 0 || length === 0) return undefined;
  const chunk = renderer.bytesChunk(address);
  if (chunk === undefined || chunk.end - chunk.start < length) return undefined;
  const bytes = renderer.bytes.subarray(chunk.start, chunk.start + length);
  if (length === 4) return `"${bytes.join('.')}"`;
  if (length !== 16) return undefined;
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? `"${bytes.subarray(12).join('.')}"` : `"${ipv6(bytes)}"`;
};

/** `netip.Addr`: 128 bits, and which family by the handle of its zone. */
const addr: WellKnown = (renderer, type, place, path) => {
  const text = addrText(renderer, type, place, path);
  return text === undefined ? undefined : JSON.stringify(text);
};

function addrText(renderer: GraphRenderer, type: number, place: Place, path: string): string | undefined {
  const bits = renderer.field(type, place, 'addr');
  const zone = renderer.field(type, place, 'z');
  const [hi, lo] = ['hi', 'lo'].map((name) => bits && renderer.field(bits.type, bits.place, name));
  if (!bits || !zone || !hi || !lo) return undefined;
  const handle = word(renderer.view, zone.place.at);
  if (handle === 0) return 'invalid IP';
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, renderer.uint(hi.place.at, 8));
  view.setBigUint64(8, renderer.uint(lo.place.at, 8));
  const family = familyOf(renderer, zone, path);
  if (family === 4) return bytes.subarray(12).join('.');
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (family === 6) return mapped ? `::ffff:${bytes.subarray(12).join('.')}` : ipv6(bytes);
  return undefined;
}

/** The zone's handle leads to `addrDetail{isV6, zoneV6}` (Go 1.23 and later); an address with a zone shows its fields. */
function familyOf(
  renderer: GraphRenderer,
  zone: { readonly type: number; readonly place: Place },
  _path: string,
): 4 | 6 | undefined {
  const value = renderer.field(zone.type, zone.place, 'value');
  const pointer = value && renderer.type(value.type);
  if (!value || pointer?.kind !== 'pointer') return undefined;
  const chunk = renderer.reach(word(renderer.view, value.place.at), pointer.elem, value.place.depth, 1);
  if (typeof chunk === 'string') return undefined;
  const place = { at: chunk.start, end: chunk.end, depth: chunk.depth };
  const isV6 = renderer.field(pointer.elem, place, 'isV6');
  const zoneName = renderer.field(pointer.elem, place, 'zoneV6');
  if (!isV6 || !zoneName || zoneName.place.at + 16 > place.end) return undefined;
  if (renderer.bytes[isV6.place.at] === 0) return 4;
  return word(renderer.view, zoneName.place.at + 8) === 0 ? 6 : undefined;
}

/** RFC 5952: the longest run of zero groups, if longer than one, is `::`. */
function ipv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (best.start < 0) return text(0, 8);
  return `${text(0, best.start)}::${text(best.start + best.length, 8)}`;
}

/** `url.URL` as its String would have it; one with user info or an odd form shows its fields. */
const url: WellKnown = (renderer, type, place, path) => {
  const text = (name: string): string | undefined => {
    const found = renderer.field(type, place, name);
    if (found === undefined || found.place.at + 16 > found.place.end) return undefined;
    const before = renderer.notes.mark();
    const value = renderer.text(found.place, `${path}.${name}`);
    return renderer.notes.mark() === before ? value : undefined;
  };
  const user = renderer.field(type, place, 'User');
  const [scheme, opaque, host, rawPath, plainPath, query, fragment] = [
    'Scheme',
    'Opaque',
    'Host',
    'RawPath',
    'Path',
    'RawQuery',
    'RawFragment',
  ].map(text);
  const plainFragment = text('Fragment');
  const all = [scheme, opaque, host, rawPath, plainPath, query, fragment, plainFragment];
  if (!user || word(renderer.view, user.place.at) !== 0 || all.includes(undefined) || opaque !== '') return undefined;
  // What needs an encoding of ours is left to the fields.
  const way = rawPath === '' ? plainPath! : rawPath!;
  const anchor = fragment === '' ? plainFragment! : fragment!;
  const plain = /^[A-Za-z0-9\-._~$&+,/:;=@!'()*%]*$/;
  if (!plain.test(way) || !plain.test(anchor) || (rawPath === '' && way.includes('%'))) return undefined;
  if (host !== '' && way !== '' && !way.startsWith('/')) return undefined;
  const begin = `${scheme === '' ? '' : `${scheme}:`}${scheme !== '' || host !== '' ? (host !== '' || way.startsWith('//') ? `//${host}` : '') : ''}`;
  return JSON.stringify(`${begin}${way}${query === '' ? '' : `?${query}`}${anchor === '' ? '' : `#${anchor}`}`);
};

export const nets: Readonly<Record<string, WellKnown>> = { 'net.IP': ip, 'net/netip.Addr': addr, 'net/url.URL': url };
