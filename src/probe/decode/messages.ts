import type { GraphField, GraphType } from '../graph/index.ts';
import type { GraphRenderer, Place } from './graph.ts';
import { word } from './snapshot.ts';

/** Of a message of protobuf, what its runtime keeps in it is left out; of others, all fields. */
export function ownFields(
  renderer: GraphRenderer,
  { fields }: GraphType & { readonly kind: 'struct' },
  place: Place,
): readonly GraphField[] {
  const [first] = fields;
  const isMessage =
    first?.name === 'state' &&
    renderer.type(first.type).name === 'google.golang.org/protobuf/internal/impl.MessageState';
  if (!isMessage) return fields;
  return fields.filter(({ name, offset }) => {
    if (name === 'state' || name === 'sizeCache') return false;
    // Fields that the sender knows of and this program does not.
    return name !== 'unknownFields' || word(renderer.view, place.at + offset) !== 0;
  });
}
