import { beforeEach, describe, expect, it } from 'vitest';
import { Assembler, immediate, r0, r1, r2, r3 } from '#asm';
import { eventKinds, header, headerFlags, headerSize, type Slot, slotStatus } from '#model';
import {
  addGoroutine,
  enter,
  newWorld,
  run,
  setRegister,
  type TestGoroutine,
  testRuntime,
  type World,
} from '../../../testing/ebpf/index.ts';
import type { EventPlan, SlotSource } from '../plan/index.ts';
import type { EmitFeatures, Site } from '../types.ts';
import { checkReservations } from './check.ts';
import { controlOffset, machine, siteCookie, tracepointMaps, unwindDropsOffset, wokenOffset } from './index.ts';
import { type EmitContext, entryProgram, goexitProgram, recoveryProgram, returnProgram } from './program.ts';

const [rax, rbx, rcx] = [0, 3, 2];
const site = { notTaken: undefined } as unknown as Site;
const stackCheck = { notTaken: { flagsMask: 0x41, takenWhenAnySet: true } } as unknown as Site;

function context(features: EmitFeatures = { attachCookie: true }, more: Partial<EmitContext> = {}): EmitContext {
  return {
    machine: machine('amd64'),
    runtime: testRuntime,
    features,
    filter: { tgid: 42 },
    target: 7,
    probes: 2,
    ...more,
  };
}

/** An event of `sources`, laid out as the plan stage does. */
function event(...sources: SlotSource[]): EventPlan {
  let at = headerSize + ((sources.length + 7) & ~7);
  const slots = sources.map((source, index): Slot => {
    const place = { offset: at, status: headerSize + index };
    const isString = source.kind === 'string-parts' || source.kind === 'string-header';
    at += isString ? 8 + ((source.maxBytes + 7) & ~7) : source.kind === 'stack' ? 8 + 8 * source.frames : 8;
    if (isString) return { kind: 'string', ...place, maxBytes: source.maxBytes };
    if (source.kind === 'graph-memory' || source.kind === 'graph-parts') return { kind: 'graph', ...place };
    if (source.kind === 'float' || source.kind === 'float-register') {
      return { kind: 'float', ...place, size: source.size === 4 ? 4 : 8 };
    }
    if (source.kind === 'stack') return { kind: 'stack', ...place, frames: source.frames };
    if (source.kind === 'cpu' || source.kind === 'thread' || source.kind === 'drops' || source.kind === 'goroutine') {
      return { kind: 'uint', ...place };
    }
    return { kind: source.kind === 'computed' ? source.as : source.kind, ...place };
  });
  return { layout: { size: at, slots }, sources };
}

const register = (number: number, shift = 0) => ({ kind: 'register', register: number, shift }) as const;
const stack = (frameOffset: number) => ({ kind: 'stack', frameOffset }) as const;
const int = (size: number, number = rax): SlotSource => ({ kind: 'int', size, root: register(number), hops: [] });

let world: World;
let g: TestGoroutine;

beforeEach(() => {
  world = newWorld(16);
  world.tgid = 42;
  world.control[0] = 1n;
  g = addGoroutine(world, 0xc0_0000_1000n, 18n, 0xc0_0010_0000n, 0xc0_0010_8000n);
  enter(world, g, 0x100);
});

/** The only record, with its fields read. */
function record(plan: EventPlan, index = 0) {
  const bytes = world.records[index]!;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    bytes,
    size: bytes.length,
    kind: view.getUint16(header.kind, true),
    probe: view.getUint16(header.probe, true),
    target: view.getUint32(header.target, true),
    ktime: view.getBigUint64(header.ktime, true),
    goid: view.getBigUint64(header.goid, true),
    g: view.getBigUint64(header.g, true),
    depth: view.getUint32(header.depth, true),
    flags: view.getUint32(header.flags, true),
    site: view.getBigUint64(header.site, true),
    status: plan.layout.slots.map((slot) => bytes[slot.status]),
    values: plan.layout.slots.map((slot) => view.getBigInt64(slot.offset, true)),
    text: (slot: number) => {
      const { offset } = plan.layout.slots[slot]!;
      const length = Math.min(Number(view.getBigUint64(offset, true)), 512);
      return String.fromCharCode(...bytes.subarray(offset + 8, offset + 8 + length));
    },
  };
}

