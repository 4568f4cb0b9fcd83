import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Column, type EventLayout, implicitColumns, type Relation } from '#model';
import { recordBytes, rowsOf, type TestRecord } from '../../../testing/ebpf/index.ts';
import { allDropsOffset, controlOffset, unwindDropsOffset } from '../emit/index.ts';
import type { ProbePlan } from '../types.ts';
import { EventDecoder } from './decoder.ts';

const layout: EventLayout = {
  size: 80,
  slots: [
    { kind: 'int', offset: 64, status: 56 },
    { kind: 'uint', offset: 72, status: 57 },
  ],
};
const column = (name: string, type: Column['type'] = 'INT64'): Column => ({ name, type, semantic: 'ST_NONE' });
const relation: Relation = {
  columns: [
    ...[...implicitColumns, column('n'), column('r'), column('latency'), column('outcome', 'STRING')],
    ...[column('id'), column('parent'), column('own')],
  ],
};
const plan = (fn: string): ProbePlan => ({
  function: fn,
  rowAtEntry: false,
  entry: layout,
  return: layout,
  columns: [
    { column: relation.columns[3]!, source: { kind: 'entry', shape: { kind: 'slot', slot: 0 } } },
    { column: relation.columns[4]!, source: { kind: 'return', shape: { kind: 'slot', slot: 0 } } },
    { column: relation.columns[5]!, source: { kind: 'latency' } },
    { column: relation.columns[6]!, source: { kind: 'outcome' } },
    { column: relation.columns[7]!, source: { kind: 'call-id' } },
    { column: relation.columns[8]!, source: { kind: 'parent-call-id' } },
    { column: relation.columns[9]!, source: { kind: 'own-time' } },
  ],
  tree: { entry: 1, return: 1 },
});
const plans = [plan('main.a'), plan('main.b'), plan('main.c')];

/** One step of a goroutine: what it does, and whether its event is dropped. */
interface Step {
  readonly g: number;
  readonly action: 'call' | 'return' | 'tail' | 'panic' | 'goexit' | 'die' | 'plain';
  readonly probe: number;
  readonly frame: number;
  readonly unwind: number;
  readonly dropped: boolean;
}

const step = (drops: number): fc.Arbitrary<Step> =>
  fc.record({
    g: fc.nat(3),
    action: fc.oneof(
      { weight: 10, arbitrary: fc.constant('call' as const) },
      { weight: 8, arbitrary: fc.constant('return' as const) },
      { weight: 1, arbitrary: fc.constantFrom('tail' as const, 'panic' as const, 'goexit' as const, 'die' as const) },
      // A frame that no probe sees: returns to it close nothing.
      { weight: 2, arbitrary: fc.constant('plain' as const) },
    ),
    probe: fc.nat(2),
    frame: fc.integer({ min: 1, max: 12 }).map((words) => words * 8),
    unwind: fc.nat(4),
    dropped: fc.integer({ min: 1, max: 100 }).map((percent) => percent <= drops),
  });

interface Call {
  readonly id: bigint;
  readonly probe: number;
  readonly depth: number;
  readonly at: bigint;
  readonly seen: boolean;
  /** The innermost traced call that it began in, and how long those took that began in it. */
  readonly parent: Call | undefined;
  inner: bigint;
}

