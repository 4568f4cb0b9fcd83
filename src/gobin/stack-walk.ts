import { type Address, address, ByteReader } from '#base';
import type { ReadMemory } from './goroutines.ts';
import type { Pclntab } from './pclntab.ts';

/** How to get from one frame to the next, by the binary's own table of frame sizes. */
export interface FrameSteps {
  readonly table: Pclntab;
  /** Is added to the binary's addresses in the process. */
  readonly bias: number;
  /** What was looked up before, by pc: bytes from SP to the return address, or `bottom`. Goroutines stand in few places. */
  readonly known: Map<number, number | 'bottom' | 'unknown'>;
}

/** Go's own limit is 1 GB of stack; nobody waits for a walk of more frames. */
const mostFrames = 1_000_000;
/** Most stacks are read at once. */
const pieceBytes = 2048;

/**
 * The pcs of a stack that stands still, as the runtime's own traceback walks it (amd64). `complete`: down to the function in which every
 * goroutine begins.
 */
export function walkStack(
  read: ReadMemory,
  steps: FrameSteps,
  from: { readonly sp: number; readonly pc: number; readonly stackHi: number },
): { frames: Address[]; complete: boolean } {
  const frames: Address[] = [];
  let { sp, pc } = from;
  let piece: ByteReader | undefined;
  let pieceAt = 0;
  for (let depth = 0; depth < mostFrames; depth++) {
    const step = frameStep(steps, pc);
    if (step === 'unknown') break;
    frames.push(address(pc));
    if (step === 'bottom') return { frames, complete: true };
    const at = sp + step;
    // A frame beyond the stack's end is none.
    if (at + 8 > from.stackHi) break;
    if (!piece || at + 8 > pieceAt + piece.bytes.length) {
      const bytes = read(at, Math.max(8, Math.min(pieceBytes, from.stackHi - at)));
      if (!bytes) break;
      piece = new ByteReader(bytes);
      pieceAt = at;
    }
    piece.seek(at - pieceAt);
    pc = piece.u64number();
    sp = at + 8;
  }
  return { frames, complete: false };
}

function frameStep({ table, bias, known }: FrameSteps, pc: number): number | 'bottom' | 'unknown' {
  const before = known.get(pc);
  if (before !== undefined) return before;
  const at = address(pc - bias);
  const index = table.findByPc(at);
  const step = index < 0 ? 'unknown' : table.topFrame(index) ? 'bottom' : sizeOf(table.frameSize(at));
  known.set(pc, step);
  return step;
}

/** Where SP is not to be told the table has a value below 0. */
function sizeOf(found: number | undefined): number | 'unknown' {
  return found === undefined || found < 0 ? 'unknown' : found;
}
