import { describe, expect, it } from 'vitest';
import { type Column, type EventLayout, headerFlags, implicitColumns, type Relation, slotStatus } from '#model';
import { recordBytes, rowsOf, type TestRecord } from '../../../testing/ebpf/index.ts';
import { controlOffset, unwindDropsOffset } from '../emit/index.ts';
import type { ColumnPlan, PanicShape, ProbePlan } from '../types.ts';
import { type DecoderOptions, EventDecoder } from './decoder.ts';
import type { BinaryServices } from './target.ts';

const layout: EventLayout = { size: 72, slots: [{ kind: 'int', offset: 64, status: 56 }] };
const column = (name: string, type: Column['type'] = 'INT64'): Column => ({ name, type, semantic: 'ST_NONE' });
const columns: ColumnPlan[] = [
  { column: column('n'), source: { kind: 'entry', shape: { kind: 'slot', slot: 0 } } },
  { column: column('r'), source: { kind: 'return', shape: { kind: 'slot', slot: 0 } } },
  { column: column('latency'), source: { kind: 'latency' } },
  { column: column('outcome', 'STRING'), source: { kind: 'outcome' } },
];
const plan = (fn: string): ProbePlan => ({ function: fn, columns, entry: layout, return: layout, rowAtEntry: false });
const upid = { agentId: 3, pid: 9, startTicks: 0x8c_a618n };

/** A decoder with target 0, and a way to hand it records and look at its rows. */
function decoder(
  plans: readonly ProbePlan[] = [plan('main.f')],
  options: Partial<DecoderOptions> = {},
  services?: BinaryServices,
) {
  const relation: Relation = { columns: [...implicitColumns, ...plans[0]!.columns.map((each) => each.column)] };
  const made = new EventDecoder({ relation, ...options });
  made.addTarget(0, upid, plans, services);
  let time = 1000n;
  return {
    made,
    send(record: TestRecord) {
      const bytes = recordBytes({ ktime: time++, ...record });
      // As in the ring: somewhere in a larger memory.
      const memory = new Uint8Array(bytes.length + 24);
      memory.set(bytes, 16);
      made.record(memory, new DataView(memory.buffer), 16, bytes.length);
      memory.fill(0xbb);
    },
    enter(depth: number, n: bigint, more: Partial<TestRecord> = {}) {
      this.send({ kind: 'entry', depth, layout, values: [n], ...more });
    },
    leave(depth: number, r: bigint, more: Partial<TestRecord> = {}) {
      this.send({ kind: 'return', depth, layout, values: [r], ...more });
    },
    rows: () => rowsOf(made.takeRows(), relation),
    /** `n outcome`, in order. */
    ends: () => rowsOf(made.takeRows(), relation).map((row) => `${row.n} ${row.outcome}`),
  };
}