function runEntry(plan: EventPlan, at = site, features?: EmitFeatures) {
  run(entryProgram(context(features), 1, plan, at), world);
}

describe('entry program', () => {
  it('sends header and argument', () => {
    setRegister(world, 'rax', -5n);
    const plan = event(int(8));
    runEntry(plan);
    expect(record(plan)).toMatchObject({
      size: plan.layout.size,
      kind: eventKinds.entry,
      probe: 1,
      target: 7,
      goid: 18n,
      g: g.at,
      depth: 0x100,
      flags: headerFlags.g | headerFlags.goid,
      site: 0n,
      status: [slotStatus.captured],
      values: [-5n],
    });
    expect(world.control[controlOffset(1, 'hits') / 8]).toBe(1n);
  });

  it('wakes the reader once until that has drained the ring; where a return is to come, only when much is unread', () => {
    const woken = wokenOffset(2) / 8;
    runEntry(event());
    runEntry(event());
    expect([world.wakes, world.control[woken]]).toEqual([1, 1n]);
    world.control[woken] = 0n;
    runEntry(event());
    expect([world.wakes, world.control[woken]]).toEqual([2, 1n]);
    world.control[woken] = 0n;
    const quiet = entryProgram(context(), 1, event(), site, {}, { tracked: false, quiet: true });
    run(quiet, world);
    expect([world.wakes, world.control[woken], world.records.length]).toEqual([2, 0n, 4]);
    world.unread = 1n << 20n;
    run(quiet, world);
    run(quiet, world);
    expect([world.wakes, world.control[woken], world.records.length]).toEqual([3, 1n, 6]);
  });

  it('tells depth apart in a recursion, and keeps it when the stack moves', () => {
    const program = entryProgram(context(), 0, event(), site);
    for (const depth of [0x100, 0x180, 0x200]) {
      enter(world, g, depth);
      run(program, world);
    }
    const moved = addGoroutine(world, 0xc0_0000_2000n, 18n, 0xc0_0020_0000n, 0xc0_0021_0000n);
    enter(world, moved, 0x200);
    run(program, world);
    expect(world.records.map((_, i) => record(event(), i).depth)).toEqual([0x100, 0x180, 0x200, 0x200]);
  });

  it('is silent for another process, at a taken stack check, and while the gate is shut', () => {
    const program = entryProgram(context(), 0, event(), stackCheck);
    world.tgid = 43;
    run(program, world);
    world.tgid = 42;
    for (const flags of [0x01n, 0x40n, 0x41n]) {
      setRegister(world, 'flags', flags);
      run(program, world);
    }
    setRegister(world, 'flags', 0x84n);
    world.control[0] = 0n;
    run(program, world);
    expect(world.records).toHaveLength(0);
    expect([...world.control]).toEqual(new Array(16).fill(0n));
    world.control[0] = 1n;
    run(program, world);
    expect(world.records).toHaveLength(1);
  });

  it('tests inverted flags (arm64 b.ls: C clear or Z set)', () => {
    const at = {
      notTaken: { flagsMask: 0x6000_0000, takenWhenAnySet: true, flagsInverted: 0x2000_0000 },
    } as unknown as Site;
    const program = entryProgram(context(), 0, event(), at);
    for (const [flags, taken] of [
      [0x0000_0000n, true],
      [0x2000_0000n, false],
      [0x4000_0000n, true],
      [0x6000_0000n, true],
    ] as const) {
      const before = world.records.length;
      setRegister(world, 'flags', flags);
      run(program, world);
      expect(world.records.length - before).toBe(taken ? 0 : 1);
    }
  });

  it('filters by the pid of a namespace', () => {
    const filter = { tgid: 5, namespace: { device: 4n, inode: 0xefff_fffcn } };
    const program = entryProgram(context(undefined, { filter }), 0, event(), site);
    run(program, world);
    world.namespace = { device: 4n, inode: 0xefff_fffcn, tgid: 6 };
    run(program, world);
    world.namespace = { device: 4n, inode: 0xefff_fffdn, tgid: 5 };
    run(program, world);
    expect(world.records).toHaveLength(0);
    world.namespace = { device: 4n, inode: 0xefff_fffcn, tgid: 5 };
    run(program, world);
    expect(world.records).toHaveLength(1);
  });

  it('counts a drop when the ring is full', () => {
    world.room = 0;
    runEntry(event());
    expect(world.records).toHaveLength(0);
    expect(world.control[controlOffset(1, 'hits') / 8]).toBe(1n);
    expect(world.control[controlOffset(1, 'entryDrops') / 8]).toBe(1n);
  });
});

