import { Assembler, fp, type Helper, immediate, type Label, r0, r1, r2, r3, r6, r7, r8, r9 } from '#asm';
import { frame, mapNames } from './frame.ts';

/** How often an event is captured anew, at most, with one more page in place each time. */
const mostRounds = 16;

/** The smallest page there is. */
const pageBytes = 4096;

/** Above the count of rounds: bytes of what could not be read. */
const sizeShift = 8;

/** Notes in the frame what could not be read first, and how long it is; a read of address 0 is meant to fail. */
export class NotingAssembler extends Assembler {
  override call(helper: Helper): void {
    if (helper !== 'probe_read_user') {
      super.call(helper);
      return;
    }
    const noted = this.newLabel();
    this.store(8, fp, frame.attempt, r3);
    this.store(8, fp, frame.attemptBytes, r2);
    super.call(helper);
    this.jumpIf('eq', r0, immediate(0), noted);
    this.load(8, r1, fp, frame.fault);
    this.jumpIf('ne', r1, immediate(0), noted);
    this.load(8, r1, fp, frame.attempt);
    this.store(8, fp, frame.fault, r1);
    this.load(8, r1, fp, frame.attemptBytes);
    this.store(8, fp, frame.faultBytes, r1);
    this.label(noted);
  }
}

/** Where a program goes from what it could not read, and where it begins anew. */
export interface Waiting {
  readonly again: Label;
  readonly fetch: Label;
}

/**
 * Before a record is reserved. Behind a sleep nothing of the frame holds (decision 31): what is carried lies in r6 (the context), r8 (the rounds) and r9 (the
 * time before the first sleep, or as it was noted already: `timed`), and is put into the frame here. Loses r7.
 */
export function beginWaiting(asm: Assembler, timed: boolean): Waiting {
  const waiting = { again: asm.newLabel(), fetch: asm.newLabel() };
  const start = asm.newLabel();
  // 0 for two years of uptime, which the verifier does not know: a count that it knew it would follow round by round.
  asm.call('ktime_get_ns');
  asm.mov(r8, r0);
  asm.alu('rsh', r8, immediate(64 - sizeShift));
  if (timed) asm.load(8, r9, fp, frame.ktime);
  else asm.mov(r9, r0);
  asm.jump(start);
  // The code that sleeps stands before what is done anew, so that no load of the frame stands between a sleep and the stores behind it.
  asm.label(waiting.fetch);
  asm.load(8, r8, fp, frame.rounds);
  asm.load(8, r9, fp, frame.ktime);
  asm.load(8, r6, fp, frame.context);
  asm.load(8, r7, fp, frame.fault);
  asm.load(8, r1, fp, frame.faultBytes);
  asm.alu('lsh', r1, immediate(sizeShift));
  asm.alu('or', r8, r1);
  fetchPages(asm);
  asm.alu('add', r8, immediate(1));
  asm.alu('and', r8, immediate((1 << sizeShift) - 1));
  asm.label(start);
  asm.store(8, fp, frame.rounds, r8);
  asm.store(8, fp, frame.ktime, r9);
  asm.store(8, fp, frame.context, r6);
  asm.store(8, fp, frame.fault, immediate(0));
  asm.store(8, fp, frame.faultBytes, immediate(0));
  return waiting;
}

/** Has the pages of r8 >> `sizeShift` bytes at r7 brought in: the first, the last, and with each round one more between them. What is not mapped ends the rounds. */
function fetchPages(asm: Assembler): void {
  const done = asm.newLabel();
  const failed = asm.newLabel();
  fetchPage(asm, failed, () => asm.mov(r3, r7));
  fetchPage(asm, failed, () => {
    asm.mov(r3, r8);
    asm.alu('rsh', r3, immediate(sizeShift));
    asm.alu('sub', r3, immediate(1));
    asm.alu('add', r3, r7);
  });
  asm.mov(r1, r8);
  asm.alu('and', r1, immediate((1 << sizeShift) - 1));
  asm.alu('add', r1, immediate(1));
  asm.alu('mul', r1, immediate(pageBytes));
  asm.mov(r2, r8);
  asm.alu('rsh', r2, immediate(sizeShift));
  asm.jumpIf('ge', r1, r2, done);
  fetchPage(asm, failed, () => {
    asm.mov(r3, r7);
    asm.alu('add', r3, r1);
  });
  asm.jump(done);
  asm.label(failed);
  asm.alu('or', r8, immediate(mostRounds));
  asm.label(done);
}

function fetchPage(asm: Assembler, failed: Label, address: () => void): void {
  address();
  asm.mov(r1, fp);
  asm.alu('add', r1, immediate(frame.scratch));
  asm.mov(r2, immediate(1));
  asm.call('copy_from_user');
  asm.jumpIf('ne', r0, immediate(0), failed);
}

/**
 * Before a record (r7) is submitted: where something in it could not be read, it is given back, and the program sleeps and captures anew. `waitedNs`: offset in the
 * control value of a u64 to which a hit that has waited adds how long it took with all of that.
 */
export function waitOrGoOn(asm: Assembler, { fetch }: Waiting, waitedNs: number): void {
  const goOn = asm.newLabel();
  const noWait = asm.newLabel();
  asm.load(8, r1, fp, frame.fault);
  asm.jumpIf('eq', r1, immediate(0), goOn);
  asm.load(8, r1, fp, frame.rounds);
  asm.jumpIf('ge', r1, immediate(mostRounds), goOn);
  asm.mayGoto(goOn);
  asm.mov(r1, r7);
  asm.mov(r2, immediate(0));
  asm.call('ringbuf_discard');
  asm.jump(fetch);
  asm.label(goOn);
  asm.load(8, r1, fp, frame.rounds);
  asm.jumpIf('eq', r1, immediate(0), noWait);
  asm.call('ktime_get_ns');
  asm.load(8, r1, fp, frame.ktime);
  asm.alu('sub', r0, r1);
  asm.loadMapValue(r1, mapNames.control, waitedNs);
  asm.atomicAdd(r1, 0, r0);
  asm.label(noWait);
}
