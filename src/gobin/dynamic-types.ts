import { address } from '#base';
import type { Elf } from '#elf';
import type { DebugInfo } from './debuginfo.ts';
import type { Descriptors } from './descriptors.ts';
import { typesStart } from './open-pclntab.ts';
import type { DynamicType } from './types.ts';

/**
 * Types that have a descriptor, those first that are in interfaces with methods (errors are), those last that debug info does not have: they are
 * as reflection knows them.
 */
export function findDynamicTypes(elf: Elf, debug: DebugInfo, descriptors: Descriptors): readonly DynamicType[] {
  const base = typesStart(elf);
  if (base === undefined) return [];
  const types = debug.runtimeTypes();
  const { inItabs, errors } = descriptors.linked();
  const order = new Set<number>(inItabs);
  for (const offset of types.keys()) order.add(base + offset);
  for (const descriptor of descriptors.reachable()) order.add(descriptor);
  return [...order].map((descriptor) => ({
    address: address(descriptor),
    type: types.get(descriptor - base) ?? descriptors.ref(address(descriptor)),
    direct: descriptors.isDirect(address(descriptor)),
    ...(errors.has(address(descriptor)) ? { isError: true as const } : {}),
  }));
}