describe('goroutine', () => {
  it('is not claimed when r14 is something else', () => {
    setRegister(world, 'r14', 0x1234n);
    setRegister(world, 'rax', 9n);
    const plan = event(int(8));
    runEntry(plan);
    expect(record(plan)).toMatchObject({ flags: 0, g: 0n, goid: 0n, depth: 0, values: [9n] });
  });

  it('is not claimed when the stack pointer is on another stack: lo < SP <= hi', () => {
    const program = entryProgram(context(), 0, event(), site);
    for (const sp of [g.low, g.low - 8n, g.high + 8n, 0n, -8n]) {
      setRegister(world, 'rsp', sp);
      run(program, world);
    }
    expect(world.records.map((_, i) => record(event(), i).flags)).toEqual([0, 0, 0, 0, 0]);
    world.records.length = 0;
    for (const sp of [g.low + 1n, g.high]) {
      setRegister(world, 'rsp', sp);
      run(program, world);
    }
    expect(world.records.map((_, i) => record(event(), i).flags)).toEqual([3, 3]);
  });

  it('comes from thread-local storage when r14 is not it and the kernel tells where', () => {
    const features = { attachCookie: true, fsbaseOffset: 0x1500 };
    const runtime = { ...testRuntime, tlsG: -8 };
    world.task = 0xffff_8881_0000_0000n;
    const fsbase = 0x7f00_0000_1000n;
    world.kernel.map(world.task, new Uint8Array(0x2000));
    world.kernel.write64(world.task + 0x1500n, fsbase);
    world.user.map(fsbase - 16n, new Uint8Array(32));
    world.user.write64(fsbase - 8n, g.at);
    setRegister(world, 'r14', 0n);
    run(entryProgram(context(features, { runtime }), 0, event(), site), world);
    expect(record(event())).toMatchObject({ flags: 3, g: g.at, goid: 18n, depth: 0x100 });
    // Without the offset there is no such way.
    run(entryProgram(context({ attachCookie: true }, { runtime }), 0, event(), site), world);
    expect(record(event(), 1)).toMatchObject({ flags: 0 });
    // Another thread's g does not pass the test either.
    setRegister(world, 'rsp', 0x7ffd_0000_0000n);
    run(entryProgram(context(features, { runtime }), 0, event(), site), world);
    expect(record(event(), 2)).toMatchObject({ flags: 0 });
  });

  it('shows the goid of m.curg on g0, and says so', () => {
    const g0 = addGoroutine(world, 0x60_0000n, 0n, 0x7000_0000n, 0x7001_0000n);
    const m = 0xc0_0005_0000n;
    world.user.map(m, new Uint8Array(256));
    world.user.write64(g0.at + BigInt(testRuntime.gM), m);
    enter(world, g0, 0x80);
    runEntry(event());
    expect(record(event())).toMatchObject({ flags: headerFlags.g, goid: 0n, g: g0.at });
    world.user.write64(m + BigInt(testRuntime.mCurg), g.at);
    runEntry(event());
    expect(record(event(), 1)).toMatchObject({
      flags: headerFlags.g | headerFlags.goid | headerFlags.curg,
      goid: 18n,
      g: g0.at,
    });
  });

  it('has no goid when its offset is not known', () => {
    run(entryProgram(context(undefined, { runtime: {} }), 0, event(), site), world);
    expect(record(event())).toMatchObject({ flags: headerFlags.g, g: g.at, depth: 0x100 });
  });
});

