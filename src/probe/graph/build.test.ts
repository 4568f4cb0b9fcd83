import { expect, it } from 'vitest';
import type { GoType } from '#gobin';
import { TypeGraphBuilder } from './build.ts';

/** A program that is too large: `count` times `*pkg.ErrN`, `pkg.ErrN struct{ Code pkg.CodeN }` and an interface type, all with descriptors. */
function large(count: number) {
  const types: GoType[] = [{ kind: 'interface', name: 'error', size: 16, empty: false }];
  const dynamic: { address: number; type: number }[] = [];
  for (let i = 0; i < count; i++) {
    const at = types.length;
    types.push(
      { kind: 'pointer', name: `*pkg.Err${i}`, size: 8, elem: at + 1 },
      {
        kind: 'struct',
        name: `pkg.Err${i}`,
        size: 8,
        fields: [{ name: 'Code', offset: 0, type: at + 2, embedded: false }],
      },
      { kind: 'int', name: `pkg.Code${i}`, size: 8 },
      { kind: 'interface', name: `pkg.Face${i}`, size: 16, empty: false },
    );
    dynamic.push({ address: 0x1000 + 32 * i, type: at }, { address: 0x1010 + 32 * i, type: at + 3 });
  }
  return { type: (ref: number) => types[ref]!, dynamicTypes: () => dynamic as never };
}

it('what an interface may hold is there with all that it leads to, or not at all; interfaces hold no interfaces', () => {
  const builder = new TypeGraphBuilder(large(10_000));
  builder.add(0);
  const { graph } = builder.finish();
  expect(graph.types.filter(({ kind }) => kind === 'unknown')).toEqual([]);
  expect(graph.dynamic.length).toBeGreaterThan(6_000);
  expect(graph.dynamic.length).toBeLessThan(10_000);
  expect(new Set(graph.dynamic.map(({ type }) => graph.types[type]!.kind))).toEqual(new Set(['pointer']));
});

it('for a panic alone: errors, what is of main and the runtime, numbers and texts; with an interface beside it, all', () => {
  const types: GoType[] = [
    { kind: 'interface', name: 'interface {}', size: 16, empty: true },
    { kind: 'struct', name: 'pkg.Err', size: 0, fields: [] },
    { kind: 'struct', name: 'pkg.Other', size: 0, fields: [] },
    { kind: 'struct', name: 'main.refusal', size: 0, fields: [] },
    { kind: 'struct', name: 'runtime.boundsError', size: 0, fields: [] },
    { kind: 'string', name: 'string', size: 16 },
    { kind: 'string', name: 'pkg.Name', size: 16 },
  ];
  const dynamic = types.map((_, type) => ({ address: 0x1000 + 32 * type, type, ...(type === 1 && { isError: true }) }));
  const source = { type: (ref: number) => types[ref]!, dynamicTypes: () => dynamic as never };
  const held = (builder: TypeGraphBuilder) => {
    const { graph } = builder.finish();
    return graph.dynamic.map(({ type }) => graph.types[type]!.name);
  };
  const panic = new TypeGraphBuilder(source);
  panic.addPanic(() => panic.add(0));
  expect(held(panic)).toEqual(['pkg.Err', 'main.refusal', 'runtime.boundsError', 'string']);
  const both = new TypeGraphBuilder(source);
  both.add(0);
  both.addPanic(() => both.add(0));
  expect(held(both)).toEqual(types.slice(1).map(({ name }) => name));
});
