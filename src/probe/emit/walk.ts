import { type Assembler, fp, immediate, type Label, r0, r1, r2, r3, r4, r5, r6, r7, r8, r9 } from '#asm';
import { chunkHeader, chunkHeaderSize, seenWords, slotStatus, type WalkLayout, walkCut, walkState } from '#model';
import { entryBytes, entryField, reference } from '../graph/index.ts';
import { frame, mapNames } from './frame.ts';

/** `internal/abi.ITab.Type`. */
const itabType = 8;

/** The smallest page there is: a larger one is cut earlier than need be. */
const pageBytes = 4096;

/** Steps without `may_goto`: the verifier looks at each, which takes it about 1 µs an instruction. */
const mostCheckedSteps = 256;

/** What the largest exponent of a `power` count stands for: more buckets than any limit. */
const mostPower = 16;

/**
 * Copies what the event's values refer to: goes over the chunks of the snapshot in order (the values' own are there already), over
 * the references of each one's type, and appends a chunk for what each leads to, as Cheney's collector does: no queue, no recursion, one
 * loop of at most `steps` steps. Its state lies in the record, where the verifier knows nothing of it: with `may_goto` it looks at two or
 * three iterations only, without at every one, as the count in r6 tells them apart (about 360 instructions each). r7: the record; loses all other registers, r6 (the context) too. Nothing here sleeps.
 */
export function walk(
  asm: Assembler,
  layout: WalkLayout,
  options: { readonly dynamicTypes: boolean; readonly mayGoto: boolean },
): void {
  new Walk(asm, layout, options).emit();
}

class Walk {
  readonly #asm: Assembler;
  readonly #layout: WalkLayout;
  readonly #dynamicTypes: boolean;
  readonly #mayGoto: boolean;
  readonly #loop: Label;
  /** As `loop`, but it does not count as a step (with `may_goto`; without, every turn is one). */
  readonly #free: Label;
  readonly #advance: Label;
  readonly #skip: Label;
  readonly #done: Label;

  constructor(asm: Assembler, layout: WalkLayout, options: { dynamicTypes: boolean; mayGoto: boolean }) {
    this.#asm = asm;
    this.#layout = layout;
    this.#dynamicTypes = options.dynamicTypes;
    this.#mayGoto = options.mayGoto;
    this.#loop = asm.newLabel();
    this.#free = this.#mayGoto ? asm.newLabel() : this.#loop;
    this.#advance = asm.newLabel();
    this.#skip = asm.newLabel();
    this.#done = asm.newLabel();
  }

