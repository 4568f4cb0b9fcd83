import { describe, expect, it } from 'vitest';
import { type CaptureLimits, chunkHeaderSize, defaultLimits } from '#model';
import {
  addGoroutine,
  enter,
  newTestTypes,
  newWorld,
  run,
  setRegister,
  testDescriptors,
  testRuntime,
  testTypeRefs,
} from '../../../testing/ebpf/index.ts';
import { Notes } from '../decode/notes.ts';
import { TargetContext } from '../decode/target.ts';
import { json } from '../decode/value.ts';
import { type EventPlan, planProbe } from '../plan/index.ts';
import type { ResolvedProbe } from '../resolve/index.ts';
import type { Site } from '../types.ts';
import { entryProgram, machine } from './index.ts';

const site = { notTaken: undefined } as unknown as Site;
const heap = 0xc0_0000_0000n;

/** A list of nodes in memory at `heap`, each 256 bytes behind the other; `next` gives the address that each points to. */
function nodes(count: number, next: (i: number) => bigint, nums = 3): Uint8Array {
  const bytes = new Uint8Array(256 * count + 4096);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) {
    const at = 256 * i;
    const name = new TextEncoder().encode(`node ${i}`);
    bytes.set(name, at + 96);
    view.setBigUint64(at, heap + BigInt(at + 96), true);
    view.setBigUint64(at + 8, BigInt(name.length), true);
    view.setBigUint64(at + 16, heap + BigInt(at + 128), true);
    view.setBigUint64(at + 24, BigInt(nums), true);
    for (let k = 0; k < 3; k++) view.setInt32(at + 128 + 4 * k, i * 10 - k, true);
    view.setBigUint64(at + 40, next(i), true);
    view.setBigUint64(at + 48, BigInt(i === 0 ? testDescriptors.int32 : 0), true);
    view.setBigUint64(at + 56, heap + BigInt(at + 128), true);
    bytes.set(new TextEncoder().encode('hunter2'), at + 160);
    view.setBigUint64(at + 64, heap + BigInt(at + 160), true);
    view.setBigUint64(at + 72, 7n, true);
  }
  return bytes;
}

function withSteps(event: EventPlan, steps: number): EventPlan {
  return { ...event, layout: { ...event.layout, walk: { ...event.layout.walk!, steps } } };
}

/** Runs an entry program that has the list's head in rax, and gives the value's JSON with its notes. */
function walked(
  memory: Uint8Array,
  mayGoto: boolean,
  { steps, ...limits }: CaptureLimits & { steps?: number } = defaultLimits,
) {
  const { values, ...rest } = walkedAll(memory, [heap], mayGoto, {
    ...limits,
    ...(steps === undefined ? {} : { steps }),
  });
  return { ...rest, ...values[0]! };
}

/** The same of several lists, whose heads are in registers. */
function walkedAll(
  memory: Uint8Array,
  heads: readonly bigint[],
  mayGoto: boolean,
  { steps, ...limits }: CaptureLimits & { steps?: number },
) {
  const builder = newTestTypes(limits);
  const type = builder.add(testTypeRefs.pointer);
  const table = builder.finish();
  const value = (register: number) => ({
    kind: 'graph',
    access: {
      variable: { name: 'n', type: 1, places: [{ kind: 'register', register, offset: 0, size: 8 }] },
      offset: 0,
      hops: [],
    },
    size: 8,
    type,
    name: '*main.Node',
  });
  const columns = heads.map((_, i) => ({ column: { name: `n${i}` }, from: 'entry', value: value([0, 3][i]!) }));
  const planned = planProbe({ function: { name: 'main.f' }, columns } as unknown as ResolvedProbe, { types: table });
  const program = entryProgram(
    {
      machine: machine('amd64'),
      runtime: testRuntime,
      features: { attachCookie: true, mayGoto },
      filter: { tgid: 42 },
      target: 0,
      probes: 1,
      entries: table.graph.entries,
      dynamicTypes: true,
    },
    0,
    steps === undefined ? planned.entry! : withSteps(planned.entry!, steps),
    site,
  );
  const world = newWorld(10);
  world.tgid = 42;
  world.control[0] = 1n;
  world.types = table.bytes;
  for (const { address, entry, size } of table.dynamic) {
    world.dynamic.set(BigInt(address), new Uint8Array(Uint32Array.of(entry, size).buffer));
  }
  const g = addGoroutine(world, 0x1000n, 5n, 0x10_0000n, 0x10_4000n);
  enter(world, g, 64);
  world.user.map(heap, memory);
  for (const [i, head] of heads.entries()) setRegister(world, i === 0 ? 'rax' : 'rbx', head);
  run(program, world);
  const [record] = world.records;
  const context = { layout: planned.entry!.layout, graph: table.graph, target: new TargetContext() };
  const view = new DataView(record!.buffer, record!.byteOffset, record!.byteLength);
  const values = planned.plan.columns.map(({ source }) => {
    const notes = new Notes();
    if (source.kind !== 'entry') throw new Error('no entry column');
    const text = json(source.shape, context, { bytes: record!, view, offset: 0 }, 'n', notes);
    return { value: JSON.parse(text), notes: JSON.parse(notes.take() ?? '{}') };
  });
  return { values, record: record!, layout: context.layout };
}

