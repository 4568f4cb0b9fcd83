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
