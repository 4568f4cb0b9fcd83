import type { GoType, TypeRef } from '#gobin';
import { Redaction, TypeGraphBuilder } from '#probe';

/** Types by reference: `type Node struct { Name string; Nums []int32; Next *Node; Any any; password string }`, and what belongs to it. */
export const testTypeRefs = { pointer: 1, node: 2, string: 3, slice: 4, int32: 5, any: 6, empty: 7 } as const;

const types: Readonly<Record<number, GoType>> = {
  1: { kind: 'pointer', name: '*main.Node', size: 8, elem: 2 },
  2: {
    kind: 'struct',
    name: 'main.Node',
    size: 80,
    fields: [
      { name: 'Name', offset: 0, type: 3, embedded: false },
      { name: 'Nums', offset: 16, type: 4, embedded: false },
      { name: 'Next', offset: 40, type: 1, embedded: false },
      { name: 'Any', offset: 48, type: 6, embedded: false },
      { name: 'password', offset: 64, type: 3, embedded: false },
    ],
  },
  3: { kind: 'string', name: 'string', size: 16 },
  4: { kind: 'slice', name: '[]int32', size: 24, elem: 5 },
  5: { kind: 'int', name: 'int32', size: 4 },
  6: { kind: 'interface', name: 'interface {}', size: 16, empty: true },
};

/** Descriptors of `int32` and `*main.Node` in the file. */
export const testDescriptors = { int32: 0x50_0000, pointer: 0x50_0100 } as const;

/** A graph of these types alone; `password` is redacted. */
export function newTestTypes(limits?: ConstructorParameters<typeof TypeGraphBuilder>[2]): TypeGraphBuilder {
  const source = {
    type: (ref: TypeRef): GoType => types[ref]!,
    dynamicTypes: () =>
      [
        { address: testDescriptors.int32, type: testTypeRefs.int32, direct: false },
        { address: testDescriptors.pointer, type: testTypeRefs.pointer, direct: true },
      ] as never,
  };
  const redaction = new Redaction({ names: ['password'], types: [] });
  const builder = new TypeGraphBuilder(source, redaction, limits);
  builder.add(testTypeRefs.pointer);
  return builder;
}

export const testTypes = newTestTypes();