describe('slots', () => {
  it.each([
    [{ kind: 'int', size: 1 }, 0xffff_ffff_ffff_ff80n, -128n],
    [{ kind: 'uint', size: 1 }, 0x1234_5680n, 0x80n],
    [{ kind: 'int', size: 2 }, 0xdead_8000n, -32768n],
    [{ kind: 'uint', size: 2 }, 0xdead_8000n, 0x8000n],
    [{ kind: 'int', size: 4 }, 0xdead_0000_8000_0000n, -0x8000_0000n],
    [{ kind: 'uint', size: 4 }, 0xdead_0000_8000_0000n, 0x8000_0000n],
    [{ kind: 'uint', size: 8 }, 0xffff_ffff_ffff_ffffn, -1n],
    [{ kind: 'bool', size: 1 }, 0xdead_be01n, 1n],
    [{ kind: 'address', size: 8 }, 0xc0_0012_3456n, 0xc0_0012_3456n],
  ] as const)('masks a register: %j', (form, value, expected) => {
    setRegister(world, 'rbx', value);
    const plan = event({ ...form, root: register(rbx), hops: [] });
    runEntry(plan);
    expect(record(plan).values).toEqual([expected]);
  });

  it.each([
    [{ kind: 'int', size: 4 }, -7n],
    [{ kind: 'uint', size: 4 }, 0xffff_fff9n],
    [{ kind: 'int', size: 8 }, 0x1111_1111_ffff_fff9n],
    [{ kind: 'bool', size: 1 }, 0xf9n],
  ] as const)('reads %j from the stack and through a pointer alike', (form, expected) => {
    const at = g.high - 0x100n + 24n;
    world.user.write64(at, 0x1111_1111_ffff_fff9n);
    setRegister(world, 'rax', at - 16n);
    const plan = event({ ...form, root: stack(24), hops: [] }, { ...form, root: register(rax), hops: [16] });
    runEntry(plan);
    expect(record(plan)).toMatchObject({ status: [0, 0], values: [expected, expected] });
  });

  it('takes a part of a register', () => {
    setRegister(world, 'rax', 0x1122_3344_5566_7788n);
    const plan = event({ kind: 'uint', size: 2, root: register(rax, 32), hops: [] });
    runEntry(plan);
    expect(record(plan).values).toEqual([0x3344n]);
  });

  it('follows pointers; nil and faults mark their own slot only', () => {
    const a = 0xc0_0030_0000n;
    world.user.map(a, new Uint8Array(64));
    world.user.write64(a + 8n, a + 32n);
    world.user.write64(a + 48n, 77n);
    world.user.write64(a + 16n, 0n);
    world.user.write64(a + 24n, 0xdead_0000n);
    setRegister(world, 'rax', a);
    setRegister(world, 'rbx', 0n);
    setRegister(world, 'rcx', 5n);
    const through = (number: number, ...hops: number[]): SlotSource => ({
      kind: 'int',
      size: 8,
      root: register(number),
      hops,
    });
    const plan = event(
      through(rax, 8, 16),
      through(rbx, 8),
      through(rcx, 0),
      through(rax, 16, 0),
      through(rax, 24, 8, 8),
      through(rax, 48),
    );
    runEntry(plan);
    const { captured, nil, unreadable } = slotStatus;
    expect(record(plan)).toMatchObject({
      status: [captured, nil, unreadable, nil, unreadable, captured],
      values: [77n, 0n, 0n, 0n, 0n, 77n],
    });
  });

  it('copies strings from registers, the stack and behind pointers, cut at the limit', () => {
    const text = 0xc0_0040_0000n;
    world.user.map(text, new Uint8Array(2000).fill(0x61));
    const parts = (pointer: number, length: number, maxBytes = 512): SlotSource => ({
      kind: 'string-parts',
      pointer: register(pointer),
      length: register(length),
      maxBytes,
    });
    setRegister(world, 'rax', text);
    setRegister(world, 'rbx', 5n);
    setRegister(world, 'rcx', 900n);
    setRegister(world, 'rdi', 1n << 63n);
    const sp = g.high - 0x100n;
    world.user.write64(sp + 8n, text);
    world.user.write64(sp + 16n, 3n);
    const header = 0xc0_0041_0000n;
    world.user.map(header, new Uint8Array(32));
    world.user.write64(header + 8n, text + 1n);
    world.user.write64(header + 16n, 4n);
    setRegister(world, 'rsi', header);
    setRegister(world, 'r8', 0n);
    const plan = event(
      parts(rax, rbx),
      parts(rax, rcx),
      parts(rax, rcx, 10),
      { kind: 'string-parts', pointer: stack(8), length: stack(16), maxBytes: 512 },
      { kind: 'string-header', root: register(4), hops: [8], maxBytes: 512 },
      parts(8, 8),
      parts(8, rbx),
      { kind: 'string-header', root: register(8), hops: [0], maxBytes: 512 },
      parts(rax, 5),
    );
    runEntry(plan);
    const found = record(plan);
    const { captured, nil, cold } = slotStatus;
    expect(found.status).toEqual([captured, captured, captured, captured, captured, captured, cold, nil, captured]);
    expect(found.values.slice(0, 6)).toEqual([5n, 900n, 900n, 3n, 4n, 0n]);
    expect(found.text(0)).toBe('aaaaa');
    expect(found.text(1)).toHaveLength(512);
    expect(found.text(3)).toBe('aaa');
    expect(found.text(4)).toBe('aaaa');
    expect(found.values[6]).toBe(5n);
    // A length that no string has is still only a bounded copy.
    expect(found.values[8]).toBe(-(1n << 63n));
  });
});

