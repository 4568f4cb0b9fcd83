import { type Assembler, fp, immediate, r0, r1, r2, r3, r6, r7, r8, r9 } from '#asm';
import { chunkHeader, chunkHeaderSize, type Slot, slotStatus } from '#model';
import type { ScalarSource, SlotSource } from '../plan/index.ts';
import { addressOf, checkGuards, compute, extend, type Fails, type Reading, stringHeader } from './compute.ts';
import { allDropsOffset } from './control.ts';
import { writeFloat } from './floats.ts';
import { frame, mapNames } from './frame.ts';
import { readUser } from './read.ts';
import { writeStack, writeStackId } from './stack.ts';

/** Fills one slot of the record in r7; `entries`: where each type is in the table of types. What fails marks this slot's status and goes on with the next. Loses all but r6, r7. */
export function writeSlot(
  asm: Assembler,
  reading: Reading,
  slot: Slot,
  source: SlotSource,
  entries: readonly number[],
): void {
  if (source.kind === 'float-register') {
    writeFloat(asm, reading.machine, slot, source);
    return;
  }
  if (source.kind === 'cpu' || source.kind === 'thread') {
    asm.call(source.kind === 'cpu' ? 'get_smp_processor_id' : 'get_current_pid_tgid');
    // Both have 32 bits of it.
    asm.alu('lsh', r0, immediate(32));
    asm.alu('rsh', r0, immediate(32));
    asm.store(8, r7, slot.offset, r0);
    return;
  }
  if (source.kind === 'drops') {
    asm.loadMapValue(r1, mapNames.control, allDropsOffset(reading.probes));
    asm.load(8, r1, r1, 0);
    asm.store(8, r7, slot.offset, r1);
    return;
  }
  if (source.kind === 'stack') {
    if (slot.kind === 'stack') writeStack(asm, reading, slot);
    else if (slot.kind === 'stack-id') writeStackId(asm, reading, slot);
    return;
  }
  const fails = {
    nil: asm.newLabel(),
    unreadable: asm.newLabel(),
    outOfRange: asm.newLabel(),
    otherType: asm.newLabel(),
    noIndex: asm.newLabel(),
  };
  const done = asm.newLabel();
  if (source.kind === 'computed') {
    compute(asm, reading, source.computation, fails, 0);
    asm.store(8, r7, slot.offset, r8);
  } else if (source.kind === 'string-parts' || source.kind === 'string-header') {
    if (slot.kind !== 'string') return;
    stringHeader(asm, reading, source, fails);
    stringBytes(asm, slot);
  } else if (source.kind === 'graph-memory' || source.kind === 'graph-parts') {
    rootChunk(asm, reading, slot, source, entries[source.type]!, fails);
  } else if (source.kind === 'goroutine') {
    // Without a goroutine it is 0, and nothing lies there.
    asm.load(8, r3, fp, frame.g);
    asm.alu('add', r3, immediate(source.offset));
    readUser(asm, r7, slot.offset, 8, fails.unreadable);
  } else {
    scalar(asm, reading, slot, source, fails);
  }
  for (const [name, label] of Object.entries(fails) as [keyof typeof fails, number][]) {
    if (!asm.isUsed(label)) continue;
    asm.jump(done);
    asm.label(label);
    asm.store(1, r7, slot.status, immediate(slotStatus[name]));
  }
  asm.label(done);
}

type GraphSource = Extract<SlotSource, { kind: 'graph-parts' | 'graph-memory' }>;

/** The value itself, as the first chunks of the snapshot are; the walk goes on from them. Until its bytes are there, it has none. */
function rootChunk(
  asm: Assembler,
  reading: Reading,
  slot: Slot,
  source: GraphSource,
  entry: number,
  fails: Fails,
): void {
  const header = slot.offset - chunkHeaderSize;
  asm.store(8, r7, header + chunkHeader.address, immediate(0));
  asm.store(4, r7, header + chunkHeader.type, immediate(entry));
  asm.store(4, r7, header + chunkHeader.bytes, immediate(0));
  asm.store(8, r7, header + chunkHeader.depth, immediate(0));
  checkGuards(asm, reading, source, fails);
  if (source.kind === 'graph-memory') {
    addressOf(asm, reading, source, fails);
    asm.store(8, r7, header + chunkHeader.address, r3);
    if (source.bytes > 0) readUser(asm, r7, slot.offset, source.bytes, fails.unreadable);
  } else {
    const padded = (source.bytes + 7) & ~7;
    for (let at = 0; at < padded; at += 8) asm.store(8, r7, slot.offset + at, immediate(0));
    for (const { root, offset, size } of source.parts) {
      if (root.kind === 'float-register') {
        writeFloat(asm, reading.machine, slot, { register: root.register, size }, slot.offset + offset);
        continue;
      }
      if (root.kind === 'stack') {
        asm.load(8, r3, r6, reading.machine.stackPointer);
        asm.alu('add', r3, immediate(root.frameOffset));
        readUser(asm, r7, slot.offset + offset, size, fails.unreadable);
        continue;
      }
      asm.load(8, r1, r6, reading.machine.register(root.register));
      if (root.shift !== 0) asm.alu('rsh', r1, immediate(root.shift));
      storeBytes(asm, slot.offset + offset, size);
    }
  }
  asm.store(4, r7, header + chunkHeader.bytes, immediate(source.bytes));
}

/** The low `size` bytes of r1, which is lost. */
function storeBytes(asm: Assembler, offset: number, size: number): void {
  let at = offset;
  for (let left = size; left > 0; ) {
    const piece = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
    asm.store(piece, r7, at, r1);
    at += piece;
    left -= piece;
    if (left > 0) asm.alu('rsh', r1, immediate(8 * piece));
  }
}

function scalar(asm: Assembler, reading: Reading, slot: Slot, source: ScalarSource, fails: Fails): void {
  const { root, hops, size } = source;
  checkGuards(asm, reading, source, fails);
  if (hops.length === 0 && root.kind === 'register') {
    asm.load(8, r1, r6, reading.machine.register(root.register));
    if (root.shift !== 0) asm.alu('rsh', r1, immediate(root.shift));
  } else {
    addressOf(asm, reading, source, fails);
    // Into the slot's own 8 zeros: a shorter value is zero-extended by that.
    readUser(asm, r7, slot.offset, size, fails.unreadable);
    if (size === 8 || source.kind !== 'int') return;
    asm.load(8, r1, r7, slot.offset);
  }
  extend(asm, r1, size, source.kind === 'int');
  asm.store(8, r7, slot.offset, r1);
}

/** Length, then up to `maxBytes` of the bytes at r8, straight into the record; their address where they are not resident: they may be in the file. */
function stringBytes(asm: Assembler, slot: Slot & { kind: 'string' }): void {
  const fits = asm.newLabel();
  const done = asm.newLabel();
  asm.store(8, r7, slot.offset, r9);
  asm.jumpIf('eq', r9, immediate(0), done);
  asm.mov(r2, r9);
  // An unsigned bound on a register that was not spilled: every verifier since 5.5 takes it as the size.
  asm.jumpIf('le', r2, immediate(slot.maxBytes), fits);
  asm.mov(r2, immediate(slot.maxBytes));
  asm.label(fits);
  asm.mov(r1, r7);
  asm.alu('add', r1, immediate(slot.offset + 8));
  asm.mov(r3, r8);
  asm.call('probe_read_user');
  asm.jumpIf('eq', 0, immediate(0), done);
  asm.store(8, r7, slot.offset + 8, r8);
  asm.store(1, r7, slot.status, immediate(slotStatus.cold));
  asm.label(done);
}