/** Runs the steps as real goroutines would, and compares every row with what happened. */
function check(steps: readonly Step[]): void {
  const words = new BigUint64Array(19);
  const decoder = new EventDecoder({ relation, counters: () => words });
  decoder.addTarget(0, { agentId: 1, pid: 2, startTicks: 3n }, plans);
  decoder.setClock(0n);
  const stacks = new Map<number, { goid: bigint; calls: Call[] }>();
  /** What really became of each call whose entry was seen; `dropped`: the event that would tell was not. */
  const truth = new Map<bigint, { outcome: string; dropped: boolean; latency: bigint; own: bigint }>();
  const parents = new Map<bigint, bigint | undefined>();
  let time = 0n;
  let goids = 0n;
  let ids = 0n;
  let drops = 0;

  const send = (record: TestRecord, dropped: boolean, counter: number) => {
    if (dropped) {
      words[counter / 8]!++;
      words[allDropsOffset(3) / 8]!++;
      drops++;
      return;
    }
    const count = (word: 'entryDrops' | 'returnDrops') => Number(words[controlOffset(record.probe ?? 0, word) / 8]);
    const bytes = recordBytes({
      ktime: time,
      entryDrops: count('entryDrops'),
      returnDrops: count('returnDrops'),
      ...record,
    });
    decoder.record(bytes, new DataView(bytes.buffer), 0, bytes.length);
  };

  const lost = () => words[allDropsOffset(3) / 8]!;
  const plain = { seen: false, parent: undefined, inner: 0n };
  for (const { g, action, probe, frame, unwind, dropped } of steps) {
    time += 10n;
    let stack = stacks.get(g);
    if (stack === undefined) {
      stack = { goid: ++goids, calls: [] };
      stacks.set(g, stack);
    }
    const { goid, calls } = stack;
    const common = { g: BigInt(0x1000 + g * 0x200), goid };
    const top = calls.at(-1);
    const end = (call: Call, outcome: string) => {
      if (call.parent !== undefined) call.parent.inner += time - call.at;
      const latency = time - call.at;
      if (call.seen) truth.set(call.id, { outcome, dropped, latency, own: latency - call.inner });
    };
    switch (action) {
      case 'call': {
        const depth = (top?.depth ?? 8) + frame;
        const id = ++ids;
        send(
          { kind: 'entry', probe, depth, layout, values: [id, lost()], ...common },
          dropped,
          controlOffset(probe, 'entryDrops'),
        );
        const parent = calls.findLast((call) => call.probe >= 0);
        calls.push({ id, probe, depth, at: time, seen: !dropped, parent, inner: 0n });
        if (!dropped) parents.set(id, parent?.id);
        break;
      }
      case 'plain':
        calls.push({ id: 0n, probe: -1, depth: (top?.depth ?? 8) + frame, at: time, ...plain });
        break;
      case 'return':
      case 'tail': {
        if (top === undefined) break;
        calls.pop();
        if (top.probe < 0) break;
        const counter = controlOffset(top.probe, 'returnDrops');
        if (action === 'return') {
          const record = {
            kind: 'return',
            probe: top.probe,
            depth: top.depth,
            layout,
            values: [top.id, lost()],
            ...common,
          } as const;
          send(record, dropped, counter);
        } else send({ kind: 'tail', probe: top.probe, depth: top.depth, ...common }, dropped, counter);
        end(top, 'returned');
        break;
      }
      case 'panic': {
        // Recovered `unwind` frames up: those below are gone; the recovering one goes on.
        const kept = Math.max(1, calls.length - unwind);
        const recovering = calls[kept - 1];
        if (recovering === undefined) break;
        send({ kind: 'recovery', depth: recovering.depth + 4, ...common }, dropped, unwindDropsOffset(3));
        for (const call of calls.splice(kept).reverse()) if (call.probe >= 0) end(call, 'panicked');
        break;
      }
      case 'goexit':
        send({ kind: 'goexit', depth: (top?.depth ?? 0) + 16, ...common }, dropped, unwindDropsOffset(3));
        for (const call of calls.splice(0).reverse()) if (call.probe >= 0) end(call, 'goexit');
        stacks.delete(g);
        break;
      case 'die':
        // The goroutine is gone without any event; its g is taken by another.
        for (const call of calls.splice(0))
          if (call.seen) truth.set(call.id, { outcome: '?', dropped: true, latency: 0n, own: 0n });
        drops++;
        stacks.delete(g);
    }
  }
  const running = [...stacks.values()].flatMap(({ calls }) => calls.filter((call) => call.seen).map((call) => call.id));
  const listed = decoder.open(time).map((call) => JSON.parse(call.captured).n as number);
  for (const id of running) expect(listed).toContain(Number(id));
  if (drops === 0) expect(listed).toHaveLength(running.length);
  decoder.targetEnded(0, time + 10n);
  const rows = rowsOf(decoder.takeRows(), relation);

  // Every call whose entry was seen ends exactly once.
  const seen = rows.map((row) => row.n as bigint);
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.length).toBe(truth.size + running.length);
  const rowIds = new Map(rows.map((row) => [row.n as bigint, row.id as bigint]));
  expect(new Set(rowIds.values()).size).toBe(rows.length);
  for (const row of rows) {
    const parent = parents.get(row.n as bigint);
    // A parent that was not seen is not named: then the one that is, if any, is told as doubtful.
    if (!('parent' in row.notes)) expect(row.parent).toBe(parent === undefined ? null : rowIds.get(parent));
    if (row.own !== null) expect(row.own).toBe(truth.get(row.n as bigint)!.own);
    else expect(row.notes.own).toMatch(/^not captured: ./);
    const id = row.n as bigint;
    const real = truth.get(id);
    const { outcome, latency, r } = row as { outcome?: string; latency?: bigint; r?: bigint };
    if (real === undefined) {
      expect(drops === 0 ? ['exited'] : ['exited', 'lost']).toContain(outcome);
      continue;
    }
    if (!real.dropped) expect(drops === 0 ? [real.outcome] : [real.outcome, 'lost']).toContain(outcome);
    // What was dropped is never told as something else. A goroutine that dies without an event is found out later, or never.
    else expect(real.outcome === '?' ? ['lost', 'exited'] : ['lost']).toContain(outcome);
    if (outcome === 'returned') {
      expect(latency).toBe(real.latency);
      if (r !== null) expect(r).toBe(id);
    }
  }
  expect(decoder.openCalls).toBe(0);
  expect(decoder.stats.foreign).toBe(0);
  if (drops === 0) {
    for (const { n, notes, own } of rows) {
      expect(notes.parent).toBeUndefined();
      if (truth.has(n as bigint)) expect(own).not.toBeNull();
    }
  }
  if (drops === 0) expect(decoder.stats).toMatchObject({ lost: 0, unmatched: 0, beganBefore: 0 });
}

it('tells the truth of every call when nothing is dropped', { timeout: 300_000 }, () => {
  fc.assert(
    fc.property(fc.array(step(0), { maxLength: 300, size: 'max' }), (steps) =>
      check(steps.filter((each) => each.action !== 'die')),
    ),
    { numRuns: 300 },
  );
});

it('ends every call exactly once, and none in the name of another, whatever is dropped', { timeout: 300_000 }, () => {
  fc.assert(fc.property(fc.array(step(25), { maxLength: 300, size: 'max' }), check), { numRuns: 500 });
});