describe('return and tail programs', () => {
  it('sends results with the site, and no hits when the entry counts them', () => {
    setRegister(world, 'rax', 3n);
    world.cookie = 2n;
    const plan = event(int(8));
    run(returnProgram(context(), 1, 'return', plan, { hits: false, sites: 3 }), world);
    expect(record(plan)).toMatchObject({ kind: eventKinds.return, probe: 1, site: 2n, values: [3n], depth: 0x100 });
    expect(world.control[controlOffset(1, 'hits') / 8]).toBe(0n);
    run(returnProgram(context(), 1, 'return', plan, { hits: true, sites: 1 }), world);
    expect(world.control[controlOffset(1, 'hits') / 8]).toBe(1n);
    expect(record(plan, 1).site).toBe(0n);
  });

  it('sends no results at a tail jump', () => {
    run(returnProgram(context(), 0, 'tail', event(int(8)), { hits: false, sites: 1 }), world);
    expect(record(event())).toMatchObject({ kind: eventKinds.tail, size: headerSize });
  });

  it('is not gated, counts its own drops, and takes the time first', () => {
    world.control[0] = 0n;
    const program = returnProgram(context(), 1, 'return', event(), { hits: false, sites: 1 });
    run(program, world);
    expect(world.records).toHaveLength(1);
    expect(world.calls.indexOf('ktime_get_ns')).toBeLessThan(world.calls.indexOf('probe_read_user'));
    world.room = 0;
    run(program, world);
    expect(world.control[controlOffset(1, 'returnDrops') / 8]).toBe(1n);
    expect(world.control[controlOffset(1, 'entryDrops') / 8]).toBe(0n);
  });

  it('carries how many events had been dropped', () => {
    world.control[controlOffset(1, 'entryDrops') / 8] = 3n;
    world.control[controlOffset(1, 'returnDrops') / 8] = (1n << 32n) + 5n;
    run(returnProgram(context(), 1, 'return', event(), { hits: false, sites: 1 }), world);
    const view = new DataView(world.records[0]!.buffer);
    expect(view.getUint32(header.entryDrops, true)).toBe(3);
    expect(view.getUint32(header.returnDrops, true)).toBe(5);
  });

  it('of many probes: the cookie tells the probe, the site, and what of a frame lies above an inlined copy', () => {
    const plan = event();
    const options = { group: 0, frameBytes: 'cookie' } as const;
    const program = returnProgram(context(), 'cookie', 'return', plan, { ...options, hits: true, sites: 3 });
    for (const [frameBytes, site] of [
      [0x40, 2],
      [0, 3],
      [0, 0xffff],
    ] as const) {
      world.cookie = BigInt(siteCookie(1, site, frameBytes));
      run(program, world);
      const found = record(plan, world.records.length - 1);
      expect(found).toMatchObject({ probe: 1, site: BigInt(site), depth: 0x100 - frameBytes });
    }
    world.cookie = BigInt(siteCookie(1, 0, 0x40));
    run(entryProgram(context(), 'cookie', plan, site, options), world);
    expect(record(plan, 3)).toMatchObject({ kind: eventKinds.entry, probe: 1, depth: 0xc0 });
    expect(world.control[controlOffset(1, 'hits') / 8]).toBe(4n);
  });

  it('asks for no cookie where the kernel has none', () => {
    run(returnProgram(context({ attachCookie: false }), 0, 'return', event(), { hits: false, sites: 3 }), world);
    expect(world.calls).not.toContain('get_attach_cookie');
  });
});

