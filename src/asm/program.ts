/** A BPF map to be made: a blueprint, no kernel object. */
export interface MapSpec {
  readonly name: string;
  readonly type: 'array' | 'hash' | 'lru_hash' | 'percpu_hash' | 'ringbuf' | 'array_of_maps';
  /** Bytes; 0 for a ring buffer. */
  readonly keySize: number;
  readonly valueSize: number;
  /** For a ring buffer its size in bytes, a power of two and a multiple of the page size. */
  readonly maxEntries: number;
}

/** Where in the instructions a loaded map's descriptor (or the address of an array map's value) goes. */
export interface MapReference {
  /** Index of the `ld_imm64` instruction, in 8-byte units. */
  readonly instruction: number;
  readonly map: string;
  /** `fd`: BPF_PSEUDO_MAP_FD. `value`: BPF_PSEUDO_MAP_VALUE, address of the array map's only value plus `offset`. */
  readonly kind: 'fd' | 'value';
  readonly offset: number;
}

/** A uprobe program, ready to load but for its maps' descriptors. Licence is always `Dual MIT/GPL`. */
export interface Program {
  /** At most 15 characters of [A-Za-z0-9_.]. */
  readonly name: string;
  /** 8 bytes an instruction, little-endian. */
  readonly instructions: Uint8Array;
  readonly maps: readonly MapReference[];
  /** `uprobe`: BPF_PROG_TYPE_KPROBE for uprobes; `raw_tracepoint`: attached by name. */
  readonly type: 'uprobe' | 'raw_tracepoint';
  /** Loaded for uprobe_multi (expected attach type BPF_TRACE_UPROBE_MULTI) or for perf links: the loader decides by what the kernel has. */
}
