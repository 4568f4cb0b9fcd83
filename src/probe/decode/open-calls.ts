import type { ProbePlan } from '../types.ts';
import type { OpenCall } from './call.ts';
import { type Ending, exited, panicked, unknownPanic } from './ending.ts';
import type { Panics } from './panics.ts';
import type { RowTarget } from './row.ts';

/** A process, and what is open in it. */
export interface Target extends RowTarget {
  readonly index: number;
  readonly plans: readonly ProbePlan[];
  /** `g` → its deepest open call. */
  readonly calls: Map<number, OpenCall>;
  /** Undefined: nobody wants to know. */
  readonly panics: Panics | undefined;
}

/** The calls that have begun and not ended: of each goroutine a chain, the deepest first, that its stack's discipline keeps in order (FACTS, rule 20). */
export class OpenCalls {
  /** Told of each call that is closed here; it is in no chain any more. */
  readonly #ended: (target: Target, call: OpenCall, now: bigint, ending?: Ending) => void;
  #count = 0;
  #bytes = 0;

  constructor(ended: (target: Target, call: OpenCall, now: bigint, ending?: Ending) => void) {
    this.#ended = ended;
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of their entry records. */
  get bytes(): number {
    return this.#bytes;
  }

  /** It is the deepest of its goroutine now. */
  push(target: Target, g: number, call: OpenCall): void {
    call.below = target.calls.get(g);
    target.calls.set(g, call);
    this.#count++;
    this.#bytes += call.bytes.length;
  }

  /** Takes a call out of its goroutine's chain; `above` is the call that it hangs on. */
  unlink(target: Target, g: number, call: OpenCall, above: OpenCall | undefined): void {
    if (above !== undefined) above.below = call.below;
    else if (call.below !== undefined) target.calls.set(g, call.below);
    else target.calls.delete(g);
    this.#count--;
    this.#bytes -= call.bytes.length;
  }

  isOpen(target: Target, g: number, depth: number, probe: number): boolean {
    for (let call = target.calls.get(g); call !== undefined && call.depth === depth; call = call.below)
      if (call.probe === probe) return true;
    return false;
  }

  /** The innermost open call that a call at `depth` began in: not the same call as another probe of its function sees it. */
  around(target: Target, g: number, depth: number, plan: ProbePlan): OpenCall | undefined {
    let call = target.calls.get(g);
    const same = (open: OpenCall) =>
      open.depth > depth ||
      (open.depth === depth && plan.nested !== true && target.plans[open.probe]!.function === plan.function);
    while (call !== undefined && same(call)) call = call.below;
    return call;
  }

  /** Ends the open calls of `g` that are deeper than `depth`, deepest first. */
  closeDeeper(target: Target, g: number, depth: number, now: bigint, ending?: Ending): void {
    if (ending === undefined && target.panics?.some) target.panics.reached(g, depth);
    for (let call = target.calls.get(g); call !== undefined && call.depth > depth; ) {
      const { below } = call;
      this.unlink(target, g, call, undefined);
      this.#ended(target, call, now, ending && causeOf(target, g, call, ending));
      call = below;
    }
  }

  /** A call enters at `depth`: what was open there is over, but for the same call as other probes of its function see it. */
  closeAtDepth(target: Target, g: number, depth: number, probe: number, now: bigint): void {
    const top = target.calls.get(g);
    const fn = target.plans[probe]!.function;
    let again = false;
    for (let call = top; call !== undefined && call.depth === depth; call = call.below) {
      if (call.probe === probe || target.plans[call.probe]!.function !== fn) again = true;
    }
    if (again) this.closeDeeper(target, g, depth - 1, now);
  }

  /** An inlined copy begins in the frame at `depth`: only a call of the same copy that is open there is over, and what began after it. */
  closeSame(target: Target, g: number, depth: number, probe: number, now: bigint): void {
    if (!this.isOpen(target, g, depth, probe)) return;
    for (let call = target.calls.get(g); call !== undefined; ) {
      const { below } = call;
      const last = call.probe === probe;
      this.unlink(target, g, call, undefined);
      this.#ended(target, call, now);
      if (last) return;
      call = below;
    }
  }
}

/** The ending with what the call was left with. */
export function causeOf(target: Target, g: number, call: OpenCall, ending: Ending): Ending {
  if (target.panics === undefined || (ending !== panicked && ending !== exited)) return ending;
  const panic = target.panics.of(g, call) ?? (ending === panicked ? unknownPanic : undefined);
  return { ...ending, panic };
}