describe('recovery and Goexit programs', () => {
  it('tells how deep a recovered panic unwound the goroutine (Go >= 1.22: gp._panic.sp)', () => {
    const panic = 0xc0_0050_0000n;
    world.user.map(panic, new Uint8Array(128));
    world.user.write64(g.at + BigInt(testRuntime.gPanic), panic);
    world.user.write64(panic + BigInt(testRuntime.panicSp), g.high - 0x300n);
    const g0 = addGoroutine(world, 0x60_0000n, 0n, 0x7000_0000n, 0x7001_0000n);
    enter(world, g0, 0x80);
    setRegister(world, 'rax', g.at);
    run(recoveryProgram(context(), site)!, world);
    expect(record(event())).toMatchObject({
      kind: eventKinds.recovery,
      g: g.at,
      goid: 18n,
      depth: 0x300,
      flags: headerFlags.g | headerFlags.goid,
    });
    world.room = 0;
    run(recoveryProgram(context(), site)!, world);
    expect(world.control[unwindDropsOffset(2) / 8]).toBe(1n);
  });

  it('reads gp.sigcode0 of older versions, and is not there without offsets', () => {
    const runtime = { gGoid: testRuntime.gGoid, gSigcode0: 200 };
    world.user.write64(g.at + 200n, g.high - 0x400n);
    setRegister(world, 'rax', g.at);
    run(recoveryProgram(context(undefined, { runtime }), site)!, world);
    expect(record(event())).toMatchObject({ depth: 0x400 });
    expect(recoveryProgram(context(undefined, { runtime: { gGoid: 152 } }), site)).toBeUndefined();
  });

  it('is shallower than every callee of the frame that goes on, on arm64 too', () => {
    const arm = newWorld(16, 272);
    arm.tgid = 42;
    arm.control[0] = 1n;
    const other = addGoroutine(arm, 0xc0_0000_1000n, 18n, 0xc0_0010_0000n, 0xc0_0010_8000n);
    const view = new DataView(arm.context.buffer);
    const runtime = { gGoid: testRuntime.gGoid, gSigcode0: 200 };
    const on = context(undefined, { machine: machine('arm64'), runtime });
    // The callee of a frame whose stack pointer is sp begins at sp; the frame itself began 32 bytes above.
    const sp = other.high - 0x400n;
    arm.user.write64(other.at + 200n, sp);
    view.setBigUint64(0, other.at, true);
    view.setBigUint64(28 * 8, other.at, true);
    run(recoveryProgram(on, site)!, arm);
    for (const at of [sp, sp + 32n]) {
      view.setBigUint64(248, at, true);
      run(entryProgram(on, 0, event(), site), arm);
    }
    const [recovered, callee, frame] = arm.records.map((bytes) =>
      new DataView(bytes.buffer).getUint32(header.depth, true),
    );
    expect(callee).toBeGreaterThan(recovered!);
    expect(frame).toBeLessThan(recovered!);
  });

  it('sends nothing that it could not read, or that makes no sense', () => {
    const panic = 0xc0_0050_0000n;
    world.user.map(panic, new Uint8Array(128));
    world.user.write64(g.at + BigInt(testRuntime.gPanic), panic);
    setRegister(world, 'rax', g.at);
    for (const sp of [0n, g.low, g.high + 8n]) {
      world.user.write64(panic + BigInt(testRuntime.panicSp), sp);
      run(recoveryProgram(context(), site)!, world);
    }
    run(goexitProgram(context(), stackCheck), world);
    expect(world.records).toHaveLength(1);
    setRegister(world, 'flags', 1n);
    run(goexitProgram(context(), stackCheck), world);
    expect(world.records).toHaveLength(1);
    world.records.length = 0;
    setRegister(world, 'rax', 0x10n);
    run(recoveryProgram(context(), site)!, world);
    expect(world.records).toHaveLength(0);
  });

  it('names the goroutine that ends', () => {
    run(goexitProgram(context(), site), world);
    expect(record(event())).toMatchObject({ kind: eventKinds.goexit, g: g.at, goid: 18n, depth: 0x100 });
  });
});

