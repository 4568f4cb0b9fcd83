import { hex } from '../bytes.ts';
import type { GraphRenderer, Place } from '../graph.ts';
import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';

type Text = (renderer: GraphRenderer, type: number, place: Place) => string | undefined;

/** Bytes of a slice of bytes, where all of it was captured. */
function bytesOf(renderer: GraphRenderer, place: Place): Uint8Array | undefined {
  const address = word(renderer.view, place.at);
  const length = word(renderer.view, place.at + 8);
  if (address === 0 || length === 0) return new Uint8Array(0);
  const chunk = renderer.bytesChunk(address);
  if (chunk === undefined || chunk.end - chunk.start < length) return undefined;
  return renderer.bytes.subarray(chunk.start, chunk.start + length);
}

/** `net.IP`: 4 or 16 bytes. */
const ip: Text = (renderer, _, place) => {
  const bytes = bytesOf(renderer, place);
  if (bytes?.length === 4) return bytes.join('.');
  if (bytes?.length !== 16) return undefined;
  return isMapped(bytes) ? bytes.subarray(12).join('.') : ipv6(bytes);
};

/** `net.HardwareAddr` */
const hardware: Text = (renderer, _, place) => {
  const bytes = bytesOf(renderer, place);
  if (bytes === undefined || bytes.length === 0) return undefined;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
};

/** `net.IPMask`, in hexadecimal as its String has it. */
const mask: Text = (renderer, _, place) => {
  const bytes = bytesOf(renderer, place);
  return bytes === undefined || bytes.length === 0 ? undefined : hex(bytes, 0, bytes.length);
};

/** `net.IPNet`: one whose mask has no length shows its fields. */
const ipNet: Text = (renderer, type, place) => {
  const [address, bits] = [renderer.field(type, place, 'IP'), renderer.field(type, place, 'Mask')];
  if (!address || !bits) return undefined;
  const text = ip(renderer, address.type, address.place);
  const digits = Array.from(bytesOf(renderer, bits.place) ?? [], (byte) => byte.toString(2).padStart(8, '0')).join('');
  if (text === undefined || !/^1*0*$/.test(digits)) return undefined;
  // A network of the old kind: both in the form of 4 bytes.
  if (digits.length !== (text.includes(':') ? 128 : 32)) return undefined;
  return `${text}/${digits.lastIndexOf('1') + 1}`;
};

/** `net.TCPAddr`, `net.UDPAddr`: address, port, zone. */
const endpoint: Text = (renderer, type, place) => {
  const [address, port] = [renderer.field(type, place, 'IP'), renderer.field(type, place, 'Port')];
  const host = address && hostText(renderer, type, place, address);
  if (host === undefined || !port) return undefined;
  return `${host.includes(':') ? `[${host}]` : host}:${renderer.int(port.place.at, 8)}`;
};

/** `net.IPAddr` */
const ipAddr: Text = (renderer, type, place) => {
  const address = renderer.field(type, place, 'IP');
  return address && hostText(renderer, type, place, address);
};

function hostText(
  renderer: GraphRenderer,
  type: number,
  place: Place,
  address: { readonly type: number; readonly place: Place },
): string | undefined {
  const zone = renderer.field(type, place, 'Zone');
  const named = zone && renderer.wholeText(zone.place);
  const empty = bytesOf(renderer, address.place)?.length === 0;
  const text = empty ? '' : ip(renderer, address.type, address.place);
  if (text === undefined || named === undefined) return undefined;
  return named === '' ? text : `${text}%${named}`;
}

/** `net.UnixAddr` */
const unixAddr: Text = (renderer, type, place) => {
  const name = renderer.field(type, place, 'Name');
  return name && renderer.wholeText(name.place);
};

/** `netip.Addr`: 128 bits, and which family by the handle of its zone. */
const addr: Text = (renderer, type, place) => {
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
  const family = familyOf(renderer, zone);
  if (family === undefined) return undefined;
  if (family === 4) return bytes.subarray(12).join('.');
  const text = isMapped(bytes) ? `::ffff:${bytes.subarray(12).join('.')}` : ipv6(bytes);
  return family.zone === '' ? text : `${text}%${family.zone}`;
};

/** `netip.AddrPort` */
const addrPort: Text = (renderer, type, place) => {
  const [address, port] = [renderer.field(type, place, 'ip'), renderer.field(type, place, 'port')];
  const text = address && addr(renderer, address.type, address.place);
  if (text === undefined || !port) return undefined;
  if (text === 'invalid IP') return 'invalid AddrPort';
  return `${text.includes(':') ? `[${text}]` : text}:${renderer.uint(port.place.at, 2)}`;
};

/** `netip.Prefix` (Go 1.20 and later; before, it shows its fields). */
const prefix: Text = (renderer, type, place) => {
  const [address, bits] = [renderer.field(type, place, 'ip'), renderer.field(type, place, 'bitsPlusOne')];
  const text = address && addr(renderer, address.type, address.place);
  if (text === undefined || !bits) return undefined;
  const count = renderer.uint(bits.place.at, 1);
  return text === 'invalid IP' || count === 0n ? 'invalid Prefix' : `${text}/${count - 1n}`;
};

function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}

/** The zone's handle leads to `addrDetail{isV6, zoneV6}` (Go 1.23 and later). */
function familyOf(
  renderer: GraphRenderer,
  zone: { readonly type: number; readonly place: Place },
): 4 | { readonly zone: string } | undefined {
  const value = renderer.field(zone.type, zone.place, 'value');
  const detail = value && renderer.pointee(value.type, value.place);
  if (detail === undefined) return undefined;
  const isV6 = renderer.field(detail.type, detail.place, 'isV6');
  const zoneName = renderer.field(detail.type, detail.place, 'zoneV6');
  if (!isV6 || !zoneName || zoneName.place.at + 16 > detail.place.end) return undefined;
  if (renderer.bytes[isV6.place.at] === 0) return 4;
  const text = renderer.wholeText(zoneName.place);
  return text === undefined ? undefined : { zone: text };
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

const texts: Readonly<Record<string, Text>> = {
  'net.IP': ip,
  'net.IPMask': mask,
  'net.HardwareAddr': hardware,
  'net.IPNet': ipNet,
  'net.TCPAddr': endpoint,
  'net.UDPAddr': endpoint,
  'net.IPAddr': ipAddr,
  'net.UnixAddr': unixAddr,
  'net/netip.Addr': addr,
  'net/netip.AddrPort': addrPort,
  'net/netip.Prefix': prefix,
};

/** What `String()` of an address of `net` or `netip` would give; undefined for other types, and where a part was not captured. */
export function netText(renderer: GraphRenderer, type: number, place: Place): string | undefined {
  return texts[renderer.type(type).name]?.(renderer, type, place);
}

const asText: WellKnown = (renderer, type, place) => {
  const text = netText(renderer, type, place);
  return text && JSON.stringify(text);
};

export const nets: Readonly<Record<string, WellKnown>> = {
  ...Object.fromEntries(Object.keys(texts).map((name) => [name, asText])),
  'net/url.URL': url,
};