describe('EventDecoder', () => {
  it('makes a row of a call', () => {
    const it = decoder();
    it.made.setClock(5_000_000n);
    it.enter(0x100, 7n, { ktime: 1000n, goid: 18n });
    expect(it.made.openCalls).toBe(1);
    it.leave(0x100, -8n, { ktime: 1750n, goid: 18n });
    expect(it.rows()).toEqual([
      {
        upid: '300000009:8ca618',
        time_: 5_001_750n,
        goid_: 18n,
        n: 7n,
        r: -8n,
        latency: 750n,
        outcome: 'returned',
        notes: {},
      },
    ]);
    expect(it.made.openCalls).toBe(0);
    expect(it.made.stats).toMatchObject({ events: 2, rows: 1 });
  });

  it('makes a row at the entry when nothing else is wanted, with the entry time', () => {
    const only: ProbePlan = { function: 'main.f', columns: [columns[0]!], entry: layout, rowAtEntry: true };
    const it = decoder([only]);
    it.enter(0x100, 7n, { ktime: 1000n, flags: 0 });
    expect(it.rows()).toEqual([
      {
        upid: '300000009:8ca618',
        time_: 1000n,
        goid_: null,
        n: 7n,
        notes: { goid_: 'not captured: the goroutine is not known here' },
      },
    ]);
    expect(it.made.openCalls).toBe(0);
  });

  it('makes a row at the return when results alone are wanted', () => {
    const only: ProbePlan = { function: 'main.f', columns: [columns[1]!], return: layout, rowAtEntry: false };
    const it = decoder([only]);
    it.leave(0x100, 9n);
    it.send({ kind: 'tail', depth: 0x100 });
    expect(it.rows()).toMatchObject([
      { r: 9n, notes: {} },
      { r: null, notes: { r: expect.stringMatching(/^not captured: the function ends in a jump/) } },
    ]);
  });

  it('matches recursion by depth', () => {
    const it = decoder();
    for (const depth of [0x100, 0x140, 0x180]) it.enter(depth, BigInt(depth));
    for (const depth of [0x180, 0x140, 0x100]) it.leave(depth, 0n);
    expect(it.ends()).toEqual(['384 returned', '320 returned', '256 returned']);
  });

  it('keeps goroutines and targets apart', () => {
    const it = decoder();
    it.made.addTarget(1, { ...upid, pid: 10 }, [plan('main.f')]);
    it.enter(0x100, 1n, { g: 1n, goid: 1n });
    it.enter(0x100, 2n, { g: 2n, goid: 2n });
    it.enter(0x100, 3n, { g: 1n, goid: 1n, target: 1 });
    it.leave(0x100, 0n, { g: 1n, goid: 1n });
    it.leave(0x100, 0n, { g: 1n, goid: 1n, target: 1 });
    it.leave(0x100, 0n, { g: 2n, goid: 2n });
    expect(it.ends()).toEqual(['1 returned', '3 returned', '2 returned']);
  });

  it('closes by stack discipline what never returned', () => {
    const it = decoder();
    it.enter(0x100, 1n);
    it.enter(0x200, 2n);
    it.enter(0x300, 3n);
    it.enter(0x200, 4n);
    expect(it.ends()).toEqual(['3 lost', '2 lost']);
    it.leave(0x100, 0n);
    expect(it.rows()).toMatchObject([
      {
        n: 4n,
        latency: null,
        r: null,
        outcome: 'lost',
        notes: {
          latency: 'not captured: it did not return',
          r: 'not captured: it did not return',
          outcome: 'it did not return',
        },
      },
      { n: 1n, outcome: 'returned' },
    ]);
  });

  it('says when the event was dropped', () => {
    const words = new BigUint64Array(16);
    const it = decoder([plan('main.f')], { counters: () => words });
    it.made.setClock(0n);
    it.enter(0x100, 1n);
    words[controlOffset(0, 'returnDrops') / 8] = 1n;
    it.enter(0x100, 2n, { returnDrops: 1 });
    expect(it.rows()).toMatchObject([
      { n: 1n, notes: { outcome: 'return events were dropped meanwhile, perhaps its own' } },
    ]);
    words[unwindDropsOffset(1) / 8] = 1n;
    it.enter(0x100, 3n, { returnDrops: 1 });
    expect(it.rows()).toMatchObject([
      { n: 2n, notes: { outcome: 'events of panics and Goexit were dropped meanwhile' } },
    ]);
  });

  it('does not take a return for the call that it may not belong to', () => {
    const it = decoder();
    it.enter(0x100, 1n);
    it.leave(0x100, 5n, { entryDrops: 1 });
    it.enter(0x100, 2n, { entryDrops: 1 });
    it.leave(0x100, 6n, { entryDrops: 2, returnDrops: 1 });
    expect(it.rows()).toMatchObject([
      { n: 1n, r: 5n, outcome: 'returned' },
      {
        n: 2n,
        r: null,
        latency: null,
        outcome: 'lost',
        notes: { outcome: expect.stringMatching(/^events were dropped/) },
      },
    ]);
  });

  it('tells returns of calls that began before from those whose entry was dropped', () => {
    const words = new BigUint64Array(16);
    const it = decoder([plan('main.f')], { counters: () => words });
    it.leave(0x100, 0n);
    expect(it.made.stats).toMatchObject({ beganBefore: 1, unmatched: 0, rows: 0 });
    words[controlOffset(0, 'entryDrops') / 8] = 1n;
    it.leave(0x100, 0n);
    expect(it.made.stats).toMatchObject({ beganBefore: 1, unmatched: 1, rows: 0 });
  });

  it('ends what a recovered panic unwound, and nothing else', () => {
    const it = decoder();
    it.enter(0x100, 1n);
    it.enter(0x200, 2n);
    it.enter(0x300, 3n);
    it.enter(0x400, 4n);
    it.leave(0x400, 0n);
    it.send({ kind: 'recovery', depth: 0x180 });
    it.leave(0x100, -1n);
    const rows = it.rows();
    expect(rows.map((row) => `${row.n} ${row.outcome} ${row.r}`)).toEqual([
      '4 returned 0',
      '3 panicked null',
      '2 panicked null',
      '1 returned -1',
    ]);
    expect(rows[1]).toMatchObject({
      latency: 3n,
      notes: { r: 'not captured: the call panicked', latency: 'the call panicked' },
    });
  });

  it('ends the copies that are inlined into the function that recovers, and that function not', () => {
    const copy = { ...plan('main.must'), nested: true as const, frameBytes: 0x40 };
    const it = decoder([plan('main.f'), copy, { ...copy, function: 'main.outer' }]);
    const enter = (probe: number, depth: number, n: bigint) => it.enter(depth, n, { probe });
    enter(2, 0x80, 1n);
    enter(0, 0x100, 2n);
    enter(1, 0x100, 3n);
    it.send({ kind: 'recovery', depth: 0x140 });
    it.leave(0x100, 0n);
    expect(it.ends()).toEqual(['3 panicked', '2 returned']);
    expect(it.made.openCalls).toBe(1);
  });

  it('ends all calls of a goroutine at Goexit', () => {
    const it = decoder();
    it.enter(0x100, 1n);
    it.enter(0x200, 2n);
    it.enter(0x100, 3n, { g: 5n, goid: 5n });
    it.send({ kind: 'goexit', depth: 0x300 });
    expect(it.ends()).toEqual(['2 goexit', '1 goexit']);
    expect(it.made.openCalls).toBe(1);
  });

  it('closes the calls of a goroutine whose g was taken by another', () => {
    const it = decoder();
    it.enter(0x100, 1n, { goid: 1n });
    it.enter(0x300, 2n, { goid: 2n });
    expect(it.rows()).toMatchObject([{ n: 1n, outcome: 'lost', notes: { outcome: 'its goroutine ended' } }]);
    it.leave(0x300, 0n, { goid: 2n });
    expect(it.ends()).toEqual(['2 returned']);
  });

  it('does not take m.curg of a g0 for its goroutine', () => {
    const it = decoder();
    const flags = headerFlags.g | headerFlags.goid | headerFlags.curg;
    it.enter(0x100, 1n, { goid: 1n, flags });
    it.leave(0x100, 0n, { goid: 2n, flags });
    expect(it.ends()).toEqual(['1 returned']);
  });

  it('lets two probes of one function see the same call', () => {
    const it = decoder([plan('main.f'), plan('main.f')]);
    for (let turn = 0; turn < 2; turn++) {
      it.enter(0x100, 1n, { probe: 0 });
      it.enter(0x100, 2n, { probe: 1 });
      it.leave(0x100, 0n, { probe: 0 });
      it.leave(0x100, 0n, { probe: 1 });
      expect(it.ends()).toEqual(['1 returned', '2 returned']);
    }
    it.enter(0x100, 3n, { probe: 0 });
    it.enter(0x100, 4n, { probe: 1 });
    it.enter(0x100, 5n, { probe: 0 });
    it.enter(0x100, 6n, { probe: 1 });
    expect(it.ends()).toEqual(['4 lost', '3 lost']);
    it.leave(0x100, 0n, { probe: 1 });
    it.leave(0x100, 0n, { probe: 0 });
    expect(it.ends()).toEqual(['6 returned', '5 returned']);
  });

  it('closes a call of another function at the depth of a return', () => {
    const it = decoder([plan('main.f'), plan('main.h')]);
    it.enter(0x100, 1n, { probe: 0 });
    it.leave(0x100, 0n, { probe: 1 });
    expect(it.ends()).toEqual(['1 lost']);
  });

  it('ends a call at a tail jump, whose target may be traced too', () => {
    const it = decoder([plan('main.f'), plan('main.h')]);
    it.enter(0x100, 1n, { probe: 0 });
    it.send({ kind: 'tail', probe: 0, depth: 0x100 });
    it.enter(0x100, 2n, { probe: 1 });
    it.leave(0x100, 5n, { probe: 1 });
    expect(it.rows()).toMatchObject([
      { n: 1n, r: null, outcome: 'returned', latency: 1n },
      { n: 2n, r: 5n, outcome: 'returned' },
    ]);
  });

  it('says that a call without a goroutine cannot be matched', () => {
    const it = decoder();
    it.enter(0x100, 1n, { flags: 0 });
    it.leave(0x100, 0n, { flags: 0 });
    expect(it.rows()).toMatchObject([{ n: 1n, outcome: 'lost', goid_: null }]);
    expect(it.made.stats).toMatchObject({ unmatched: 1 });
  });

  it('bounds the open calls', () => {
    const it = decoder([plan('main.f')], { maxOpenCalls: 2 });
    for (let i = 0; i < 3; i++) it.enter(0x100 + 0x100 * i, BigInt(i));
    expect(it.rows()).toMatchObject([{ n: 2n, outcome: 'lost', notes: { outcome: 'too many open calls' } }]);
    it.leave(0x300, 0n);
    it.leave(0x200, 0n);
    expect(it.ends()).toEqual(['1 returned']);
    expect(it.made.stats).toMatchObject({ unmatched: 1, beganBefore: 0 });
    const small = decoder([plan('main.f')], { maxOpenBytes: 100 });
    small.enter(0x100, 1n);
    small.enter(0x200, 2n);
    expect(small.ends()).toEqual(['2 lost']);
  });

  it('ends calls with their process, at an exec, and with the tracepoint', () => {
    const it = decoder();
    it.enter(0x100, 1n);
    it.made.execed(0, 2000n);
    it.enter(0x100, 2n);
    it.made.closeRunning(2500n);
    it.enter(0x100, 3n);
    it.made.targetEnded(0, 3000n);
    it.enter(0x100, 4n);
    expect(it.rows()).toMatchObject([
      { n: 1n, outcome: 'exited', time_: 2000n, latency: null, notes: { latency: expect.stringMatching(/exec/) } },
      { n: 2n, outcome: 'running', time_: 2500n, notes: { latency: 'not captured: the call is still running' } },
      { n: 3n, outcome: 'exited', time_: 3000n, notes: { latency: 'not captured: the process ended' } },
    ]);
    expect(it.made.stats.foreign).toBe(1);
  });

  it('lists the calls that run, oldest first', () => {
    const it = decoder();
    it.made.setClock(1_000_000n);
    it.enter(0x100, 1n, { ktime: 500n, goid: 4n });
    it.enter(0x200, 2n, { ktime: 600n, goid: 4n });
    expect(it.made.open(2000n)).toEqual([
      {
        target: 0,
        upid,
        function: 'main.f',
        inlinedInto: '',
        goid: 4n,
        since: 1_000_500n,
        runningNs: 1500n,
        captured: '{"n":1}',
        notes: null,
      },
      expect.objectContaining({ captured: '{"n":2}', runningNs: 1400n }),
    ]);
  });

  it('counts records that are none of its own', () => {
    const it = decoder();
    it.enter(0x100, 1n, { target: 4 });
    it.enter(0x100, 1n, { probe: 4 });
    it.send({ kind: 'entry', depth: 0x100 });
    it.made.record(new Uint8Array(8), new DataView(new ArrayBuffer(8)), 0, 8);
    expect(it.made.stats).toMatchObject({ foreign: 4, rows: 0 });
  });

  it('refuses plans of another table', () => {
    const it = decoder();
    expect(() => it.made.addTarget(1, upid, [{ ...plan('main.f'), columns: [] }])).toThrow(/other columns/);
  });
});

