import { type Assembler, immediate, type Label, r1, r2, r6, r7, r8, r9 } from '#asm';
import { chunkHeader, chunkHeaderSize, rootState, type WalkLayout, walkCut, walkState, walkStateSize } from '#model';
import { entryBytes, entryField, reference } from '../graph/index.ts';
import { Follow } from './follow.ts';
import { mapNames } from './frame.ts';
import { Turns } from './turns.ts';
import { WalkCode, type WalkOptions } from './walk-code.ts';

/**
 * Copies what the event's values refer to: goes over the chunks of the snapshot in order (the values' own are there already), over
 * the references of each one's type, and appends a chunk for what each leads to, as Cheney's collector does: no queue, no recursion, one
 * loop of at most `steps` steps. Each value has its own chunks, linked with each other, and of several values each has its turn, so that none takes the room of another (decision 90).
 * Its state lies in the record, where the verifier knows nothing of it: with `may_goto` it looks at two or
 * three iterations only, without at every one, as the count in r6 tells them apart (about 400 instructions each). r7: the record; loses all other registers, r6 (the context) too. Nothing here sleeps.
 */
export function walk(asm: Assembler, layout: WalkLayout, options: WalkOptions): void {
  new Walk(new WalkCode(asm, layout, options)).emit();
}

class Walk {
  readonly #walk: WalkCode;

  constructor(walk: WalkCode) {
    this.#walk = walk;
  }

