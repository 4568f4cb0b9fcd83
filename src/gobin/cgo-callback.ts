import type { Address } from '#base';
import type { Pclntab } from './pclntab.ts';
import { type DecodedCode, flow, type GoFunction } from './types.ts';

/**
 * Where a goroutine's stack goes on below a call from C. `runtime.cgocallback` runs on the goroutine's stack, but the frame pointer that it leaves there is one of C's stack. It
 * has its own return address right below where the goroutine's stack ended when C was called: below the frame of `runtime.asmcgocall`, which `runtime.cgocall` has called.
 */
export interface CgoCallback {
  /** Where `cgocallback` goes on when Go has returned to it. */
  readonly pc: Address;
  /** Bytes between its stack pointer then and its own return address. */
  readonly frameBytes: number;
  /** Bytes of `asmcgocall`'s frame. */
  readonly calleeBytes: number;
  /** Where `runtime.cgocall` goes on when C has returned, and the bytes of its frame. */
  readonly below: { readonly pc: Address; readonly frameBytes: number };
}

/** In `cgocallback` (runtime/asm_amd64.s): `needm` for a thread of C, `cgocallbackg`, `dropm`. */
const callsInCallback = 3;

/** Undefined: C cannot call Go in this program, or it is not known how (amd64 only). */
export function cgoCallback(table: Pclntab, code: (fn: GoFunction) => DecodedCode): CgoCallback | undefined {
  const find = (name: string) => table.findByName(name).find((index) => !table.wrapper(index));
  const returns = (name: string) => {
    const index = find(name);
    return index === undefined ? [] : returnsIn(code(table.function(index)));
  };
  const returnOf = (name: string, callee: string) =>
    returns(name).find(({ target }) => target !== undefined && table.name(table.findByPc(target)) === callee)?.pc;
  if (find('crosscall2') === undefined) return undefined;
  const inCallback = returns('runtime.cgocallback');
  const pc = inCallback.length === callsInCallback ? inCallback[1]!.pc : undefined;
  const left = returnOf('runtime.asmcgocall', 'gosave_systemstack_switch');
  const below = returnOf('runtime.cgocall', 'runtime.asmcgocall');
  if (pc === undefined || left === undefined || below === undefined) return undefined;
  const [frameBytes, calleeBytes, belowBytes] = [pc, left, below].map((at) => table.frameSize(at));
  if (frameBytes === undefined || calleeBytes === undefined || belowBytes === undefined) return undefined;
  return { pc, frameBytes, calleeBytes, below: { pc: below, frameBytes: belowBytes } };
}

/** Where calls return to, and whom they call, as far as that is told. */
function returnsIn(code: DecodedCode): { readonly pc: Address; readonly target: Address | undefined }[] {
  const { entry, offsets, targets, count } = code;
  const found: { pc: Address; target: Address | undefined }[] = [];
  for (let i = 0; i + 1 < count; i++) {
    if (code.flow[i] !== flow.call && code.flow[i] !== flow.indirectCall) continue;
    const target = Number.isNaN(targets[i]!) ? undefined : ((entry + targets[i]!) as Address);
    found.push({ pc: (entry + offsets[i + 1]!) as Address, target });
  }
  return found;
}
