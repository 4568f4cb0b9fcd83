import { type BpfMap, makeMap } from '#bpf';
import type { TracepointMaps } from '#probe';
import type { Sys } from '#sys';
import type { GroupMapsDescription } from './reader/messages.ts';

/** The maps that a tracepoint's calls are added up in: programs use the one that stands in `outer`, the reader empties the other. */
export class GroupMaps implements Disposable {
  readonly outer: BpfMap;
  readonly description: GroupMapsDescription;
  readonly #stack: DisposableStack;

  /** `stacks`: the map of stacks, if they are parts of keys. */
  constructor(sys: Sys, { outer, inner }: NonNullable<TracepointMaps['groups']>, stacks?: BpfMap) {
    using stack = new DisposableStack();
    const first = stack.use(makeMap(sys, inner));
    const second = stack.use(makeMap(sys, inner));
    this.outer = stack.use(makeMap(sys, outer, first));
    this.outer.update(new Uint8Array(4), new Uint8Array(new Uint32Array([first.fd.number]).buffer));
    this.description = {
      outer: this.outer.fd.number,
      inner: [first.fd.number, second.fd.number],
      keyBytes: inner.keySize,
      valueBytes: inner.valueSize,
      ...(stacks && { stacks: { fd: stacks.fd.number, valueBytes: stacks.spec.valueSize } }),
    };
    this.#stack = stack.move();
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}
