import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';

/** What a message's runtime keeps of its type is the same for all messages of the type: where it lies is enough. */
const messageState: WellKnown = (renderer, type, place) => {
  const info = renderer.field(type, place, 'atomicMessageInfo');
  if (info === undefined) return undefined;
  const address = word(renderer.view, info.place.at);
  return address === 0 ? 'null' : `"0x${address.toString(16)}"`;
};

export const protobuf: Readonly<Record<string, WellKnown>> = {
  'google.golang.org/protobuf/internal/impl.MessageState': messageState,
};