  /** Offset in the area of the last two words that are in it. */
  get #lastPair(): number {
    const { lastChunk, maxChunk } = this.#layout;
    return lastChunk + chunkHeaderSize + maxChunk - 16;
  }

  emit(): void {
    const asm = this.#asm;
    const { steps, tableBytes } = this.#layout;
    this.#begin();
    asm.label(this.#loop);
    const more = asm.newLabel();
    const over = asm.newLabel();
    if (this.#mayGoto) {
      asm.mayGoto(over);
      this.#load(r1, 'steps');
      asm.jumpIf('ge', r1, immediate(steps), over);
      asm.alu('add', r1, immediate(1));
      this.#store('steps', r1);
      asm.jump(more);
    } else {
      asm.alu('add', r6, immediate(1));
      asm.jumpIf('le', r6, immediate(Math.min(steps, mostCheckedSteps)), more);
    }
    asm.label(over);
    this.#noteCut(walkCut.steps);
    asm.jump(this.#done);
    if (this.#mayGoto) {
      asm.label(this.#free);
      asm.mayGoto(this.#done);
    }
    asm.label(more);
    // r8 = the entry.
    this.#load(r1, 'entry');
    asm.jumpIf('gt', r1, immediate(tableBytes - entryBytes), this.#done);
    asm.loadMapValue(r8, mapNames.types, 0);
    asm.alu('add', r8, r1);
    asm.load(1, r1, r8, entryField.kind);
    const follow = asm.newLabel();
    asm.jumpIf('ne', r1, immediate(reference.end), follow);
    this.#nextElement();
    asm.label(follow);
    this.#follow();
    asm.label(this.#advance);
    this.#load(r1, 'entry');
    asm.alu('add', r1, immediate(entryBytes));
    this.#store('entry', r1);
    asm.jump(this.#loop);
    asm.label(this.#skip);
    this.#load(r1, 'entry');
    asm.alu('add', r1, immediate(entryBytes));
    this.#store('entry', r1);
    asm.jump(this.#free);
    asm.label(this.#done);
  }

  #begin(): void {
    const asm = this.#asm;
    const { state, rootBytes } = this.#layout;
    for (const word of Object.values(walkState)) asm.store(8, r7, state + word, immediate(0));
    for (let i = 1; i < seenWords; i++) asm.store(8, r7, state + walkState.seen + 8 * i, immediate(0));
    asm.store(8, r7, state + walkState.tail, immediate(rootBytes));
    asm.mov(r6, immediate(0));
  }

  /** The chunk's next element, else the next chunk's first, else the end. */
  #nextElement(): void {
    const asm = this.#asm;
    const { area, lastChunk, tableBytes } = this.#layout;
    const nextChunk = asm.newLabel();
    this.#load(r1, 'base');
    this.#load(r2, 'stride');
    asm.alu('add', r1, r2);
    this.#load(r2, 'end');
    asm.jumpIf('ge', r1, r2, nextChunk);
    this.#store('base', r1);
    this.#load(r1, 'first');
    this.#store('entry', r1);
    asm.jump(this.#loop);
    asm.label(nextChunk);
    this.#load(r1, 'end');
    asm.alu('add', r1, immediate(7));
    asm.alu('and', r1, immediate(-8));
    this.#load(r2, 'tail');
    asm.jumpIf('ge', r1, r2, this.#done);
    asm.jumpIf('gt', r1, immediate(lastChunk), this.#done);
    asm.mov(r9, r7);
    asm.alu('add', r9, r1);
    asm.load(4, r2, r9, area + chunkHeader.depth);
    this.#store('depth', r2);
    asm.alu('add', r1, immediate(chunkHeaderSize));
    this.#store('base', r1);
    asm.load(4, r2, r9, area + chunkHeader.bytes);
    asm.alu('add', r1, r2);
    this.#store('end', r1);
    asm.load(4, r1, r9, area + chunkHeader.type);
    asm.jumpIf('gt', r1, immediate(tableBytes - entryBytes), this.#done);
    asm.loadMapValue(r2, mapNames.types, 0);
    asm.alu('add', r2, r1);
    asm.load(4, r2, r2, entryField.offset);
    this.#store('stride', r2);
    asm.alu('add', r1, immediate(entryBytes));
    this.#store('entry', r1);
    this.#store('first', r1);
    asm.jump(this.#loop);
  }

  /** r8: an entry that is a reference, r1 its kind. */
  #follow(): void {
    const asm = this.#asm;
    const { area } = this.#layout;
    // r9 = where the reference lies, if all of it was captured.
    this.#load(r9, 'base');
    asm.load(4, r2, r8, entryField.offset);
    asm.alu('add', r9, r2);
    asm.load(1, r2, r8, entryField.need);
    asm.alu('add', r2, r9);
    this.#load(r3, 'end');
    asm.jumpIf('gt', r2, r3, this.#advance);
    asm.jumpIf('gt', r9, immediate(this.#lastPair), this.#advance);
    const redacted = asm.newLabel();
    asm.jumpIf('eq', r1, immediate(reference.redacted), redacted);
    asm.alu('add', r9, r7);
    asm.load(8, r3, r9, area);
    // A nil pointer costs nothing; there are no more of them than the record has words.
    asm.jumpIf('eq', r3, immediate(0), this.#skip);
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
    asm.label(copy);
    this.#copy();
    asm.label(dynamic);
    this.#dynamic(single);
    asm.label(redacted);
    this.#redact();
  }

  /** r4 = bytes of all targets (r4 was those of one, r5 is their type, r1 the kind). r2 is lost. */
  #count(): void {
    const asm = this.#asm;
    const { area } = this.#layout;
    const power = asm.newLabel();
    const limited = asm.newLabel();
    const within = asm.newLabel();
    this.#load(r2, 'base');
    asm.load(4, r0, r8, entryField.count);
    asm.alu('add', r2, r0);
    asm.jumpIf('gt', r2, immediate(this.#lastPair), this.#advance);
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

  /** To `advance` if this one object (r3 of type r5) was taken already. */
  #skipSeen(): void {
    const asm = this.#asm;
    const { state } = this.#layout;
    asm.mov(r1, r5);
    asm.alu('lsh', r1, immediate(48));
    asm.alu('xor', r1, r3);
    asm.mov(r2, r3);
    asm.alu('rsh', r2, immediate(3));
    asm.mov(r0, r3);
    asm.alu('rsh', r0, immediate(9));
    asm.alu('xor', r2, r0);
    asm.alu('and', r2, immediate(seenWords - 1));
    asm.alu('lsh', r2, immediate(3));
    asm.alu('add', r2, r7);
    asm.load(8, r0, r2, state + walkState.seen);
    asm.jumpIf('eq', r0, r1, this.#advance);
    asm.store(8, r2, state + walkState.seen, r1);
  }

  /** Appends a chunk: r4 bytes at r3, of type r5. Goes on to `advance`. */
  #copy(): void {
    const asm = this.#asm;
    const { area, lastChunk, maxChunk, depth } = this.#layout;
    asm.jumpIf('eq', r4, immediate(0), this.#advance);
    this.#load(r1, 'depth');
    asm.load(1, r2, r8, entryField.deeper);
    asm.alu('add', r1, r2);
    asm.jumpIf('gt', r1, immediate(depth), this.#advance);
    this.#load(r2, 'tail');
    const room = asm.newLabel();
    asm.jumpIf('le', r2, immediate(lastChunk), room);
    this.#noteCut(walkCut.full);
    asm.jump(this.#advance);
    asm.label(room);
    asm.mov(r9, r7);
    asm.alu('add', r9, r2);
    asm.store(8, r9, area + chunkHeader.address, r3);
    asm.store(4, r9, area + chunkHeader.type, r5);
    asm.store(4, r9, area + chunkHeader.depth, r1);
    asm.store(4, r9, area + chunkHeader.status, immediate(slotStatus.captured));
    const fits = asm.newLabel();
    asm.jumpIf('le', r4, immediate(maxChunk), fits);
    asm.mov(r4, immediate(maxChunk));
    asm.label(fits);
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
    asm.store(4, r9, area + chunkHeader.status, immediate(slotStatus.unreadable));
    asm.label(read);
    asm.load(4, r1, r9, area + chunkHeader.bytes);
    asm.alu('add', r1, immediate(chunkHeaderSize + 7));
    asm.alu('and', r1, immediate(-8));
    this.#load(r2, 'tail');
    asm.alu('add', r2, r1);
    this.#store('tail', r2);
    asm.jump(this.#advance);
  }

  /** What an interface holds, or a func with captured variables or a node of a trie is: r3 its first word, r1 the kind. Leaves r3, r4, r5 as for one pointer. */
  #dynamic(single: Label): void {
    const asm = this.#asm;
    const { area } = this.#layout;
    if (!this.#dynamicTypes) {
      asm.jump(this.#advance);
      return;
    }
    const known = asm.newLabel();
    const read = asm.newLabel();
    const held = asm.newLabel();
    const node = asm.newLabel();
    asm.jumpIf('eq', r1, immediate(reference.node), node);
    asm.jumpIf('eq', r1, immediate(reference.eface), known);
    asm.jumpIf('eq', r1, immediate(reference.closure), read);
    asm.alu('add', r3, immediate(itabType));
    asm.label(read);
    asm.mov(r1, fp);
    asm.alu('add', r1, immediate(frame.scratch));
    asm.mov(r2, immediate(8));
    asm.call('probe_read_user');
    asm.jumpIf('ne', r0, immediate(0), this.#advance);
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
    asm.jumpIf('eq', r0, immediate(0), this.#advance);
    asm.load(4, r5, r0, 0);
    asm.load(4, r4, r0, 4);
    asm.load(8, r3, r9, area + 8);
    asm.load(1, r1, r8, entryField.kind);
    asm.jumpIf('ne', r1, immediate(reference.closure), held);
    asm.load(8, r3, r9, area);
    asm.label(held);
    asm.jumpIf('eq', r3, immediate(0), this.#advance);
    asm.jump(single);
    asm.label(node);
    this.#node(single);
  }

  /** What a node of a trie at r3 is: leaves r3, r4, r5 as for one pointer. */
  #node(single: Label): void {
    const asm = this.#asm;
    const { area } = this.#layout;
    asm.mov(r1, fp);
    asm.alu('add', r1, immediate(frame.scratch));
    asm.mov(r2, immediate(1));
    asm.call('probe_read_user');
    asm.jumpIf('ne', r0, immediate(0), this.#advance);
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
    const asm = this.#asm;
    this.#load(r1, word);
    asm.load(4, r2, r8, most);
    asm.jumpIf('ge', r1, r2, this.#advance);
    asm.alu('add', r1, immediate(1));
    this.#store(word, r1);
  }

  /** Makes zeros of the bytes at r9: a read that fails clears its target. */
  #redact(): void {
    const asm = this.#asm;
    const { area, lastChunk, maxChunk } = this.#layout;
    // Elsewhere the decoder alone keeps them back.
    asm.jumpIf('gt', r9, immediate(lastChunk + chunkHeaderSize), this.#advance);
    const fits = asm.newLabel();
    const small = asm.newLabel();
    // What was captured of them.
    this.#load(r2, 'end');
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
    asm.jump(this.#advance);
  }

  #noteCut(bit: number): void {
    const asm = this.#asm;
    this.#load(r1, 'cut');
    asm.alu('or', r1, immediate(bit));
    this.#store('cut', r1);
  }

  #load(register: 1 | 2 | 3 | 9, word: keyof typeof walkState): void {
    this.#asm.load(8, register, r7, this.#layout.state + walkState[word]);
  }

  #store(word: keyof typeof walkState, register: 1 | 2): void {
    this.#asm.store(8, r7, this.#layout.state + walkState[word], register);
  }
}
