import type { GraphType } from '../../graph/index.ts';
import type { GraphRenderer, Place } from '../graph.ts';
import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';
import { only } from './parts.ts';

/** Seconds from year 1 to 1970, and to 1885 (time/time.go: unixToInternal, wallToInternal). */
const unixToInternal = 62_135_596_800n;
const wallToInternal = 59_453_308_800n;
const second = 1_000_000_000n;
const nanosecondMask = (1n << 30n) - 1n;

/** `"1.5s"`, as `Duration.String` has it: exact. */
const duration: WellKnown = (renderer, _, place) => `"${durationText(renderer.int(place.at, 8))}"`;

/** RFC 3339 with nanoseconds and offset; with a monotonic reading: `{"time":…,"monotonic_ns":…}`. */
export const time: WellKnown = (renderer, type, place, path) => {
  const [wallPlace, extPlace, locPlace] = ['wall', 'ext', 'loc'].map((name) => renderer.field(type, place, name));
  if (!wallPlace || !extPlace || !locPlace) return undefined;
  const wall = renderer.uint(wallPlace.place.at, 8);
  const ext = renderer.int(extPlace.place.at, 8);
  const monotonic = wall >> 63n !== 0n;
  const internal = monotonic ? wallToInternal + ((wall << 1n) & ((1n << 64n) - 1n)) / (1n << 31n) : ext;
  const seconds = internal - unixToInternal;
  const zone = offsetAt(renderer, locPlace, seconds);
  const text = rfc3339(seconds, wall & nanosecondMask, typeof zone === 'string' ? 0 : zone);
  if (text === undefined) return undefined;
  if (typeof zone === 'string') renderer.notes.add(path, `shown in UTC: ${zone}`);
  return monotonic ? `{"time":"${text}","monotonic_ns":${ext}}` : `"${text}"`;
};

/** Is it `type Stamp time.Time`? It has the fields of that, which no other package can have. */
export function isMadeOfTime(type: GraphType, types: readonly GraphType[]): boolean {
  if (type.kind !== 'struct' || type.fields.length !== 3) return false;
  const [wall, ext, loc] = type.fields;
  return wall!.name === 'wall' && ext!.name === 'ext' && types[loc!.type]!.name === '*time.Location';
}

/** Nanoseconds since 1970 at a `*time.Location`. */
export function instantText(
  renderer: GraphRenderer,
  loc: { readonly type: number; readonly place: Place },
  nanoseconds: bigint,
  path: string,
): string | undefined {
  const rest = ((nanoseconds % second) + second) % second;
  const seconds = (nanoseconds - rest) / second;
  const zone = offsetAt(renderer, loc, seconds);
  const text = rfc3339(seconds, rest, typeof zone === 'string' ? 0 : zone);
  if (text === undefined) return undefined;
  if (typeof zone === 'string') renderer.notes.add(path, `shown in UTC: ${zone}`);
  return `"${text}"`;
}

/** By its name; one without (the local zone before it is looked up) by its fields. */
const location: WellKnown = (renderer, type, place) => {
  const name = renderer.field(type, place, 'name');
  const text = name && renderer.wholeText(name.place);
  return text ? JSON.stringify(text) : undefined;
};

export const times: Readonly<Record<string, WellKnown>> = {
  'time.Time': time,
  'time.Duration': duration,
  'time.Location': location,
  'time.Timer': only(['C']),
  'time.Ticker': only(['C']),
  'log/slog.timeTime': time,
};

const lost = 'the offset of its zone was not captured';

/** Seconds east of UTC: nil is UTC; else the zone that the Location keeps for its present time, if that covers this one. A text: why it is not known. */
function offsetAt(
  renderer: GraphRenderer,
  loc: { readonly type: number; readonly place: Place },
  seconds: bigint,
): number | string {
  const address = word(renderer.view, loc.place.at);
  if (address === 0) return 0;
  const location = renderer.pointee(loc.type, loc.place);
  if (location === undefined) return lost;
  const { type, place } = location;
  const [name, zones, start, end, zone] = ['name', 'zone', 'cacheStart', 'cacheEnd', 'cacheZone'].map((field) =>
    renderer.field(type, place, field),
  );
  if (!name || !zones || !start || !end || !zone || zone.place.at + 8 > place.end) return lost;
  // Without zones it is UTC; `time.Local` has neither name nor zones until the process first asks for its zone.
  if (word(renderer.view, zones.place.at + 8) === 0) {
    return word(renderer.view, name.place.at + 8) === 0 ? 'the process has not looked up its local zone yet' : 0;
  }
  if (seconds < renderer.int(start.place.at, 8) || seconds >= renderer.int(end.place.at, 8)) {
    return 'its zone has another offset today, that of this date was not captured';
  }
  const found = renderer.pointee(zone.type, zone.place);
  const offset = found && renderer.field(found.type, found.place, 'offset');
  return offset === undefined ? lost : Number(renderer.int(offset.place.at, 8));
}

/** Undefined for years that RFC 3339 does not have. */
export function rfc3339(seconds: bigint, nanoseconds: bigint, offset: number): string | undefined {
  const local = Number(seconds) + offset;
  const date = new Date(local * 1000);
  const year = date.getUTCFullYear();
  // NaN too.
  if (!(year >= 0 && year <= 9999) || Math.abs(offset) >= 86_400 || offset % 60 !== 0) return undefined;
  const whole = date.toISOString().slice(0, 19);
  const fraction = nanoseconds === 0n ? '' : `.${nanoseconds.toString().padStart(9, '0').replace(/0+$/, '')}`;
  if (offset === 0) return `${whole}${fraction}Z`;
  const minutes = Math.abs(offset) / 60;
  const two = (value: number) => String(value).padStart(2, '0');
  return `${whole}${fraction}${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** `Duration.String` (time/time.go): `1h0m0.5s`, `1.5ms`, `0s`. */
export function durationText(value: bigint): string {
  if (value === 0n) return '0s';
  const sign = value < 0n ? '-' : '';
  const whole = value < 0n ? -value : value;
  const decimal = (units: bigint, unit: bigint): string => {
    const rest = units % unit;
    const digits = String(unit).length - 1;
    return `${units / unit}${rest === 0n ? '' : `.${rest.toString().padStart(digits, '0').replace(/0+$/, '')}`}`;
  };
  if (whole < 1_000n) return `${sign}${whole}ns`;
  if (whole < 1_000_000n) return `${sign}${decimal(whole, 1_000n)}µs`;
  if (whole < 1_000_000_000n) return `${sign}${decimal(whole, 1_000_000n)}ms`;
  const seconds = decimal(whole % 60_000_000_000n, 1_000_000_000n);
  const minutes = whole / 60_000_000_000n;
  if (minutes === 0n) return `${sign}${seconds}s`;
  if (minutes < 60n) return `${sign}${minutes}m${seconds}s`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}s`;
}