  emit(): void {
    const asm = this.#walk.asm;
    const { roots, tableBytes } = this.#walk.layout;
    this.#begin();
    if (roots.length === 0) return;
    const turn = asm.newLabel();
    const resume = asm.newLabel();
    const open = asm.newLabel();
    const turns = new Turns(this.#walk);
    asm.mov(r1, immediate(0));
    asm.jump(resume);
    asm.label(this.#walk.loop);
    this.#step(turn);
    // r8 = the entry.
    this.#walk.load(r1, 'entry');
    asm.jumpIf('gt', r1, immediate(tableBytes - entryBytes), this.#walk.done);
    asm.loadMapValue(r8, mapNames.types, 0);
    asm.alu('add', r8, r1);
    asm.load(1, r1, r8, entryField.kind);
    const follow = asm.newLabel();
    asm.jumpIf('ne', r1, immediate(reference.end), follow);
    this.#nextElement(open);
    if (this.#walk.takesTurns) {
      asm.label(turn);
      turns.save();
      // By a jump, though it is the next instruction: the loop was entered there (kernel 6.1; see `loopWithoutJump`).
      asm.jump(resume);
    }
    asm.label(resume);
    turns.resume();
    asm.label(open);
    this.#open();
    asm.label(follow);
    new Follow(this.#walk).emit();
    asm.label(this.#walk.advance);
    this.#walk.load(r1, 'entry');
    asm.alu('add', r1, immediate(entryBytes));
    this.#walk.store('entry', r1);
    asm.jump(this.#walk.loop);
    asm.label(this.#walk.skip);
    this.#walk.load(r1, 'entry');
    asm.alu('add', r1, immediate(entryBytes));
    this.#walk.store('entry', r1);
    asm.jump(this.#walk.free);
    asm.label(this.#walk.done);
  }

  /** Counts a step: to `turn` where those of the turn are gone, to the end where all are. */
  #step(turn: Label): void {
    const asm = this.#walk.asm;
    const { roots, steps } = this.#walk.layout;
    const { mayGoto, checkedSteps } = this.#walk;
    // A turn that begins is an iteration, too.
    const iterations = this.#walk.takesTurns ? 2 * steps + roots.length : steps;
    const more = asm.newLabel();
    const over = asm.newLabel();
    if (mayGoto) {
      asm.mayGoto(over);
      this.#walk.load(r1, 'steps');
      asm.jumpIf('ge', r1, immediate(steps), over);
      this.#untilTurn(r1, turn);
      asm.alu('add', r1, immediate(1));
      this.#walk.store('steps', r1);
      asm.jump(more);
    } else {
      asm.alu('add', r6, immediate(1));
      asm.jumpIf('gt', r6, immediate(Math.min(iterations, checkedSteps)), over);
      this.#untilTurn(r6, turn);
      asm.jump(more);
    }
    asm.label(over);
    this.#walk.noteCut(mayGoto || iterations <= checkedSteps ? walkCut.steps : walkCut.checked);
    asm.jump(this.#walk.done);
    if (mayGoto) {
      asm.label(this.#walk.free);
      asm.mayGoto(this.#walk.done);
    }
    asm.label(more);
  }

  #untilTurn(steps: 1 | 6, turn: Label): void {
    if (!this.#walk.takesTurns) return;
    this.#walk.load(r2, 'turnSteps');
    this.#walk.asm.jumpIf('ge', steps, r2, turn);
  }

  #begin(): void {
    const asm = this.#walk.asm;
    const { state, rootBytes, roots } = this.#walk.layout;
    for (let at = 0; at < walkStateSize(0); at += 8) asm.store(8, r7, state + at, immediate(0));
    asm.store(8, r7, state + walkState.tail, immediate(rootBytes));
    asm.store(8, r7, state + walkState.open, immediate(roots.length));
    roots.forEach(({ chunk, entry }, i) => {
      const own = state + walkStateSize(i);
      asm.store(8, r7, own + rootState.chunk, immediate(chunk));
      asm.store(8, r7, own + rootState.base, immediate(chunk + chunkHeaderSize));
      asm.store(8, r7, own + rootState.entry, immediate(entry));
      asm.store(8, r7, own + rootState.last, immediate(chunk));
      asm.store(8, r7, own + rootState.credit, immediate(0));
    });
    asm.mov(r6, immediate(0));
  }

  /** The chunk's next element, else to `open` with the value's next chunk, else the value is done. */
  #nextElement(open: Label): void {
    const asm = this.#walk.asm;
    const { area } = this.#walk.layout;
    const nextChunk = asm.newLabel();
    const next = asm.newLabel();
    this.#walk.load(r1, 'base');
    this.#walk.load(r2, 'stride');
    asm.alu('add', r1, r2);
    this.#walk.load(r2, 'end');
    asm.jumpIf('ge', r1, r2, nextChunk);
    this.#walk.store('base', r1);
    this.#walk.load(r1, 'first');
    this.#walk.store('entry', r1);
    asm.jump(this.#walk.loop);
    asm.label(nextChunk);
    this.#chunkAt(r9);
    asm.load(4, r1, r9, area + chunkHeader.next);
    asm.jumpIf('ne', r1, immediate(0), next);
    if (this.#walk.takesTurns) {
      this.#walk.load(r1, 'open');
      asm.alu('sub', r1, immediate(1));
      asm.jumpIf('eq', r1, immediate(0), this.#walk.done);
      this.#walk.store('open', r1);
      // It has no turn any more: so much is never given back.
      asm.store(8, r7, this.#walk.layout.state + walkState.turnTail, immediate(-0x8000_0000));
      this.#walk.endTurn();
      asm.jump(this.#walk.loop);
    } else {
      asm.jump(this.#walk.done);
    }
    asm.label(next);
    this.#walk.store('chunk', r1);
    asm.alu('add', r1, immediate(chunkHeaderSize));
    this.#walk.store('base', r1);
    this.#chunkAt(r9);
    asm.load(4, r1, r9, area + chunkHeader.type);
    asm.alu('add', r1, immediate(entryBytes));
    this.#walk.store('entry', r1);
    if (this.#walk.takesTurns) {
      // Values go deeper together: what several lead to is met first by the one that it is nearest to.
      asm.load(2, r2, r9, area + chunkHeader.depth);
      this.#walk.load(r1, 'level');
      asm.jumpIf('le', r2, r1, open);
      this.#walk.endTurn();
    }
    asm.jump(open);
  }

  /** `register` = the record's address of the present chunk, but for `area`. Loses r1. */
  #chunkAt(register: 9): void {
    const asm = this.#walk.asm;
    this.#walk.load(r1, 'chunk');
    asm.jumpIf('gt', r1, immediate(this.#walk.layout.lastChunk), this.#walk.done);
    asm.mov(register, r7);
    asm.alu('add', register, r1);
  }

  /** What is constant in the present chunk. */
  #open(): void {
    const asm = this.#walk.asm;
    const { area, tableBytes } = this.#walk.layout;
    this.#chunkAt(r9);
    asm.load(2, r2, r9, area + chunkHeader.depth);
    this.#walk.store('depth', r2);
    asm.load(4, r2, r9, area + chunkHeader.bytes);
    asm.alu('add', r1, immediate(chunkHeaderSize));
    asm.alu('add', r1, r2);
    this.#walk.store('end', r1);
    asm.load(4, r1, r9, area + chunkHeader.type);
    asm.jumpIf('gt', r1, immediate(tableBytes - entryBytes), this.#walk.done);
    asm.loadMapValue(r2, mapNames.types, 0);
    asm.alu('add', r2, r1);
    asm.load(4, r2, r2, entryField.offset);
    this.#walk.store('stride', r2);
    asm.alu('add', r1, immediate(entryBytes));
    this.#walk.store('first', r1);
    asm.jump(this.#walk.loop);
  }
}
