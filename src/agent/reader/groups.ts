import type { RowBatch } from '#model';
import type { GroupDecoder, GroupEntry } from '#probe';
import { bpfCommand, failedWith, Struct, type Sys } from '#sys';
import type { GroupMapsDescription } from './messages.ts';

/** Entries that are asked for at a time. */
const batch = 4096;

/**
 * Empties the map that calls are added up in, without losing one: another map takes its place first, and the kernel answers that change only when
 * no program still runs that may have seen the old one (`maybe_wait_bpf_programs`, kernel/bpf/syscall.c).
 */
export class GroupReader {
  readonly #sys: Sys;
  readonly #maps: GroupMapsDescription;
  readonly #decoder: GroupDecoder;
  readonly #cpus: number;
  #current = 0;
  #turn: Promise<RowBatch | undefined> = Promise.resolve(undefined);

  constructor(sys: Sys, maps: GroupMapsDescription, decoder: GroupDecoder) {
    this.#sys = sys;
    this.#maps = maps;
    this.#decoder = decoder;
    this.#cpus = possibleCpus(sys);
  }

  /** What was added up since the last time, as rows of `timeNs()`; undefined: nothing. */
  take(timeNs: () => bigint): Promise<RowBatch | undefined> {
    this.#turn = this.#turn.then(async () => {
      const full = this.#maps.inner[this.#current]!;
      this.#current = 1 - this.#current;
      const index = new Uint8Array(4);
      const next = new Uint8Array(new Uint32Array([this.#maps.inner[this.#current]!]).buffer);
      const attr = new Struct(32).u32(0, this.#maps.outer).pointer(8, index).pointer(16, next);
      await this.#sys.bpfInBackground(bpfCommand.BPF_MAP_UPDATE_ELEM, attr);
      const rows = this.#decoder.rows(this.#empty(full), timeNs());
      return rows.rows === 0 ? undefined : rows;
    });
    return this.#turn;
  }

  #empty(map: number): GroupEntry[] {
    const { keyBytes, valueBytes } = this.#maps;
    const each = valueBytes * this.#cpus;
    const entries: GroupEntry[] = [];
    let position: Uint8Array | undefined;
    for (let more = true; more; ) {
      const keys = new Uint8Array(batch * keyBytes);
      const values = new Uint8Array(batch * each);
      const behind = new Uint8Array(8);
      // union bpf_attr, batch: in_batch, out_batch, keys, values, count, map_fd, elem_flags, flags (kernel 5.6; of a hash for each CPU too).
      const attr = new Struct(56).pointer(8, behind).pointer(16, keys).pointer(24, values);
      if (position) attr.pointer(0, position);
      attr.u32(32, batch).u32(36, map);
      try {
        this.#sys.bpf(bpfCommand.BPF_MAP_LOOKUP_AND_DELETE_BATCH, attr);
      } catch (error) {
        // That was all.
        if (!failedWith(error, 'ENOENT')) throw error;
        more = false;
      }
      const count = attr.getU32(32);
      for (let i = 0; i < count; i++) {
        entries.push({
          key: keys.subarray(i * keyBytes, (i + 1) * keyBytes),
          values: values.subarray(i * each, (i + 1) * each),
        });
      }
      position = behind;
    }
    return entries;
  }
}

/** The frames of a stack, as the programs lay them out; undefined: others took its place. */
export function readStack(
  sys: Sys,
  { fd, valueBytes }: NonNullable<GroupMapsDescription['stacks']>,
  id: bigint,
): Uint8Array | undefined {
  const key = new Uint8Array(new BigUint64Array([id]).buffer);
  const value = new Uint8Array(valueBytes);
  try {
    sys.bpf(bpfCommand.BPF_MAP_LOOKUP_ELEM, new Struct(32).u32(0, fd).pointer(8, key).pointer(16, value));
    return value;
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** CPUs that there may be, as the kernel counts them for such maps: `0-3`, `0,2-7`. */
function possibleCpus(sys: Sys): number {
  const text = new TextDecoder().decode(sys.readFile('/sys/devices/system/cpu/possible')).trim();
  return Number(/(\d+)$/.exec(text)?.[1] ?? 0) + 1;
}
