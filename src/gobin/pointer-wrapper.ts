import { receiverOf } from './names.ts';
import type { Pclntab } from './pclntab.ts';
import { type DecodedCode, flow, type GoFunction } from './types.ts';

/**
 * What the compiler has made of a method of values, `main.T.M`, for pointers and interfaces: `main.(*T).M`, if that has the method's code in itself and does not call it. Then each of its calls is one of the method, of which
 * nothing else may be left (`return 404`). Undefined: there is none.
 */
export function pointerWrapper(
  name: string,
  table: Pclntab,
  code: (fn: GoFunction) => DecodedCode,
): GoFunction | undefined {
  if (name.includes('[')) return undefined;
  const { package: path, receiver, rest } = receiverOf(name);
  if (receiver === undefined || receiver.startsWith('*')) return undefined;
  const index = table.findByName(`${path}.(*${receiver}).${rest}`).find((each) => table.wrapper(each));
  if (index === undefined) return undefined;
  const wrapper = table.function(index);
  const bodies = new Set<number>(table.findByName(name).map((each) => table.entry(each)));
  const { entry, flow: kinds, targets, count } = code(wrapper);
  for (let i = 0; i < count; i++)
    if ((kinds[i] === flow.call || kinds[i] === flow.jump) && bodies.has(entry + targets[i]!)) return undefined;
  return wrapper;
}
