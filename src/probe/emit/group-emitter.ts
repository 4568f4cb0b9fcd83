import { type Assembler, fp, immediate, type Label, type Register, r0, r1, r2, r3, r4, r7, r8, r9 } from '#asm';
import { bucketsPerDoubling, groupKey, groupWord, groupWordSize, type Slot, slotStatus } from '#model';
import { type EventPlan, type GroupPlan, readGoroutine, type When } from '../plan/index.ts';
import type { NumberKind } from '../types.ts';
import type { Reading } from './compute.ts';
import { entryOfMap } from './entry-of-map.ts';
import { frame, mapNames } from './frame.ts';
import type { GroupSizes } from './group-sizes.ts';
import type { EmitContext } from './program.ts';
import { countProbe, type ProbeNumber } from './record.ts';
import { writeSlot } from './slot.ts';
import { addFloats, requireNumber, toOrder, widen } from './soft-float.ts';

/** On the stack: the entry's time (later the latency), the key, the numbers, and, where these were computed, what a new entry of the map begins with. */
export class GroupEmitter {
  readonly #asm: Assembler;
  readonly #context: EmitContext & Pick<Reading, 'frameBytes'>;
  readonly #probe: ProbeNumber;
  readonly #group: GroupPlan;
  readonly #sizes: GroupSizes;
  readonly time: number;
  readonly #key: number;
  readonly #values: number;
  readonly #zero: number;

  constructor(
    asm: Assembler,
    context: EmitContext & Pick<Reading, 'frameBytes'>,
    probe: ProbeNumber,
    group: GroupPlan,
    sizes: GroupSizes,
  ) {
    this.#asm = asm;
    this.#context = context;
    this.#probe = probe;
    this.#group = group;
    this.#sizes = sizes;
    this.time = frame.keys - sizes.kept - sizes.work;
    this.#key = this.time + 8;
    this.#values = this.#key + sizes.key;
    this.#zero = this.time + sizes.kept;
  }

  get wantsGoroutine(): boolean {
    const { key, values } = this.#group;
    return readGoroutine([...key.sources, ...values.sources]);
  }

