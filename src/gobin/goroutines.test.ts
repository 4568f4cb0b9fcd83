import { beforeEach, expect, it } from 'vitest';
import type { Address } from '#base';
import { type Goroutine, goroutines } from './goroutines.ts';
import type { Pclntab } from './pclntab.ts';

/** Functions of 0x100 bytes from 0x1000 on; each has a frame of 0x18 bytes. The first is where goroutines begin. */
const table = {
  findByPc: (pc: Address) => (pc >= 0x1000 && pc < 0x1400 ? Math.floor((pc - 0x1000) / 0x100) : -1),
  topFrame: (index: number) => index === 0,
  frameSize: () => 0x18,
} as unknown as Pclntab;
const [bottom, f, g] = [0x1010, 0x1120, 0x1230];

const offsets = { sched: 0x38, syscallSp: 0x70, syscallPc: 0x78, status: 0x90, goid: 0x98 };
const bias = 0x5000_0000;
const allgs = 0x100;
const stackLow = 0x8000;
const stackHigh = 0x8100;

let memory: DataView;
let onRead: (at: number) => void;
const word = (at: number, value: number | bigint) => memory.setBigUint64(at, BigInt(value), true);

beforeEach(() => {
  memory = new DataView(new ArrayBuffer(0x9000));
  onRead = () => {};
  word(allgs, 0x200);
  word(allgs + 8, 0);
});

function read(at: number, size: number): Uint8Array | undefined {
  onRead(at);
  return at + size <= memory.byteLength ? new Uint8Array(memory.buffer.slice(at, at + size)) : undefined;
}

/** A goroutine whose stack, from `sp` on, holds return addresses of these pcs. */
function add(goid: number, status: number, pc: number, ...returns: number[]): number {
  const index = memory.getUint32(allgs + 8, true);
  const at = 0x400 + 0x100 * index;
  word(allgs + 8, index + 1);
  word(0x200 + 8 * index, at);
  word(at, stackLow);
  word(at + 8, stackHigh);
  const [sp, pcAt] = status === 3 ? [offsets.syscallSp, offsets.syscallPc] : [offsets.sched, offsets.sched + 8];
  word(at + sp, stackLow);
  word(at + pcAt, pc + bias);
  memory.setUint32(at + offsets.status, status, true);
  word(at + offsets.goid, goid);
  returns.forEach((each, i) => {
    word(stackLow + 0x20 * i + 0x18, each + bias);
  });
  return at;
}

const all = (): Goroutine[] => [...goroutines(read, table, offsets, allgs, bias)];

it('walks to the bottom, by status', () => {
  add(1, 4, g, f, f, bottom);
  add(2, 0x1001, g, f, f, bottom);
  add(3, 3, g, f, f, bottom);
  add(4, 2, g);
  add(5, 8, g);
  add(6, 6, g);
  add(7, 10, g, f, f, bottom);
  const frames = [g, f, f, bottom].map((pc) => pc + bias);
  expect(all()).toEqual([
    { goid: 1n, state: 'waiting', frames, complete: true },
    { goid: 2n, state: 'runnable', frames, complete: true },
    { goid: 3n, state: 'syscall', frames, complete: true },
    { goid: 4n, state: 'running', frames: [], complete: false },
    { goid: 5n, state: 'running', frames: [], complete: false },
    { goid: 7n, state: 'waiting', frames, complete: true },
  ]);
});

it('says when it does not come to the bottom: a pc in no function, the end of the stack', () => {
  add(1, 4, g, f, 0x9999);
  expect(all()).toMatchObject([{ frames: [g + bias, f + bias], complete: false }]);
  word(0x400 + 8, stackLow + 0x20);
  expect(all()).toMatchObject([{ frames: [g + bias, f + bias], complete: false }]);
  word(0x400 + 8, stackLow + 0x18);
  expect(all()).toMatchObject([{ frames: [g + bias], complete: false }]);
});

it('reads one again that has moved meanwhile; one that never holds still was on a CPU', () => {
  const at = add(1, 4, g, f, bottom);
  let moves = 1;
  onRead = (address) => {
    if (address < stackLow || moves-- <= 0) return;
    word(at + offsets.sched + 8, f + bias);
  };
  expect(all()).toMatchObject([{ state: 'waiting', frames: [f, f, bottom].map((pc) => pc + bias), complete: true }]);
  let pc = f;
  onRead = (address) => {
    if (address >= stackLow) word(at + offsets.sched + 8, ++pc + bias);
  };
  expect(all()).toMatchObject([{ goid: 1n, state: 'running', frames: [] }]);
});

it('takes no harm from torn memory', () => {
  const at = add(1, 4, g, f, bottom);
  add(2, 4, g, f, bottom);
  word(at + offsets.sched, 0xffff_ffff_ffff_ffffn);
  expect(all()).toMatchObject([{ goid: 2n, state: 'waiting' }]);
  word(0x200, 0xffff_ffff_ffff_fff0n);
  expect(all()).toMatchObject([{ goid: 2n }]);
  word(0x200, 0);
  word(stackLow + 0x18, 0xffff_ffff_ffff_ffffn);
  expect(all().map(({ state }) => state)).toEqual(['running']);
  word(allgs, 0xffff_0000);
  expect(all()).toEqual([]);
  word(allgs + 8, 0xffff_ffff_ffff_ffffn);
  expect(all()).toEqual([]);
});
