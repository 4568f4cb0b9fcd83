import type { MapSpec } from '#asm';
import { BugError } from '#base';
import { bpfCommand, Fd, failedWith, type Mapping, mapFlag, protection, Struct, type Sys } from '#sys';

/** `enum bpf_map_type` (include/uapi/linux/bpf.h). */
const mapTypes = {
  hash: 1,
  /** BPF_MAP_TYPE_LRU_HASH */
  lru_hash: 9,
  array: 2,
  percpu_hash: 5,
  array_of_maps: 12,
  ringbuf: 27,
} as const;
/** BPF_F_MMAPABLE, kernel 5.5. */
const mmapable = 1 << 10;
/** BPF_F_NO_PREALLOC: a value for each CPU and each possible key would be much. */
const noPrealloc = 1;

/**
 * A map in the kernel; `close` releases it (programs that use it keep it alive). The value of an array map is mapped
 * into this process: `words` reads and writes it without a system call.
 */
export class BpfMap implements Disposable {
  readonly spec: MapSpec;
  readonly fd: Fd;
  readonly #sys: Sys;
  readonly #memory: Mapping | undefined;

  constructor(sys: Sys, spec: MapSpec, fd: Fd, memory: Mapping | undefined) {
    this.#sys = sys;
    this.spec = spec;
    this.fd = fd;
    this.#memory = memory;
  }

  /** An array map's values as u64 words, live: use `Atomics` on them. Length 0 after `close`. A bug error for other maps. */
  get words(): BigUint64Array<ArrayBuffer> {
    if (!this.#memory) throw new BugError(`map ${this.spec.name} is not mapped: only array maps are`);
    return new BigUint64Array(this.#memory.buffer);
  }

  /** Undefined when there is no such key. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    const value = new Uint8Array(this.spec.valueSize);
    try {
      this.#element(bpfCommand.BPF_MAP_LOOKUP_ELEM, key, value);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    return value;
  }

  /** Inserts or replaces; E2BIG when a hash is full. */
  update(key: Uint8Array, value: Uint8Array): void {
    if (value.length !== this.spec.valueSize)
      throw new BugError(`value of ${value.length} bytes for map ${this.spec.name}`);
    this.#element(bpfCommand.BPF_MAP_UPDATE_ELEM, key, value);
  }

  /** Inserts or replaces `count` elements, keys and values one behind the other (kernel 5.6); E2BIG when a hash is full. */
  updateAll(keys: Uint8Array, values: Uint8Array, count: number): void {
    const { name, keySize, valueSize } = this.spec;
    if (keys.length !== count * keySize || values.length !== count * valueSize)
      throw new BugError(`${keys.length} and ${values.length} bytes for ${count} elements of map ${name}`);
    if (count === 0) return;
    const attr = new Struct(56).pointer(16, keys).pointer(24, values).u32(32, count).u32(36, this.fd.number);
    this.#sys.bpf(bpfCommand.BPF_MAP_UPDATE_BATCH, attr);
  }

  /** False when there was no such key. */
  delete(key: Uint8Array): boolean {
    try {
      this.#element(bpfCommand.BPF_MAP_DELETE_ELEM, key, undefined);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  close(): void {
    this.#memory?.unmap();
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #element(command: number, key: Uint8Array, value: Uint8Array | undefined): void {
    if (key.length !== this.spec.keySize) throw new BugError(`key of ${key.length} bytes for map ${this.spec.name}`);
    const attr = new Struct(32).u32(0, this.fd.number).pointer(8, key);
    if (value) attr.pointer(16, value);
    this.#sys.bpf(command, attr);
  }
}

function isMissing(error: unknown): boolean {
  return failedWith(error, 'ENOENT');
}

/**
 * Makes a map in the kernel. Array values are mmap-able (5.5), ring buffers need 5.8. The name is shown by bpftool; what
 * the kernel does not take in names is replaced by `_`. `inner`: of an array of maps (4.12), a map like those that it will hold.
 */
export function makeMap(sys: Sys, spec: MapSpec, inner?: BpfMap): BpfMap {
  const mapped = spec.type === 'array';
  const attr = new Struct(72)
    .u32(0, mapTypes[spec.type])
    .u32(4, spec.keySize)
    .u32(8, spec.valueSize)
    .u32(12, spec.maxEntries)
    .u32(16, mapped ? mmapable : spec.type === 'percpu_hash' ? noPrealloc : 0)
    .u32(20, inner?.fd.number ?? 0)
    .text(28, 16, objectName(spec.name));
  const fd = new Fd(sys, sys.bpf(bpfCommand.BPF_MAP_CREATE, attr));
  if (!mapped) return new BpfMap(sys, spec, fd, undefined);
  try {
    const stride = roundUp(spec.valueSize, 8);
    const length = roundUp(stride * spec.maxEntries, sys.pageSize);
    return new BpfMap(
      sys,
      spec,
      fd,
      sys.mmap(fd.number, length, protection.read | protection.write, mapFlag.shared, 0),
    );
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** BPF_OBJ_NAME: at most 15 characters of [A-Za-z0-9_.]. */
export function objectName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_.]/g, '_').slice(0, 15);
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
