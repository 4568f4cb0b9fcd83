import { type Assembler, immediate, type Label, r1, r7 } from '#asm';
import { chunkHeaderSize, type WalkLayout, walkState } from '#model';

export interface WalkOptions {
  readonly dynamicTypes: boolean;
  readonly mayGoto: boolean;
  /** As in `EmitFeatures`. */
  readonly checkedSteps: number;
}

/** What all parts of a walk have: its layout, the places that they go to, and the words of its state (r7 is the record). */
export class WalkCode {
  readonly asm: Assembler;
  readonly layout: WalkLayout;
  readonly dynamicTypes: boolean;
  readonly mayGoto: boolean;
  readonly checkedSteps: number;
  /** There are several values, which take turns. */
  readonly takesTurns: boolean;
  /** The present entry. */
  readonly loop: Label;
  /** As `loop`, but it does not count as a step (with `may_goto`; without, every iteration is one). */
  readonly free: Label;
  /** The next entry. */
  readonly advance: Label;
  /** The next entry, and the present one did not count. */
  readonly skip: Label;
  readonly done: Label;

  constructor(asm: Assembler, layout: WalkLayout, options: WalkOptions) {
    this.asm = asm;
    this.layout = layout;
    this.dynamicTypes = options.dynamicTypes;
    this.mayGoto = options.mayGoto;
    this.checkedSteps = options.checkedSteps;
    this.takesTurns = layout.roots.length > 1;
    this.loop = asm.newLabel();
    this.free = this.mayGoto ? asm.newLabel() : this.loop;
    this.advance = asm.newLabel();
    this.skip = asm.newLabel();
    this.done = asm.newLabel();
  }

  /** Offset in the area of the last two words that are in it. */
  get lastPair(): number {
    const { lastChunk, maxChunk } = this.layout;
    return lastChunk + chunkHeaderSize + maxChunk - 16;
  }

  /** What comes next is the next value's turn. */
  endTurn(): void {
    this.asm.store(8, r7, this.layout.state + walkState.turnSteps, immediate(0));
  }

  noteCut(bit: number): void {
    this.load(r1, 'cut');
    this.asm.alu('or', r1, immediate(bit));
    this.store('cut', r1);
  }

  load(register: 0 | 1 | 2 | 3 | 9, word: keyof typeof walkState): void {
    this.asm.load(8, register, r7, this.layout.state + walkState[word]);
  }

  store(word: keyof typeof walkState, register: 1 | 2 | 3): void {
    this.asm.store(8, r7, this.layout.state + walkState[word], register);
  }
}
