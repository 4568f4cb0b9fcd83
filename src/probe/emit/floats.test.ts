import { beforeEach, describe, expect, it } from 'vitest';
import { Assembler, fp, immediate, r1, r2, r3, r4, r5, r6, r7 } from '#asm';
import { floatStatus, header, headerSize } from '#model';
import { addGoroutine, enter, newWorld, run, testRuntime, type World } from '../../../testing/ebpf/index.ts';
import type { EventPlan } from '../plan/index.ts';
import type { FloatState, Site } from '../types.ts';
import { checkReservations, checkStack } from './check.ts';
import { controlOffset, machine, waitedNsOffset } from './index.ts';
import { type EmitContext, entryProgram, returnProgram } from './program.ts';

const state: FloatState = { flags: 8, fpstate: 0x100, area: 64, savedBit: 19 };
const [task, fpstate] = [0xffff_8880_0000_0000n, 0xffff_8880_0001_0000n];
const context: EmitContext = {
  machine: machine('amd64'),
  runtime: testRuntime,
  features: { attachCookie: true, floats: state },
  filter: { tgid: 42 },
  target: 0,
  probes: 1,
};
const firstXmm = 17;
/** XMM0 as float64, XMM14 as float32, RAX. */
const event: EventPlan = {
  layout: {
    size: headerSize + 8 + 24,
    slots: [
      { kind: 'float', size: 8, status: headerSize, offset: headerSize + 8 },
      { kind: 'float', size: 4, status: headerSize + 1, offset: headerSize + 16 },
      { kind: 'int', status: headerSize + 2, offset: headerSize + 24 },
    ],
  },
  sources: [
    { kind: 'float-register', register: firstXmm, size: 8 },
    { kind: 'float-register', register: firstXmm + 14, size: 4 },
    { kind: 'int', size: 8, root: { kind: 'register', register: 0, shift: 0 }, hops: [] },
  ],
};
const site = { notTaken: { flagsMask: 0x41, takenWhenAnySet: true } } as unknown as Site;
const entry = entryProgram(context, 0, event, site);
const exit = returnProgram(context, 0, 'return', event, { hits: false, sites: 1 });

let world: World;
let flags: DataView;
let area: DataView;

beforeEach(() => {
  world = newWorld(16);
  world.tgid = 42;
  world.control[0] = 1n;
  world.task = task;
  world.cpu = 3;
  world.kickers.add(3);
  enter(world, addGoroutine(world, 0xc0_0000_1000n, 18n, 0xc0_0010_0000n, 0xc0_0010_8000n), 0x100);
  const taskBytes = world.kernel.map(task, new Uint8Array(0x200));
  flags = new DataView(taskBytes.buffer);
  world.kernel.write64(task + 0x100n, fpstate);
  area = new DataView(world.kernel.map(fpstate + 64n, new Uint8Array(576)).buffer);
  area.setFloat64(160, Math.PI, true);
  area.setFloat32(160 + 14 * 16, -1.5, true);
  area.setUint32(160 + 14 * 16 + 4, 0xdead_beef, true);
  area.setBigUint64(512, 3n, true);
});

function save(): void {
  flags.setUint32(8, 1 << 19, true);
}

function slot(index: 0 | 1 | 2): { readonly status: number; readonly view: DataView } {
  const record = world.records.at(-1)!;
  const { status, offset } = event.layout.slots[index]!;
  return { status: record[status]!, view: new DataView(record.buffer, record.byteOffset + offset, 8) };
}

function captured(): void {
  expect([slot(0).status, slot(0).view.getFloat64(0, true)]).toEqual([0, Math.PI]);
  expect([slot(1).status, slot(1).view.getFloat32(0, true), slot(1).view.getUint32(4, true)]).toEqual([0, -1.5, 0]);
}

