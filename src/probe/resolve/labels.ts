import type { TypeRef } from '#gobin';
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
  const type = labelMapType(binary);
  // Nothing in the program sets any.
  if (type === undefined) return { kind: 'object', fields: [] };
  const access = { variable: { name: 'g', goroutine: true }, offset: 0, hops: [offset, 0] } as const;
  return { kind: 'graph', access, size: binary.type(type).size, type: graph.add(type), name: labelMap, none: '{}' };
}

/** Where labels are set, a pointer to them is taken out of a context. */
function labelMapType(binary: Pick<BinaryView, 'type' | 'dynamicTypes'>): TypeRef | undefined {
  for (const { type } of binary.dynamicTypes?.() ?? []) {
    const pointer = binary.type(type);
    if (pointer.kind === 'pointer' && pointer.name === `*${labelMap}`) return pointer.elem;
  }
  return undefined;
}

/** The type of a label's value: `string`. */
export function labelType(binary: Pick<BinaryView, 'type' | 'dynamicTypes'>): TypeRef | undefined {
  let ref = labelMapType(binary);
  for (let nesting = 0; ref !== undefined && nesting < 6; nesting++) {
    const type = binary.type(ref);
    if (type.kind === 'string') return ref;
    // A struct of a list, or of what is embedded in it; a list of names and values; a map.
    if (type.kind === 'struct') ref = type.fields.at(-1)?.type;
    else ref = type.kind === 'slice' || type.kind === 'map' ? type.elem : undefined;
  }
  return undefined;
}
