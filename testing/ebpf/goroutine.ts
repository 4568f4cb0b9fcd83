import type { World } from './interpreter.ts';

/** Offsets in `g` and `m` that the tests' own goroutines have. */
export const testRuntime = { gGoid: 152, gM: 48, mCurg: 184, gPanic: 32, panicSp: 40 } as const;

const amd64 = { rax: 80, rbx: 40, rcx: 88, rdi: 112, rsi: 104, r8: 72, r14: 8, rsp: 152, flags: 144 } as const;
export type TestRegister = keyof typeof amd64;

export function setRegister(world: World, register: TestRegister, value: bigint): void {
  const view = new DataView(world.context.buffer, world.context.byteOffset);
  view.setBigUint64(amd64[register], BigInt.asUintN(64, value), true);
}

/** A goroutine in the world's memory; `at` is the address of its `g`. */
export interface TestGoroutine {
  readonly at: bigint;
  readonly low: bigint;
  readonly high: bigint;
}

/** Maps a `g` with a stack `[low, high)`, both readable. */
export function addGoroutine(world: World, at: bigint, goid: bigint, low: bigint, high: bigint): TestGoroutine {
  world.user.map(at, new Uint8Array(400));
  world.user.write64(at, low);
  world.user.write64(at + 8n, high);
  world.user.write64(at + BigInt(testRuntime.gGoid), goid);
  world.user.map(low, new Uint8Array(Number(high - low)));
  return { at, low, high };
}

/** The context of a hit on `g` whose return address is `depth` bytes below the top of its stack. */
export function enter(world: World, g: TestGoroutine, depth: number): void {
  setRegister(world, 'r14', g.at);
  setRegister(world, 'rsp', g.high - BigInt(depth));
}
