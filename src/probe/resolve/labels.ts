import type { BinaryView } from '../binary.ts';
import type { TypeGraphBuilder } from '../graph/index.ts';
import type { ResolvedValue } from './resolved.ts';

/** What `g.labels` points to (runtime/pprof/label.go): a map up to Go 1.22, a struct with a list since. */
const labelMap = 'runtime/pprof.labelMap';

/** The goroutine's pprof labels: an object of strings. */
export function goroutineLabels(
  binary: Pick<BinaryView, 'type' | 'runtime' | 'dynamicTypes'>,
  graph: TypeGraphBuilder,
): ResolvedValue {
  const offset = binary.runtime?.gLabels;
  if (offset === undefined)
    return {
      kind: 'missing',
      reason: "where the runtime keeps a goroutine's labels is not known of this version of Go",
    };
  // Where labels are set, a pointer to them is taken out of a context.
  for (const { type } of binary.dynamicTypes?.() ?? []) {
    const pointer = binary.type(type);
    if (pointer.kind !== 'pointer' || pointer.elem === undefined || pointer.name !== `*${labelMap}`) continue;
    const { size } = binary.type(pointer.elem);
    const access = { variable: { name: 'g', goroutine: true }, offset: 0, hops: [offset, 0] } as const;
    return { kind: 'graph', access, size, type: graph.add(pointer.elem), name: labelMap, none: '{}' };
  }
  // Nothing in the program sets any.
  return { kind: 'object', fields: [] };
}