  clear(): void {
    const asm = this.#asm;
    for (let at = this.time; at < this.#zero; at += 8) asm.store(8, fp, at, immediate(0));
    const place = this.#key + groupKey.probe;
    if (this.#probe === 'cookie') {
      asm.load(8, r1, fp, frame.probe);
      asm.store(4, fp, place, r1);
    } else asm.store(4, fp, place, immediate(this.#probe));
  }

  /** r7: what the entry has kept. The time becomes the latency. */
  recall(): void {
    const asm = this.#asm;
    for (let at = 0; at < this.#sizes.kept; at += 8) {
      asm.load(8, r1, r7, at);
      asm.store(8, fp, this.time + at, r1);
    }
    asm.load(8, r1, fp, frame.ktime);
    asm.load(8, r2, fp, this.time);
    asm.alu('sub', r1, r2);
    asm.store(8, fp, this.time, r1);
  }

  /** Reads what is known at this time; `absent`: it is not, at this kind of place. */
  fill(time: When, absent = false): void {
    const { key, keyWhen, values, valuesWhen } = this.#group;
    this.#fill(this.#key, key, (slot) => keyWhen[slot] === time, absent);
    this.#fill(this.#values, values, (slot) => valuesWhen[slot] === time, absent);
  }

  #fill(base: number, { layout, sources }: EventPlan, wanted: (slot: number) => boolean, absent: boolean): void {
    const asm = this.#asm;
    asm.mov(r7, fp);
    asm.alu('add', r7, immediate(base));
    layout.slots.forEach((slot, index) => {
      if (!wanted(index)) return;
      if (absent) asm.store(1, r7, slot.status, immediate(slotStatus.notRead));
      else writeSlot(asm, this.#context, slot, sources[index]!, []);
    });
  }

  /** Adds the call to its group, and to the buckets and keys of its details. A map that is full is counted as a drop. */
  add(out: Label): void {
    const asm = this.#asm;
    const { details } = this.#group;
    const dropped = asm.newLabel();
    for (let at = this.#zero; at < frame.keys; at += 8) asm.store(8, fp, at, immediate(0));
    asm.store(8, fp, frame.scratch, immediate(0));
    asm.loadMapFd(r1, mapNames.groups);
    asm.mov(r2, fp);
    asm.alu('add', r2, immediate(frame.scratch));
    asm.call('map_lookup_elem');
    asm.jumpIf('eq', r0, immediate(0), out);
    asm.mov(r9, r0);
    this.#entry(dropped);
    this.#addWords();
    for (let index = 0; index < details.length; index++) this.#addDetail(index, dropped);
    asm.jump(out);
    asm.label(dropped);
    countProbe(asm, this.#probe, 'entryDrops');
  }

  /** r8 = the value of the key's entry in the map r9, which counts one call more. */
  #entry(dropped: Label): void {
    const asm = this.#asm;
    entryOfMap(asm, () => asm.mov(r1, r9), { key: this.#key, fresh: this.#zero }, dropped);
    asm.mov(r1, immediate(1));
    asm.atomicAdd(r8, 0, r1);
  }

  #addWords(): void {
    const asm = this.#asm;
    this.#group.words.forEach(({ slot, operation, number }, index) => {
      const at = 8 + groupWordSize * index;
      const next = asm.newLabel();
      this.#number(r2, slot, next);
      if (operation === 'sum' && number === 'float') this.#addFloat(at + groupWord.value, next);
      asm.mov(r1, immediate(1));
      asm.atomicAdd(r8, at + groupWord.captured, r1);
      if (operation !== 'sum') {
        if (number === 'float') toOrder(asm, r2);
        else if (number === 'int') {
          asm.loadConstant(r3, 1n << 63n);
          asm.alu('xor', r2, r3);
        }
        if (operation === 'min') asm.alu('xor', r2, immediate(-1));
        this.#raise(at + groupWord.value, next);
      } else if (number !== 'float') asm.atomicAdd(r8, at + groupWord.value, r2);
      asm.label(next);
    });
  }

  /** Adds the float in r2 to the word, as `#raise` does; to `lost` where others were always quicker. */
  #addFloat(at: number, lost: Label): void {
    const asm = this.#asm;
    const added = asm.newLabel();
    asm.store(8, fp, frame.sum, r2);
    for (let attempt = 0; attempt < 4; attempt++) {
      asm.load(8, r1, r8, at);
      asm.store(8, fp, frame.sum + 8, r1);
      addFloats(asm, frame.scratch);
      asm.load(8, r0, fp, frame.sum + 8);
      asm.mov(r3, r0);
      asm.compareExchange(r8, at, r1);
      asm.jumpIf('eq', r0, r3, added);
      asm.load(8, r2, fp, frame.sum);
    }
    asm.jump(lost);
    asm.label(added);
  }

  /** The word becomes r2 if that is larger. Only what runs on this CPU writes to it: a second try is rare. */
  #raise(at: number, next: Label): void {
    const asm = this.#asm;
    for (let attempt = 0; attempt < 4; attempt++) {
      asm.load(8, r0, r8, at);
      asm.jumpIf('ge', r0, r2, next);
      asm.mov(r1, r0);
      asm.compareExchange(r8, at, r2);
      asm.jumpIf('eq', r0, r1, next);
    }
  }

  #addDetail(index: number, dropped: Label): void {
    const asm = this.#asm;
    const { slot, keySlot, number } = this.#group.details[index]!;
    const next = asm.newLabel();
    asm.store(4, fp, this.#key + groupKey.kind, immediate(index + 1));
    if (keySlot === undefined) {
      this.#number(r1, slot, next);
      this.#bucket(number);
      asm.store(8, fp, this.#key + groupKey.bucket, r0);
      this.#entry(dropped);
      asm.label(next);
      asm.store(8, fp, this.#key + groupKey.bucket, immediate(0));
      return;
    }
    const { key, keyWhen, values } = this.#group;
    const target = key.layout.slots[keySlot]!;
    // A key column of the same value has it there already.
    const own = keyWhen[keySlot] === undefined;
    if (own) this.#copy(values.layout.slots[slot!]!, target);
    this.#entry(dropped);
    if (own) this.#copy(undefined, target);
    asm.label(next);
  }

  /** A slot of the numbers into one of the key; undefined: zeros. */
  #copy(from: Slot | undefined, to: Slot): void {
    const asm = this.#asm;
    const size = to.kind === 'string' ? 8 + ((to.maxBytes + 7) & ~7) : 8;
    const move = (width: 1 | 8, source: number | undefined, target: number) => {
      if (source === undefined) {
        asm.store(width, fp, target, immediate(0));
        return;
      }
      asm.load(width, r1, fp, source);
      asm.store(width, fp, target, r1);
    };
    move(1, from && this.#values + from.status, this.#key + to.status);
    for (let at = 0; at < size; at += 8) move(8, from && this.#values + from.offset + at, this.#key + to.offset + at);
  }

  /** A number of the call, undefined: its latency; to `absent` where it could not be read, or is NaN. Loses r0, r1, r3–r5. */
  #number(register: Register, slot: number | undefined, absent: Label): void {
    const asm = this.#asm;
    if (slot === undefined) {
      asm.load(8, register, fp, this.time);
      return;
    }
    const found = this.#group.values.layout.slots[slot]!;
    asm.load(1, r1, fp, this.#values + found.status);
    asm.jumpIf('ne', r1, immediate(slotStatus.captured), absent);
    asm.load(8, register, fp, this.#values + found.offset);
    if (found.kind !== 'float') return;
    if (found.size === 4) widen(asm, register);
    requireNumber(asm, register, absent);
  }

  /**
   * r0 = the bucket of the number in r1: itself below 8; from there on eight to each doubling, so that bucket b begins at (8 + b % 8) << (b / 8 - 1).
   * Of a negative number the complement of that of its complement. Of a float exponent and the three bits behind it, and of a negative one their complement. Loses r1–r4.
   */
  #bucket(number: NumberKind): void {
    const asm = this.#asm;
    if (number === 'float') {
      asm.mov(r0, r1);
      asm.alu('lsh', r0, immediate(1));
      asm.alu('rsh', r0, immediate(50));
      asm.alu('arsh', r1, immediate(63));
      asm.alu('xor', r0, r1);
      return;
    }
    const positive = asm.newLabel();
    const small = asm.newLabel();
    const done = asm.newLabel();
    asm.mov(r4, immediate(0));
    if (number === 'int') {
      asm.jumpIf('sge', r1, immediate(0), positive);
      asm.alu('xor', r1, immediate(-1));
      asm.mov(r4, immediate(-1));
      asm.label(positive);
    }
    asm.mov(r0, r1);
    asm.jumpIf('lt', r1, immediate(bucketsPerDoubling), small);
    // r2 = the number of the highest bit, by halves.
    asm.mov(r2, immediate(0));
    for (const bits of [32, 16, 8, 4, 2, 1]) {
      const low = asm.newLabel();
      asm.mov(r3, r0);
      asm.alu('rsh', r3, immediate(bits));
      asm.jumpIf('eq', r3, immediate(0), low);
      asm.mov(r0, r3);
      asm.alu('add', r2, immediate(bits));
      asm.label(low);
    }
    asm.alu('sub', r2, immediate(3));
    asm.alu('rsh', r1, r2);
    // The highest bit is one of the four that are left: it makes the doubling count one more.
    asm.alu('lsh', r2, immediate(3));
    asm.mov(r0, r1);
    asm.alu('add', r0, r2);
    asm.jump(done);
    asm.label(small);
    asm.label(done);
    asm.alu('xor', r0, r4);
  }
}