describe.each([
  ['entry', entry],
  ['return', exit],
])('float registers at the %s', (name, program) => {
  it('are read without a kick where the kernel has saved them already', () => {
    save();
    run(program, world);
    captured();
    expect(world.kicked).toEqual([]);
  });

  it("are read after a kick of this CPU's kicker; nothing on the stack is carried over the sleep", () => {
    world.onSleep = save;
    run(program, world);
    captured();
    expect(world.kicked).toEqual([3]);
    const view = new DataView(world.records[0]!.buffer);
    expect(view.getBigInt64(header.goid, true)).toBe(18n);
    expect(view.getUint32(header.depth, true)).toBe(0x100);
  });

  it('are zero in their initial state, whatever the area holds', () => {
    save();
    area.setBigUint64(512, 1n, true);
    run(program, world);
    expect([slot(0).status, slot(0).view.getBigUint64(0)]).toEqual([0, 0n]);
    expect([slot(1).status, slot(1).view.getBigUint64(0)]).toEqual([0, 0n]);
  });

  it('are said not to be saved after a bounded number of kicks; what is elsewhere is captured', () => {
    run(program, world);
    expect(world.kicked).toEqual([3, 3, 3]);
    expect([slot(0).status, slot(1).status, slot(2).status]).toEqual([floatStatus.notSaved, floatStatus.notSaved, 0]);
  });

  it('are said to lack a kicker, on which CPU', () => {
    world.kickers.clear();
    run(program, world);
    expect([slot(0).status, slot(0).view.getUint32(0, true), slot(2).status]).toEqual([floatStatus.noKicker, 3, 0]);
  });

  it('are not asked for in another process', () => {
    world.tgid = 43;
    run(program, world);
    expect(world.calls).toEqual(['get_current_pid_tgid']);
  });

  it('are accounted for by the time that passed', () => {
    world.onSleep = () => {
      save();
      world.ktime += 9000n;
    };
    run(program, world);
    const ns = Number(world.control[waitedNsOffset(1) / 8]);
    expect(ns).toBeGreaterThanOrEqual(9000);
    expect(ns).toBeLessThan(9010);
    expect(world.control[controlOffset(0, 'entryDrops') / 8]).toBe(0n);
  });

  it(`the time of the ${name} is that of ${name === 'entry' ? 'the end' : 'the beginning'} of the program`, () => {
    world.onSleep = () => {
      save();
      world.ktime += 9000n;
    };
    run(program, world);
    const time = new DataView(world.records[0]!.buffer).getBigUint64(header.ktime, true);
    expect(time > 9000n).toBe(name === 'entry');
  });
});

it('calls that do not count are not asked: gate shut, or the jump is taken', () => {
  world.control[0] = 0n;
  run(entry, world);
  world.control[0] = 1n;
  new DataView(world.context.buffer).setBigUint64(144, 0x40n, true);
  run(entry, world);
  expect([world.kicked, world.records]).toEqual([[], []]);
});

it('a program without float registers is as it was, whatever the machine can', () => {
  const plain: EventPlan = { layout: { size: headerSize, slots: [] }, sources: [] };
  const without = { ...context, features: { attachCookie: true } };
  const bytes = (of: EmitContext) => entryProgram(of, 0, plain, site).instructions;
  expect(bytes(context)).toEqual(bytes(without));
  expect(() => entryProgram(without, 0, event, site)).toThrow(/cannot be had/);
});

describe('what the checks refuse', () => {
  const sleep = (asm: Assembler) => {
    asm.mov(r1, fp);
    asm.alu('add', r1, immediate(-48));
    asm.mov(r2, immediate(8));
    asm.load(8, r3, r6, 152);
    asm.mov(r4, r7);
    asm.mov(r5, immediate(0));
    asm.call('copy_from_user_task');
  };

  it('a stack word that was written before a sleep and is read behind it', () => {
    const build = (again: boolean) => {
      const asm = new Assembler();
      asm.store(8, fp, -8, r6);
      sleep(asm);
      if (again) asm.store(8, fp, -8, r6);
      asm.load(8, r1, fp, -8);
      asm.exit();
      return asm.program('stack');
    };
    expect(() => checkStack(build(false))).toThrow(/reads its stack at -8/);
    expect(() => checkStack(build(true))).not.toThrow();
  });

  it('a stack word behind what a helper has written', () => {
    const build = (bytes: number) => {
      const asm = new Assembler();
      sleep(asm);
      asm.mov(r1, fp);
      asm.alu('add', r1, immediate(-160));
      asm.mov(r2, immediate(bytes));
      asm.call('probe_read_user');
      asm.load(8, r1, fp, -136);
      asm.exit();
      return asm.program('stack');
    };
    expect(() => checkStack(build(24))).toThrow(/reads its stack at -136/);
    expect(() => checkStack(build(32))).not.toThrow();
  });

  it('a sleep between reserve and submit', () => {
    const asm = new Assembler();
    const out = asm.newLabel();
    asm.call('ringbuf_reserve');
    asm.jumpIf('eq', 0, immediate(0), out);
    sleep(asm);
    asm.label(out);
    asm.exit();
    expect(() => checkReservations(asm.program('held'))).toThrow(/may sleep while a record is reserved/);
  });
});