describe('record', () => {
  it('is written in every byte that user space reads', () => {
    // The interpreter hands out records full of 0xaa.
    setRegister(world, 'rax', 0n);
    const plan = event(
      int(1),
      { kind: 'int', size: 8, root: register(rax), hops: [8, 8] },
      { kind: 'string-header', root: register(rax), hops: [8], maxBytes: 16 },
      { kind: 'string-parts', pointer: register(rcx), length: register(rax), maxBytes: 16 },
    );
    runEntry(plan);
    const { bytes } = record(plan);
    const strings = plan.layout.slots.filter((slot) => slot.kind === 'string');
    const unwritten = [...bytes.keys()].filter((at) => bytes[at] === 0xaa);
    const textBytes = strings.flatMap((slot) => Array.from({ length: 16 }, (_, i) => slot.offset + 8 + i));
    expect(unwritten).toEqual(textBytes);
  });
});

describe('checkReservations', () => {
  const program = (body: (asm: Assembler) => void) => {
    const asm = new Assembler();
    body(asm);
    return asm.program('x');
  };
  const reserve = (asm: Assembler) => {
    asm.loadMapFd(r1, 'ring');
    asm.mov(r2, immediate(64));
    asm.mov(r3, immediate(0));
    asm.call('ringbuf_reserve');
  };

  it('refuses a path without submit', () => {
    const bad = program((asm) => {
      const out = asm.newLabel();
      reserve(asm);
      asm.jumpIf('eq', r0, immediate(0), out);
      asm.mov(r1, r0);
      asm.jumpIf('eq', r2, immediate(1), out);
      asm.call('ringbuf_submit');
      asm.label(out);
      asm.exit();
    });
    expect(() => checkReservations(bad)).toThrow(/not submitted/);
  });

  it('refuses a sleeping helper while a record is held, and a reserve without its test', () => {
    const sleeping = program((asm) => {
      const out = asm.newLabel();
      reserve(asm);
      asm.jumpIf('eq', r0, immediate(0), out);
      asm.call('copy_from_user');
      asm.call('ringbuf_submit');
      asm.label(out);
      asm.exit();
    });
    expect(() => checkReservations(sleeping)).toThrow(/may sleep/);
    const untested = program((asm) => {
      reserve(asm);
      asm.mov(r1, r0);
      asm.exit();
    });
    expect(() => checkReservations(untested)).toThrow(/NULL test/);
    const twice = program((asm) => {
      const out = asm.newLabel();
      reserve(asm);
      asm.jumpIf('eq', r0, immediate(0), out);
      asm.call('ringbuf_submit');
      asm.call('ringbuf_submit');
      asm.label(out);
      asm.exit();
    });
    expect(() => checkReservations(twice)).toThrow(/without a record/);
  });
});

