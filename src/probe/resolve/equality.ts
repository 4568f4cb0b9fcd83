/** Comparison of structs and arrays, field by field. Answers undefined after a diagnostic. */
import type { TypeRef } from '#gobin';
import { boolean, type Computation, conjunction } from '../computation/index.ts';
import { moved } from './access.ts';
import { type Placed, scalarOf } from './operand.ts';
import type { ConditionLeaf } from './resolved.ts';
import { typeName } from './type-text.ts';
import type { Typing } from './typing.ts';

/** Most parts that are compared: each is read on both sides. */
const mostParts = 32;

/** How single values that have no operators are compared (pointers, interfaces); undefined: Go compares none of the kind. */
export type Identity = (left: Placed, right: Placed) => Computation<ConditionLeaf> | undefined;

/** Both of one type, a struct or an array: are all their parts equal? As in Go, blank fields do not count, and there is no `==` of slices, maps and funcs. */
export function equalParts(
  typing: Typing,
  left: Placed,
  right: Placed,
  text: string,
  identity: Identity,
): Computation<ConditionLeaf> | undefined {
  const { binary, graph } = typing.scope;
  const found: Computation<ConditionLeaf>[] = [];
  const none = (what: string) => typing.fail('probe.mismatched-types', `'${text}': ${what}`, ['compare its fields']);
  const at = (place: Placed, offset: number, type: TypeRef): Placed => ({
    ...place,
    type,
    access: moved(place.access, offset),
  });
  const visit = (a: Placed, b: Placed): boolean => {
    const type = binary.type(a.type);
    if (type.kind === 'struct') {
      return type.fields.every(({ name, offset, type: of }) => {
        if (name === '_') return true;
        if (graph.isRedacted(name, of)) return typing.redacted(name) !== undefined;
        return visit(at(a, offset, of), at(b, offset, of));
      });
    }
    if (type.kind === 'array') {
      const { elem, count } = type;
      if (count > mostParts) return none(`it has more than ${mostParts} parts`) !== undefined;
      const { size } = binary.type(elem);
      return Array.from({ length: count }, (_, i) => i * size).every((offset) =>
        visit(at(a, offset, elem), at(b, offset, elem)),
      );
    }
    if (found.length === mostParts) return none(`it has more than ${mostParts} parts`) !== undefined;
    if (scalarOf(type) === undefined) {
      const same = identity(a, b);
      if (same === undefined) return none(`values of type ${typeName(type)} are not compared`) !== undefined;
      found.push(same);
      return true;
    }
    const [x, y] = [typing.computed(a, text), typing.computed(b, text)];
    if (x === undefined || y === undefined) return false;
    found.push({ op: '==', type: boolean, left: x.computation, right: y.computation });
    return true;
  };
  if (!visit(left, right)) return undefined;
  return conjunction(found) ?? { op: 'constant', type: boolean, value: true };
}
