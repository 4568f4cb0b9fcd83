import { type Assembler, fp, immediate, type Label, type Register, r1, r2, r3, r6, r7, r8, r9 } from '#asm';
import { chunkHeader, chunkHeaderSize, type Slot, slotStatus } from '#model';
import type { Root, SlotSource } from '../plan/index.ts';
import { writeFloat } from './floats.ts';
import { frame } from './frame.ts';
import type { Machine } from './machine.ts';
import { readUser } from './read.ts';

/** Fills one slot of the record in r7; `entries`: where each type is in the table of types. What fails marks this slot's status and goes on with the next. Loses all but r6, r7. */
export function writeSlot(
  asm: Assembler,
  machine: Machine,
  slot: Slot,
  source: SlotSource,
  entries: readonly number[],
): void {
  if (source.kind === 'float-register') {
    writeFloat(asm, machine, slot, source);
    return;
  }
  const nil = asm.newLabel();
  const unreadable = asm.newLabel();
  const done = asm.newLabel();
  const fails = { nil, unreadable };
  if (source.kind === 'string-parts' || source.kind === 'string-header') {
    if (slot.kind !== 'string') return;
    stringHeader(asm, machine, source, fails);
    stringBytes(asm, slot);
  } else if (source.kind === 'graph-memory' || source.kind === 'graph-parts') {
    rootChunk(asm, machine, slot, source, entries[source.type]!, fails);
  } else {
    scalar(asm, machine, slot, source, fails);
  }
  for (const [label, status] of [
    [nil, slotStatus.nil],
    [unreadable, slotStatus.unreadable],
  ] as const) {
    if (!asm.isUsed(label)) continue;
    asm.jump(done);
    asm.label(label);
    asm.store(1, r7, slot.status, immediate(status));
  }
  asm.label(done);
}

interface Fails {
  readonly nil: Label;
  readonly unreadable: Label;
}

type Scalar = Extract<SlotSource, { hops: readonly number[]; size: number }>;
type StringSource = Extract<SlotSource, { kind: 'string-parts' | 'string-header' }>;
type GraphSource = Extract<SlotSource, { kind: 'graph-parts' | 'graph-memory' }>;

/** The value itself, as the first chunks of the snapshot are; the walk goes on from them. Until its bytes are there, it has none. */
function rootChunk(
  asm: Assembler,
  machine: Machine,
  slot: Slot,
  source: GraphSource,
  entry: number,
  fails: Fails,
): void {
  const header = slot.offset - chunkHeaderSize;
  asm.store(8, r7, header + chunkHeader.address, immediate(0));
  asm.store(4, r7, header + chunkHeader.type, immediate(entry));
  asm.store(4, r7, header + chunkHeader.bytes, immediate(0));
  asm.store(4, r7, header + chunkHeader.depth, immediate(0));
  asm.store(4, r7, header + chunkHeader.status, immediate(0));
  if (source.kind === 'graph-memory') {
    addressOf(asm, machine, source.root, source.hops, fails);
    asm.store(8, r7, header + chunkHeader.address, r3);
    if (source.bytes > 0) readUser(asm, r7, slot.offset, source.bytes, fails.unreadable);
  } else {
    const padded = (source.bytes + 7) & ~7;
    for (let at = 0; at < padded; at += 8) asm.store(8, r7, slot.offset + at, immediate(0));
    for (const { root, offset, size } of source.parts) {
      if (root.kind === 'float-register') {
        writeFloat(asm, machine, slot, { register: root.register, size }, slot.offset + offset);
        continue;
      }
      asm.load(8, r1, r6, machine.register(root.register));
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

function scalar(asm: Assembler, machine: Machine, slot: Slot, source: Scalar, fails: Fails): void {
  const { root, hops, size } = source;
  if (hops.length === 0 && root.kind === 'register') {
    asm.load(8, r1, r6, machine.register(root.register));
    if (root.shift !== 0) asm.alu('rsh', r1, immediate(root.shift));
  } else {
    addressOf(asm, machine, root, hops, fails);
    // Into the slot's own 8 zeros: a shorter value is zero-extended by that.
    readUser(asm, r7, slot.offset, size, fails.unreadable);
    if (size === 8 || source.kind !== 'int') return;
    asm.load(8, r1, r7, slot.offset);
  }
  extend(asm, r1, size, source.kind === 'int');
  asm.store(8, r7, slot.offset, r1);
}

/** The upper bits of a register that holds less than 8 bytes are undefined (abi-internal.md). */
function extend(asm: Assembler, register: Register, size: number, signed: boolean): void {
  if (size === 8) return;
  asm.alu('lsh', register, immediate(64 - 8 * size));
  asm.alu(signed ? 'arsh' : 'rsh', register, immediate(64 - 8 * size));
}

/** r8 = pointer to the string's bytes, r9 = its length. */
function stringHeader(asm: Assembler, machine: Machine, source: StringSource, fails: Fails): void {
  if (source.kind === 'string-header') {
    addressOf(asm, machine, source.root, source.hops, fails);
    readUser(asm, fp, frame.scratch, 16, fails.unreadable);
    asm.load(8, r8, fp, frame.scratch);
    asm.load(8, r9, fp, frame.scratch + 8);
    return;
  }
  word(asm, machine, source.pointer, r8, fails.unreadable);
  word(asm, machine, source.length, r9, fails.unreadable);
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

/** `destination` = the 8 bytes at a root. */
function word(asm: Assembler, machine: Machine, root: Root, destination: Register, unreadable: Label): void {
  if (root.kind === 'register') {
    asm.load(8, destination, r6, machine.register(root.register));
    if (root.shift !== 0) asm.alu('rsh', destination, immediate(root.shift));
    return;
  }
  asm.load(8, r3, r6, machine.stackPointer);
  asm.alu('add', r3, immediate(root.frameOffset));
  readUser(asm, fp, frame.scratch, 8, unreadable);
  asm.load(8, destination, fp, frame.scratch);
}

/** r3 = the address that the hops lead to (of the root itself without hops: it is on the stack then). */
function addressOf(asm: Assembler, machine: Machine, root: Root, hops: readonly number[], fails: Fails): void {
  if (hops.length === 0) {
    asm.load(8, r3, r6, machine.stackPointer);
    if (root.kind === 'stack') asm.alu('add', r3, immediate(root.frameOffset));
    return;
  }
  word(asm, machine, root, r3, fails.unreadable);
  hops.forEach((hop, index) => {
    if (index > 0) {
      readUser(asm, fp, frame.scratch, 8, fails.unreadable);
      asm.load(8, r3, fp, frame.scratch);
    }
    asm.jumpIf('eq', r3, immediate(0), fails.nil);
    if (hop !== 0) asm.alu('add', r3, immediate(hop));
  });
}