describe('values', () => {
  const slots: EventLayout = {
    size: 168,
    slots: [
      { kind: 'int', offset: 64, status: 56 },
      { kind: 'uint', offset: 72, status: 57 },
      { kind: 'bool', offset: 80, status: 58 },
      { kind: 'address', offset: 88, status: 59 },
      { kind: 'string', offset: 96, status: 60, maxBytes: 8 },
    ],
  };
  const names = ['int', 'uint', 'bool', 'address', 'string'] as const;
  const types = ['INT64', 'INT64', 'BOOLEAN', 'STRING', 'STRING'] as const;
  const wide: ProbePlan = {
    function: 'main.f',
    rowAtEntry: true,
    entry: slots,
    columns: [
      ...names.map(
        (name, slot): ColumnPlan => ({
          column: column(name, types[slot]!),
          source: { kind: 'entry', shape: { kind: 'slot', slot } },
        }),
      ),
      {
        column: column('args', 'STRING'),
        source: {
          kind: 'entry',
          shape: {
            kind: 'object',
            fields: [
              ...names.map((name, slot) => ({ name, value: { kind: 'slot', slot } as const })),
              {
                name: '#5',
                value: { kind: 'missing', reason: 'type float64: in a float register: not supported yet' },
              },
            ],
          },
        },
      },
    ],
  };
  const row = (values: TestRecord['values'], lengths?: TestRecord['lengths']) => {
    const it = decoder([wide]);
    it.send({ kind: 'entry', layout: slots, values: values!, ...(lengths && { lengths }) });
    return it.rows()[0]!;
  };
  const float = 'not captured: type float64: in a float register: not supported yet';

  it('become columns and exact JSON', () => {
    expect(row([-(1n << 63n), (1n << 64n) - 1n, 1n, 0xc0_0012_3456n, 'hé"y'])).toMatchObject({
      int: -(1n << 63n),
      uint: -1n,
      bool: true,
      address: '0xc000123456',
      string: 'hé"y',
      args: '{"int":-9223372036854775808,"uint":18446744073709551615,"bool":true,"address":"0xc000123456","string":"hé\\"y","#5":null}',
      notes: { 'args.#5': float },
    });
  });

  it('are null with the reason when they were not read', () => {
    const { nil, unreadable, notRead } = slotStatus;
    const found = row([
      { status: nil },
      { status: unreadable },
      { status: notRead },
      { status: nil },
      { status: unreadable },
    ]);
    expect(found).toMatchObject({ int: null, uint: null, bool: null, address: null, string: null });
    expect(found.args).toBe('{"int":null,"uint":null,"bool":null,"address":null,"string":null,"#5":null}');
    const memory = 'not captured: its memory could not be read (not mapped, or not resident)';
    expect(found.notes).toEqual({
      int: 'not captured: nil pointer',
      uint: memory,
      bool: 'not captured: not read',
      address: 'not captured: nil pointer',
      string: memory,
      'args.int': 'not captured: nil pointer',
      'args.uint': memory,
      'args.bool': 'not captured: not read',
      'args.address': 'not captured: nil pointer',
      'args.string': memory,
      'args.#5': float,
    });
  });

  it('cut strings between characters and say from what length', () => {
    const found = row([0n, 0n, 0n, 0n, 'abcdefgé!'], { 4: 9000n });
    expect(found).toMatchObject({
      string: 'abcdefg',
      notes: { string: expect.stringMatching(/^truncated from 9000 bytes \(limit string bytes 8: --string-bytes, /) },
    });
    expect(found.args).toContain('"string":"abcdefg"');
    expect(row([0n, 0n, 0n, 0n, 'abcdefgh']).notes).toEqual({ 'args.#5': float });
  });

  it('of a cold page come from the file where they never change in memory', () => {
    const asked: [number, number][] = [];
    const fileBytes = (at: number, length: number) => {
      asked.push([at, length]);
      return at === 0x48_0000 ? new TextEncoder().encode('a literal').subarray(0, length) : undefined;
    };
    const cold = (address: bigint, length: bigint) => {
      const it = decoder([wide], {}, { bias: 0, fileBytes });
      const values = [0n, 0n, 0n, 0n, { status: slotStatus.cold, address }];
      it.send({ kind: 'entry', layout: slots, values, lengths: { 4: length } });
      return it.rows()[0]!;
    };
    expect(cold(0x48_0000n, 4n)).toMatchObject({ string: 'a li', notes: { 'args.#5': float } });
    expect(cold(0x48_0000n, 9n)).toMatchObject({
      string: 'a litera',
      notes: { string: expect.stringMatching(/^truncated from 9 bytes \(limit /) },
    });
    expect(cold(0x48_0000n, 9n).args).toContain('"string":"a litera"');
    expect(cold(0xc0_0000_0000n, 9n)).toMatchObject({
      string: null,
      notes: { string: 'not captured: its memory could not be read (not mapped, or not resident)' },
    });
    expect(asked).toContainEqual([0xc0_0000_0000, 8]);
  });

  it('write bytes that are not UTF-8 without loss', () => {
    const found = row([0n, 0n, 0n, 0n, new Uint8Array([0x61, 0xff, 0x5c, 0x0a, 0xc3])]);
    expect(found).toMatchObject({
      string: 'a\\xff\\\\\\x0a\\xc3',
      notes: { string: 'not UTF-8: other bytes are written \\xNN, a backslash \\\\' },
    });
    expect(JSON.parse(found.args as string)).toMatchObject({ string: 'a\\xff\\\\\\x0a\\xc3' });
    expect(row([0n, 0n, 0n, 0n, new Uint8Array(9).fill(0xff)], { 4: 9n }).notes.string).toBe(
      'truncated from 9 bytes (limit string bytes 8: --string-bytes, string_bytes= of the probe, #px:set capture_string_bytes); not UTF-8: other bytes are written \\xNN, a backslash \\\\',
    );
  });
});

describe('what a call was left by a panic with', () => {
  const slots = [64, 72, 80, 88].map((offset, i) => ({ kind: 'uint' as const, offset, status: 56 + i }));
  const panicLayout: EventLayout = { size: 96, slots };
  // Slots: the value, the stack's end, the frame whose deferred function runs, and the flag that one does.
  const made = (started: boolean) => {
    const panic: PanicShape = {
      layout: panicLayout,
      value: { kind: 'slot', slot: 0 },
      stackEnd: 1,
      deferring: [{ frame: 2, ...(started ? { started: 3 } : {}) }],
    };
    const told = { column: column('panic', 'STRING'), source: { kind: 'panic' } } as const;
    const it = decoder([{ ...plan('main.f'), columns: [...columns, told], panic }]);
    return {
      ...it,
      panics: (depth: number, value: bigint, deferring = 0, flag = 1n) =>
        it.send({
          kind: 'panic',
          depth,
          layout: panicLayout,
          values: [value, 0x10000n, BigInt(0x10000 - deferring), flag],
        }),
      told: () => it.rows().map(({ n, outcome, panic: value, notes }) => `${n} ${outcome} ${value ?? notes.panic}`),
    };
  };

  it('is the value of the panic that left it, also where a deferred function panics anew', () => {
    const it = made(false);
    for (const depth of [0x100, 0x200, 0x300, 0x400]) it.enter(depth, BigInt(depth / 0x100));
    it.panics(0x500, 7n);
    // A deferred function of 2, called by the first panic, calls 6 and panics there.
    it.enter(0x600, 6n);
    it.panics(0x700, 8n, 0x210);
    it.send({ kind: 'recovery', depth: 0x110 });
    it.leave(0x100, 0n);
    expect(it.told()).toEqual(['6 panicked 8', '4 panicked 7', '3 panicked 7', '2 panicked 8', '1 returned ']);
    // It is over.
    it.enter(0x200, 9n);
    it.send({ kind: 'recovery', depth: 0x110 });
    expect(it.told()).toEqual([
      '9 panicked not captured: the panic began before it was traced, or its event was dropped',
    ]);
  });

  it('is not known where it is not known whose deferred function panicked', () => {
    const it = made(true);
    for (const depth of [0x200, 0x300]) it.enter(depth, BigInt(depth / 0x100));
    it.panics(0x500, 7n, 0, 0n);
    it.enter(0x600, 6n);
    it.panics(0x700, 8n, 0x210, 0n);
    it.send({ kind: 'recovery', depth: 0x110 });
    expect(it.told()).toEqual([
      '6 panicked 8',
      expect.stringMatching(/^3 panicked not captured: .*which of them left this call/),
      expect.stringMatching(/^2 panicked not captured: .*which of them left this call/),
    ]);
  });

  it('is kept when nobody recovers and the process ends, and none of a call that goes on', () => {
    const it = made(false);
    it.enter(0x200, 2n);
    it.panics(0x500, 7n);
    it.enter(0x600, 6n);
    it.made.targetEnded(0, 9_000n);
    expect(it.told()).toEqual(['6 exited ', '2 exited 7']);
    const other = made(false);
    other.enter(0x200, 2n);
    other.panics(0x500, 7n);
    other.send({ kind: 'recovery', depth: 0x300 });
    other.enter(0x400, 4n);
    other.send({ kind: 'goexit', depth: 0x700 });
    expect(other.told()).toEqual(['4 goexit ', '2 goexit ']);
  });
});