describe.each(['amd64', 'arm64'] as const)('a stack that begins in the middle of a function, on %s', (architecture) => {
  const frameBytes = 0x48;
  const on = machine(architecture);
  const set = (offset: number, value: bigint) =>
    new DataView(world.context.buffer, world.context.byteOffset).setBigUint64(offset, value, true);

  /** What is found from a site at which the stack pointer is `own` below where that of the caller was as it called; the caller has a frame, too. */
  function found(own: number, ownFrame: boolean) {
    world = newWorld(16, 272);
    Object.assign(world, { tgid: 42 });
    world.control[0] = 1n;
    g = addGoroutine(world, 0xc0_0000_1000n, 18n, 0xc0_0010_0000n, 0xc0_0010_8000n);
    const sp = g.high - 0x100n - BigInt(own);
    // The word with the return address, under which the caller's frame pointer is kept.
    const word = on.link === undefined ? sp + BigInt(own) : sp;
    const callers = g.high - 0x80n;
    world.user.write64(callers, 0n);
    world.user.write64(callers + 8n, 0x2222n);
    if (own > 0 || on.link === undefined) world.user.write64(word, 0x1111n);
    if (own > 0) world.user.write64(word - 8n, callers);
    if (on.link !== undefined) set(on.link, own > 0 ? 0x7777n : 0x1111n);
    set(on.g, g.at);
    set(on.stackPointer, sp);
    set(on.framePointer, ownFrame ? word - 8n : callers);
    const plan = event({ kind: 'stack', frames: 4 });
    run(entryProgram(context(undefined, { machine: on }), 1, plan, site, { frameBytes: own }), world);
    const bytes = world.records[0]!;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const at = plan.layout.slots[0]!.offset;
    return [0, 1, 2, 3].map((i) => view.getBigUint64(at + 8 * i, true));
  }

  it('finds the caller with a frame of its own, before that is made and behind its end, and without one', () => {
    const expected = [3n, 0n, 0x1111n, 0x2222n];
    expect(found(frameBytes, true)).toEqual(expected);
    expect(found(frameBytes, false)).toEqual(expected);
    expect(found(0, false)).toEqual(expected);
  });
});

describe('tracepointMaps', () => {
  it('holds 16,384 records, within 1 to 8 MiB', () => {
    expect(tracepointMaps(1, 48).ring.maxEntries).toBe(1 << 20);
    expect(tracepointMaps(1, 64).ring.maxEntries).toBe(1 << 21);
    expect(tracepointMaps(1, 300).ring.maxEntries).toBe(1 << 23);
    expect(tracepointMaps(1, 600).ring.maxEntries).toBe(1 << 23);
    expect(tracepointMaps(1, 32_760).ring.maxEntries).toBe(1 << 23);
    // Those of many processes share what four may take, and hold 64 of their records.
    const of = (processes: number, record = 300) => tracepointMaps(1, record, { processes }).ring.maxEntries;
    expect([of(4), of(5), of(100), of(10_000)]).toEqual([1 << 23, 1 << 22, 1 << 18, 1 << 16]);
    expect(of(10_000, 8184)).toBe(1 << 19);
    expect(tracepointMaps(3, 64).control).toEqual({
      name: 'control',
      type: 'array',
      keySize: 4,
      valueSize: 160,
      maxEntries: 1,
    });
  });
});
