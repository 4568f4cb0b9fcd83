import type { TypeGraph } from '../graph/index.ts';
import { type GraphType, hiddenWords, holds, isByte, namesSecret } from '../graph/index.ts';

/** What the decoder may ask about the process's binary. Addresses are the process's. */
export interface BinaryServices {
  /** The file's addresses plus this are the process's. */
  readonly bias: number;
  functionName?(code: number): string | undefined;
  /** The source of an instruction, innermost function first, as `function file:line`; undefined for what is no code of the program. */
  frames?(pc: number): readonly string[] | undefined;
  /** Name of the type whose descriptor is at an address. */
  typeName?(descriptor: number): string | undefined;
  /** Whether an address is in the program's own sections: that of a value which the compiler laid out. */
  isStatic?(address: number): boolean;
  /** Bytes that never change in memory, out of the file; undefined for all others. */
  fileBytes?(address: number, length: number): Uint8Array | undefined;
}

/** The services, with what is derived of a type graph once. */
export class TargetContext {
  readonly functionName: BinaryServices['functionName'];
  readonly frames: BinaryServices['frames'];
  readonly typeName: BinaryServices['typeName'];
  readonly isStatic: BinaryServices['isStatic'];
  readonly fileBytes: BinaryServices['fileBytes'];
  /** The file's addresses plus this are the process's. */
  readonly bias: number;
  readonly #known = new WeakMap<
    TypeGraph,
    { readonly dynamic: Map<number, number>; readonly bytes: number[]; readonly hidden: readonly string[] }
  >();

  constructor(services: BinaryServices = { bias: 0 }) {
    this.bias = services.bias;
    this.functionName = services.functionName?.bind(services);
    this.frames = services.frames?.bind(services);
    this.typeName = services.typeName?.bind(services);
    this.isStatic = services.isStatic?.bind(services);
    this.fileBytes = services.fileBytes?.bind(services);
  }

  /** The type whose descriptor is at an address; of a code's address, what a func of it points to. */
  dynamicType(graph: TypeGraph, descriptor: number): number | undefined {
    return this.#derived(graph).dynamic.get(descriptor - this.bias);
  }

  /** All types that are bytes. */
  byteTypes(graph: TypeGraph): readonly number[] {
    return this.#derived(graph).bytes;
  }

  /** Is what a map has under this key, of this type, on the redaction list? */
  hidesKey(graph: TypeGraph, key: string, type: GraphType): boolean {
    const constants = 'constants' in type ? Object.keys(type.constants ?? {}).length : 0;
    return namesSecret(key, this.#derived(graph).hidden, () => holds(type, () => constants));
  }

  #derived(graph: TypeGraph) {
    let found = this.#known.get(graph);
    if (found === undefined) {
      found = {
        dynamic: new Map([...graph.dynamic, ...(graph.closures ?? [])].map(({ address, type }) => [address, type])),
        hidden: hiddenWords(graph.hiddenNames),
        bytes: graph.types.flatMap((type, index) => (isByte(type) ? [index] : [])),
      };
      this.#known.set(graph, found);
    }
    return found;
  }
}
