import type { Outcome } from '#model';
import type { PanicCause } from './panics.ts';

/** How a call ended, for its row. */
export interface Ending {
  readonly outcome: Outcome;
  /** What the notes say of the columns that have no value because of it, and of a lost call's outcome. */
  readonly reason: string;
  /** Is there a latency? Not when the end was not seen. */
  readonly seen: boolean;
  /** The panic that it was left by, or why that is not known. */
  readonly panic?: PanicCause | undefined;
}

export const returned: Ending = { outcome: 'returned', reason: '', seen: true };
export const panicked: Ending = { outcome: 'panicked', reason: 'the call panicked', seen: true };
export const goexit: Ending = { outcome: 'goexit', reason: 'the goroutine ended by runtime.Goexit', seen: true };
export const exited: Ending = { outcome: 'exited', reason: 'the process ended', seen: false };
export const replaced: Ending = { outcome: 'exited', reason: 'the process replaced itself by exec', seen: false };
export const running: Ending = { outcome: 'running', reason: 'the call is still running', seen: false };
export const tail: Ending = {
  outcome: 'returned',
  reason: 'the function ends in a jump to another one, whose results these would be',
  seen: true,
};
const lost = (reason: string): Ending => ({ outcome: 'lost', reason, seen: false });
export const returnDropped = lost('return events were dropped meanwhile, perhaps its own');
export const unwindDropped = lost('events of panics and Goexit were dropped meanwhile');
export const doubtful = lost('events were dropped meanwhile: its return cannot be told from that of a later call');
export const neverReturned = lost('it did not return');
export const goroutineGone = lost('its goroutine ended');
export const noGoroutine = lost('its goroutine is not known, so its return cannot be told from others');
export const endless = lost('it is an inlined copy whose end is not told apart from the code around it');
export const tooMany = lost('too many open calls');
export const unknownPanic = 'the panic began before it was traced, or its event was dropped';