/** How many nodes of a list are shown. */
function lengthOf(node: { readonly Name?: string; readonly Next?: object } | null): number {
  return node?.Name === undefined ? 0 : 1 + lengthOf((node.Next ?? null) as Parameters<typeof lengthOf>[0]);
}

describe.each([true, false])('a walk, may_goto %s', (mayGoto) => {
  it('brings strings, slices, what interfaces hold, and ends at nil', () => {
    const { value, notes } = walked(
      nodes(2, (i) => (i === 0 ? heap + 256n : 0n)),
      mayGoto,
    );
    expect(value).toEqual({
      '&': '0xc000000000',
      Name: 'node 0',
      Nums: [0, -1, -2],
      Next: { '&': '0xc000000100', Name: 'node 1', Nums: [10, 9, 8], Next: null, Any: null, password: null },
      Any: { '(type)': 'int32', '=': 0 },
      password: null,
    });
    expect(notes).toEqual({
      'n.password': 'not captured: redacted',
      'n.Next.password': 'not captured: redacted',
    });
  });

  it('has nothing of what is redacted in the record', () => {
    const { record } = walked(
      nodes(2, (i) => (i === 0 ? heap + 256n : 0n)),
      mayGoto,
    );
    expect(new TextDecoder('latin1').decode(record)).not.toContain('hunter2');
    const pointer = new Uint8Array(BigUint64Array.of(heap + 160n).buffer);
    expect(Buffer.from(record).includes(Buffer.from(pointer))).toBe(false);
  });

  it('shows a cycle once', () => {
    const { value } = walked(
      nodes(2, (i) => (i === 0 ? heap + 256n : heap)),
      mayGoto,
    );
    expect(value.Next.Next).toEqual({ '&': '0xc000000000' });
  });

  it('names what is deeper than the limit, longer, or not there', () => {
    const deep = walked(
      nodes(9, (i) => heap + 256n * BigInt(i + 1)),
      mayGoto,
      { ...defaultLimits, depth: 2 },
    );
    expect(deep.value.Next).toMatchObject({ Name: 'node 1', Next: { '&': '0xc000000200' }, Nums: null });
    expect(deep.notes['n.Next.Next']).toBe(
      'not captured: deeper than 2 references (limit depth 2: --depth, depth= of the probe, #px:set capture_depth)',
    );
    const long = walked(
      nodes(1, () => 0n, 1000),
      mayGoto,
      { ...defaultLimits, elements: 2 },
    );
    expect(long.value.Nums).toEqual([0, -1]);
    expect(long.notes['n.Nums']).toBe(
      'truncated from 1000 elements (limit elements 2: --elements, elements= of the probe, #px:set capture_elements)',
    );
    const lost = walked(
      nodes(1, () => 0xdead_0000n),
      mayGoto,
    );
    expect(lost.value.Next).toEqual({ '&': '0xdead0000' });
    expect(lost.notes['n.Next']).toMatch(/could not be read/);
  });

  it('stops at a full record and at its last step, and says so', () => {
    const list = nodes(40, (i) => (i < 39 ? heap + 256n * BigInt(i + 1) : 0n));
    const deep = { ...defaultLimits, depth: 100 };
    const full = walked(list, mayGoto, { ...deep, eventBytes: 4096 });
    expect(JSON.stringify(full.notes)).toMatch(/the event is full at \d+ bytes/);
    expect(full.record.length).toBeLessThanOrEqual(4096 + chunkHeaderSize);
    const few = walked(list, mayGoto, { ...deep, steps: 20 });
    expect(JSON.stringify(few.notes)).toMatch(/more than \d+ references/);
    expect(few.value.Name).toBe('node 0');
  });

  it.each([
    ['first', true],
    ['second', false],
  ])('gives a small value beside a large one what it needs: the small one %s', (_, smallFirst) => {
    const memory = nodes(60, (i) => (i === 5 || i === 59 ? 0n : heap + 256n * BigInt(i + 1)));
    const [small, large] = [heap, heap + 256n * 6n];
    const limits = { ...defaultLimits, depth: 100, eventBytes: 4096 };
    const { values } = walkedAll(memory, smallFirst ? [small, large] : [large, small], mayGoto, limits);
    const [ofSmall, ofLarge] = smallFirst ? values : values.toReversed();
    expect(JSON.stringify(ofSmall!.notes)).not.toContain('the event is full');
    expect(lengthOf(ofSmall!.value)).toBe(6);
    expect(JSON.stringify(ofLarge!.notes)).toContain('the event is full');
    expect(lengthOf(ofLarge!.value)).toBeGreaterThan(6);
  });

  it('gives two large values the same', () => {
    const memory = nodes(120, (i) => (i % 60 === 59 ? 0n : heap + 256n * BigInt(i + 1)));
    const limits = { ...defaultLimits, depth: 100, eventBytes: 8192 };
    const { values } = walkedAll(memory, [heap, heap + 256n * 60n], mayGoto, limits);
    const [one, other] = values.map(({ value }) => lengthOf(value));
    expect(Math.abs(one! - other!)).toBeLessThanOrEqual(4);
  });
});
