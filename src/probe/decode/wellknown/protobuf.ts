import { heldBy } from '../held.ts';
import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';
import { itsField, part } from './parts.ts';
import { durationText, rfc3339 } from './time.ts';

/** What a message's runtime keeps of its type is the same for all messages of the type: where it lies is enough. */
const messageState: WellKnown = (renderer, type, place) => {
  const info = renderer.field(type, place, 'atomicMessageInfo');
  if (info === undefined) return undefined;
  const address = word(renderer.view, info.place.at);
  return address === 0 ? 'null' : `"0x${address.toString(16)}"`;
};

/** `google.protobuf.Timestamp` in RFC 3339, `Duration` as Go writes it. */
const instant =
  (write: (seconds: bigint, nanoseconds: bigint) => string | undefined): WellKnown =>
  (renderer, type, place) => {
    const [seconds, nanos] = [part(renderer, type, place, 'Seconds'), part(renderer, type, place, 'Nanos')];
    if (!seconds || !nanos) return undefined;
    const rest = renderer.int(nanos.place.at, 4);
    if (rest <= -1_000_000_000n || rest >= 1_000_000_000n) return undefined;
    const text = write(renderer.int(seconds.place.at, 8), rest);
    return text && JSON.stringify(text);
  };

/** The one value that a `structpb.Value` has: that of the struct in its oneof. */
const oneOf: WellKnown = (renderer, type, place, path) => {
  const kind = part(renderer, type, place, 'Kind');
  const held = kind && heldBy(renderer, false, kind.place);
  if (kind === undefined || (held !== undefined && held.index === undefined)) return undefined;
  if (held?.index === undefined || held.data.kind === 'none') return held === undefined ? 'null' : undefined;
  const struct = renderer.pointee(held.index, held.data.place);
  const fields = struct && renderer.type(struct.type);
  if (!struct || fields?.kind !== 'struct') return undefined;
  const [own] = fields.fields;
  if (own?.name === 'NullValue') return 'null';
  return own && renderer.value(own.type, { ...struct.place, at: struct.place.at + own.offset }, path);
};

const types = 'google.golang.org/protobuf/types/known/';
const wrappers = ['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes'];

export const protobuf: Readonly<Record<string, WellKnown>> = {
  'google.golang.org/protobuf/internal/impl.MessageState': messageState,
  [`${types}timestamppb.Timestamp`]: instant((seconds, rest) => (rest < 0n ? undefined : rfc3339(seconds, rest, 0))),
  [`${types}durationpb.Duration`]: instant((seconds, rest) => durationText(seconds * 1_000_000_000n + rest)),
  [`${types}structpb.Struct`]: itsField('Fields'),
  [`${types}structpb.ListValue`]: itsField('Values'),
  [`${types}structpb.Value`]: oneOf,
  ...Object.fromEntries(wrappers.map((name) => [`${types}wrapperspb.${name}Value`, itsField('Value')])),
};
