import { fp, immediate, type Label, r0, r1, r2, r3, r4, r5, r7, r8, r9 } from '#asm';
import { chunkHeader, chunkHeaderSize, seenWords, slotStatus, walkCut, walkState } from '#model';
import { codeTarget, entryBytes, entryField, reference } from '../graph/index.ts';
import { frame, mapNames } from './frame.ts';
import type { WalkCode } from './walk-code.ts';

/** `internal/abi.ITab.Type`. */
const itabType = 8;

/** The smallest page there is: a larger one is cut earlier than need be. */
const pageBytes = 4096;

/** Puts a type (a multiple of `entryBytes`) above the 47 bits of an address. */
const typeShift = 47 - Math.log2(entryBytes);
/** An odd number whose product is well mixed in its upper bits: 2^64 over the golden ratio. */
const mixer = 0x9e37_79b9_7f4a_7c15n;
/** No depth has more. */
const depthBits = 6;

/** What the largest exponent of a `power` count stands for: more buckets than any limit. */
const mostPower = 16;

/** What is done with one reference: a chunk is appended for what it leads to, or zeros are made of it. */
export class Follow {
  readonly #walk: WalkCode;

  constructor(walk: WalkCode) {
    this.#walk = walk;
  }

  /** r8: an entry that is a reference, r1 its kind. */
  emit(): void {
    const asm = this.#walk.asm;
    const { area } = this.#walk.layout;
    // r9 = where the reference lies, if all of it was captured.
    this.#walk.load(r9, 'base');
    asm.load(4, r2, r8, entryField.offset);
    asm.alu('add', r9, r2);
    asm.load(1, r2, r8, entryField.need);
    asm.alu('add', r2, r9);
    this.#walk.load(r3, 'end');
    asm.jumpIf('gt', r2, r3, this.#walk.advance);
    asm.jumpIf('gt', r9, immediate(this.#walk.lastPair), this.#walk.advance);
    const redacted = asm.newLabel();
    asm.jumpIf('eq', r1, immediate(reference.redacted), redacted);
    asm.alu('add', r9, r7);
    asm.load(8, r3, r9, area);
    // A nil pointer costs nothing; there are no more of them than the record has words.
    asm.jumpIf('eq', r3, immediate(0), this.#walk.skip);
    const counted = asm.newLabel();
    const copy = asm.newLabel();
    const single = asm.newLabel();
    const dynamic = asm.newLabel();
    asm.jumpIf('ge', r1, immediate(reference.eface), dynamic);
    asm.load(4, r4, r8, entryField.size);
    asm.load(4, r5, r8, entryField.type);
    asm.jumpIf('ne', r1, immediate(reference.pointer), counted);
    asm.label(single);
    this.#skipSeen();
    asm.jump(copy);
    asm.label(counted);
    this.#count();
    this.#await();
    asm.label(copy);
    this.#copy();
    asm.label(dynamic);
    this.#dynamic(single, counted);
    asm.label(redacted);
    this.#redact();
  }

  /** r4 = bytes of all targets (r4 was those of one, r5 is their type, r1 the kind). r2 is lost. */
  #count(): void {
    const asm = this.#walk.asm;
    const { area } = this.#walk.layout;
    const power = asm.newLabel();
    const limited = asm.newLabel();
    const within = asm.newLabel();
    this.#walk.load(r2, 'base');
    asm.load(4, r0, r8, entryField.count);
    asm.alu('add', r2, r0);
    asm.jumpIf('gt', r2, immediate(this.#walk.lastPair), this.#walk.advance);
    asm.alu('add', r2, r7);
    asm.load(1, r0, r8, entryField.adjust);
    asm.jumpIf('eq', r1, immediate(reference.power), power);
    asm.load(8, r2, r2, area);
    asm.alu('add', r2, r0);
    asm.jumpIf('ne', r1, immediate(reference.directory), limited);
    asm.jumpIf('ne', r2, immediate(0), limited);
    asm.load(4, r4, r8, entryField.otherSize);
    asm.load(4, r5, r8, entryField.otherType);
    asm.mov(r2, immediate(1));
    asm.jump(limited);
    asm.label(power);
    asm.load(1, r2, r2, area);
    asm.alu('sub', r2, r0);
    asm.alu('and', r2, immediate(0xff));
    const small = asm.newLabel();
    asm.jumpIf('le', r2, immediate(mostPower), small);
    asm.mov(r2, immediate(mostPower));
    asm.label(small);
    asm.mov(r0, immediate(1));
    asm.alu('lsh', r0, r2);
    asm.mov(r2, r0);
    asm.label(limited);
    asm.load(4, r0, r8, entryField.most);
    asm.jumpIf('le', r2, r0, within);
    asm.mov(r2, r0);
    asm.label(within);
    asm.alu('mul', r4, r2);
  }

  /**
   * To `advance` if this one object (r3 of type r5, r4 bytes) was taken already, from no deeper: what it leads to is followed from there. What is told
   * apart is a hash of 58 bits, with the depth below it.
   */
  #skipSeen(): void {
    const asm = this.#walk.asm;
    const { state } = this.#walk.layout;
    asm.mov(r1, r5);
    asm.alu('lsh', r1, immediate(typeShift));
    asm.alu('xor', r1, r3);
    asm.loadConstant(r2, mixer);
    asm.alu('mul', r1, r2);
    asm.mov(r2, r1);
    asm.alu('rsh', r2, immediate(64 - Math.log2(seenWords)));
    asm.alu('lsh', r2, immediate(3));
    asm.alu('add', r2, r7);
    asm.alu('and', r1, immediate(-(1 << depthBits)));
    this.#walk.load(r9, 'depth');
    asm.load(1, r0, r8, entryField.deeper);
    asm.alu('add', r9, r0);
    asm.alu('or', r1, r9);
    asm.load(8, r9, r2, state + walkState.seen);
    asm.mov(r0, r1);
    asm.alu('sub', r0, r9);
    asm.jumpIf('lt', r0, immediate(1 << depthBits), this.#walk.advance);
    this.#await();
    asm.store(8, r2, state + walkState.seen, r1);
  }

  /** r4 is no more than a chunk may have. What is larger than a turn waits, with the turn's end, until the value has been given as much. Loses r0, r9. */
  #await(): void {
    const asm = this.#walk.asm;
    const { maxChunk, turn } = this.#walk.layout;
    const fits = asm.newLabel();
    const go = asm.newLabel();
    asm.jumpIf('le', r4, immediate(maxChunk), fits);
    asm.mov(r4, immediate(maxChunk));
    asm.label(fits);
    if (!this.#walk.takesTurns || maxChunk <= turn.bytes) return;
    asm.jumpIf('le', r4, immediate(turn.bytes), go);
    this.#walk.load(r0, 'turnTail');
    this.#walk.load(r9, 'tail');
    asm.alu('sub', r0, r9);
    asm.jumpIf('sge', r0, r4, go);
    this.#walk.endTurn();
    asm.jump(this.#walk.loop);
    asm.label(go);
  }

  /** Appends a chunk: r4 bytes at r3, of type r5. Goes on to `advance`. */
  #copy(): void {
    const asm = this.#walk.asm;
    const { area, lastChunk, maxChunk, depth } = this.#walk.layout;
    asm.jumpIf('eq', r4, immediate(0), this.#walk.advance);
    this.#walk.load(r1, 'depth');
    asm.load(1, r2, r8, entryField.deeper);
    asm.alu('add', r1, r2);
    asm.jumpIf('gt', r1, immediate(depth), this.#walk.advance);
    this.#walk.load(r2, 'tail');
    const room = asm.newLabel();
    asm.jumpIf('le', r2, immediate(lastChunk), room);
    this.#walk.noteCut(walkCut.full);
    asm.jump(this.#walk.advance);
    asm.label(room);
    asm.mov(r9, r7);
    asm.alu('add', r9, r2);
    asm.store(8, r9, area + chunkHeader.address, r3);
    asm.store(4, r9, area + chunkHeader.type, r5);
    asm.store(2, r9, area + chunkHeader.depth, r1);
    asm.store(2, r9, area + chunkHeader.status, immediate(slotStatus.captured));
    asm.store(4, r9, area + chunkHeader.next, immediate(0));
    this.#walk.load(r1, 'last');
    asm.jumpIf('gt', r1, immediate(lastChunk), this.#walk.done);
    asm.alu('add', r1, r7);
    asm.store(4, r1, area + chunkHeader.next, r2);
    this.#walk.store('last', r2);
    asm.store(4, r9, area + chunkHeader.bytes, r4);
    asm.mov(r1, r9);
    asm.alu('add', r1, immediate(area + chunkHeaderSize));
    asm.mov(r2, r4);
    asm.call('probe_read_user');
    const read = asm.newLabel();
    const unreadable = asm.newLabel();
    asm.jumpIf('eq', r0, immediate(0), read);
    // Of an object that the program has not written to its end, the last pages are not there yet: up to the page's end, then.
    asm.load(8, r3, r9, area + chunkHeader.address);
    asm.mov(r1, r3);
    asm.alu('and', r1, immediate(pageBytes - 1));
    asm.mov(r2, immediate(pageBytes));
    asm.alu('sub', r2, r1);
    asm.load(4, r4, r9, area + chunkHeader.bytes);
    asm.jumpIf('ge', r2, r4, unreadable);
    asm.jumpIf('gt', r2, immediate(maxChunk), unreadable);
    asm.store(4, r9, area + chunkHeader.bytes, r2);
    asm.mov(r1, r9);
    asm.alu('add', r1, immediate(area + chunkHeaderSize));
    asm.call('probe_read_user');
    asm.jumpIf('eq', r0, immediate(0), read);
    asm.label(unreadable);
    asm.store(4, r9, area + chunkHeader.bytes, immediate(0));
    asm.store(2, r9, area + chunkHeader.status, immediate(slotStatus.unreadable));
    asm.label(read);
    asm.load(4, r1, r9, area + chunkHeader.bytes);
    asm.alu('add', r1, immediate(chunkHeaderSize + 7));
    asm.alu('and', r1, immediate(-8));
    this.#walk.load(r2, 'tail');
    asm.alu('add', r2, r1);
    this.#walk.store('tail', r2);
    if (this.#walk.takesTurns) {
      this.#walk.load(r1, 'turnTail');
      asm.jumpIf('sgt', r1, r2, this.#walk.advance);
      this.#walk.endTurn();
    }
    asm.jump(this.#walk.advance);
  }

  /** What an interface holds, or a func with captured variables or a node of a trie is: r3 its first word, r1 the kind. Leaves r3, r4, r5 as for one pointer, or for a counted one. */
  #dynamic(single: Label, counted: Label): void {
    const asm = this.#walk.asm;
    const { area } = this.#walk.layout;
    if (!this.#walk.dynamicTypes) {
      asm.jump(this.#walk.advance);
      return;
    }
    const known = asm.newLabel();
    const read = asm.newLabel();
    const held = asm.newLabel();
    const node = asm.newLabel();
    asm.jumpIf('eq', r1, immediate(reference.node), node);
    asm.jumpIf('eq', r1, immediate(reference.eface), known);
    asm.jumpIf('eq', r1, immediate(reference.closure), read);
    if (this.#walk.takesTurns) {
      // Here for the second time, as it had to wait.
      const first = asm.newLabel();
      asm.jumpIf('sge', r3, immediate(0), first);
      asm.alu('lsh', r3, immediate(1));
      asm.alu('rsh', r3, immediate(1));
      asm.jump(known);
      asm.label(first);
    }
    asm.alu('add', r3, immediate(itabType));
    asm.label(read);
    asm.mov(r1, fp);
    asm.alu('add', r1, immediate(frame.scratch));
    asm.mov(r2, immediate(8));
    asm.call('probe_read_user');
    asm.jumpIf('ne', r0, immediate(0), this.#walk.advance);
    asm.load(8, r3, fp, frame.scratch);
    asm.load(1, r1, r8, entryField.kind);
    asm.jumpIf('eq', r1, immediate(reference.closure), known);
    // The decoder needs the type, and has no way from the itab to it.
    asm.mov(r1, immediate(1));
    asm.alu('lsh', r1, immediate(63));
    asm.alu('or', r1, r3);
    asm.store(8, r9, area, r1);
    asm.label(known);
    asm.store(8, fp, frame.scratch, r3);
    asm.loadMapFd(r1, mapNames.dynamic);
    asm.mov(r2, fp);
    asm.alu('add', r2, immediate(frame.scratch));
    asm.call('map_lookup_elem');
    asm.jumpIf('eq', r0, immediate(0), this.#walk.advance);
    asm.load(4, r5, r0, 0);
    asm.load(4, r4, r0, 4);
    asm.load(8, r3, r9, area + 8);
    asm.load(1, r1, r8, entryField.kind);
    asm.jumpIf('ne', r1, immediate(reference.closure), held);
    asm.load(8, r3, r9, area);
    asm.label(held);
    asm.jumpIf('eq', r3, immediate(0), this.#walk.advance);
    const one = asm.newLabel();
    asm.load(4, r1, r8, entryField.most);
    asm.jumpIf('eq', r1, immediate(0), one);
    asm.load(4, r1, r8, entryField.otherType);
    asm.jumpIf('ne', r5, r1, one);
    asm.load(1, r1, r8, entryField.kind);
    asm.jump(counted);
    asm.label(one);
    this.#heldFunc(single);
    asm.label(node);
    this.#node(single);
  }

  /** To `single`; where an interface holds a func of a known closure, with what that has captured instead of its code alone. */
  #heldFunc(single: Label): void {
    const asm = this.#walk.asm;
    const { area } = this.#walk.layout;
    const closure = asm.newLabel();
    asm.jumpIf('ne', r5, immediate(codeTarget.entry), single);
    asm.jumpIf('ne', r4, immediate(codeTarget.size), single);
    asm.mov(r1, fp);
    asm.alu('add', r1, immediate(frame.scratch));
    asm.mov(r2, immediate(codeTarget.size));
    asm.call('probe_read_user');
    asm.jumpIf('ne', r0, immediate(0), this.#walk.advance);
    asm.loadMapFd(r1, mapNames.dynamic);
    asm.mov(r2, fp);
    asm.alu('add', r2, immediate(frame.scratch));
    asm.call('map_lookup_elem');
    asm.load(8, r3, r9, area + 8);
    asm.jumpIf('ne', r0, immediate(0), closure);
    asm.mov(r4, immediate(codeTarget.size));
    asm.mov(r5, immediate(codeTarget.entry));
    asm.jump(single);
    asm.label(closure);
    asm.load(4, r5, r0, 0);
    asm.load(4, r4, r0, 4);
    asm.jump(single);
  }

  /** What a node of a trie at r3 is: leaves r3, r4, r5 as for one pointer. */
  #node(single: Label): void {
    const asm = this.#walk.asm;
    const { area } = this.#walk.layout;
    asm.mov(r1, fp);
    asm.alu('add', r1, immediate(frame.scratch));
    asm.mov(r2, immediate(1));
    asm.call('probe_read_user');
    asm.jumpIf('ne', r0, immediate(0), this.#walk.advance);
    asm.load(8, r3, r9, area);
    asm.load(4, r4, r8, entryField.size);
    asm.load(4, r5, r8, entryField.type);
    const entry = asm.newLabel();
    asm.load(1, r1, fp, frame.scratch);
    asm.jumpIf('ne', r1, immediate(0), entry);
    this.#oneMore('nodes', entryField.most);
    asm.load(4, r4, r8, entryField.otherSize);
    asm.load(4, r5, r8, entryField.otherType);
    asm.jump(single);
    asm.label(entry);
    this.#oneMore('entries', entryField.count);
    asm.jump(single);
  }

  /** To `advance` if there are as many already as the entry's word says. Loses r1, r2. */
  #oneMore(word: 'nodes' | 'entries', most: number): void {
    const asm = this.#walk.asm;
    this.#walk.load(r1, word);
    asm.load(4, r2, r8, most);
    asm.jumpIf('ge', r1, r2, this.#walk.advance);
    asm.alu('add', r1, immediate(1));
    this.#walk.store(word, r1);
  }

  /** Makes zeros of the bytes at r9: a read that fails clears its target. */
  #redact(): void {
    const asm = this.#walk.asm;
    const { area, lastChunk, maxChunk } = this.#walk.layout;
    // Elsewhere the decoder alone keeps them back.
    asm.jumpIf('gt', r9, immediate(lastChunk + chunkHeaderSize), this.#walk.advance);
    const fits = asm.newLabel();
    const small = asm.newLabel();
    // What was captured of them.
    this.#walk.load(r2, 'end');
    asm.alu('sub', r2, r9);
    asm.load(4, r4, r8, entryField.size);
    asm.jumpIf('le', r2, r4, fits);
    asm.mov(r2, r4);
    asm.label(fits);
    asm.jumpIf('le', r2, immediate(maxChunk), small);
    asm.mov(r2, immediate(maxChunk));
    asm.label(small);
    asm.mov(r1, r7);
    asm.alu('add', r1, r9);
    asm.alu('add', r1, immediate(area));
    asm.mov(r3, immediate(0));
    asm.call('probe_read_user');
    asm.jump(this.#walk.advance);
  }
}
