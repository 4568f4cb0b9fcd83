import { immediate, r1, r2, r3, r6, r7, r9 } from '#asm';
import { rootState, rootStateSize, walkStateSize } from '#model';
import type { WalkCode } from './walk-code.ts';

/** Several values of an event: whose turn it is (decision 90). */
export class Turns {
  readonly #walk: WalkCode;

  constructor(walk: WalkCode) {
    this.#walk = walk;
  }

  /** Keeps what the present value's next turn goes on with; r1 = the next value. */
  save(): void {
    const asm = this.#walk.asm;
    const { roots } = this.#walk.layout;
    const found = asm.newLabel();
    this.#walk.load(r1, 'root');
    this.#rootAt(r9, r1);
    for (const word of ['chunk', 'base', 'entry', 'last'] as const) {
      this.#walk.load(r2, word);
      asm.store(8, r9, rootState[word], r2);
    }
    this.#walk.load(r2, 'turnTail');
    this.#walk.load(r3, 'tail');
    asm.alu('sub', r2, r3);
    asm.store(8, r9, rootState.credit, r2);
    asm.alu('add', r1, immediate(1));
    asm.jumpIf('lt', r1, immediate(roots.length), found);
    this.#walk.load(r1, 'level');
    asm.alu('add', r1, immediate(1));
    this.#walk.store('level', r1);
    asm.mov(r1, immediate(0));
    asm.label(found);
    this.#walk.store('root', r1);
  }

  /** The turn of value r1 begins; of one that has no credit it is over with that. */
  resume(): void {
    const asm = this.#walk.asm;
    const { turn } = this.#walk.layout;
    const allowed = asm.newLabel();
    this.#rootAt(r9, r1);
    for (const word of ['chunk', 'base', 'entry', 'last'] as const) {
      asm.load(8, r2, r9, rootState[word]);
      this.#walk.store(word, r2);
    }
    if (!this.#walk.takesTurns) return;
    asm.load(8, r2, r9, rootState.credit);
    asm.alu('add', r2, immediate(turn.bytes));
    this.#walk.load(r3, 'tail');
    asm.alu('add', r3, r2);
    this.#walk.store('turnTail', r3);
    asm.mov(r3, immediate(0));
    asm.jumpIf('sle', r2, immediate(0), allowed);
    if (this.#walk.mayGoto) this.#walk.load(r3, 'steps');
    else asm.mov(r3, r6);
    asm.alu('add', r3, immediate(this.#stepsOfTurn()));
    asm.label(allowed);
    this.#walk.store('turnSteps', r3);
  }

  #stepsOfTurn(): number {
    const { mayGoto, checkedSteps, layout } = this.#walk;
    // Of few steps each value has some, in two turns.
    return mayGoto ? layout.turn.steps : Math.min(layout.turn.steps, Math.ceil(checkedSteps / 2 / layout.roots.length));
  }

  /** `register` = the address of the state of value `root`, an index. */
  #rootAt(register: 9, root: 1): void {
    const asm = this.#walk.asm;
    const { state, roots } = this.#walk.layout;
    asm.jumpIf('ge', root, immediate(roots.length), this.#walk.done);
    asm.mov(register, root);
    asm.alu('mul', register, immediate(rootStateSize));
    asm.alu('add', register, r7);
    asm.alu('add', register, immediate(state + walkStateSize(0)));
  }
}
