import { describe, expect, it } from 'vitest';
import { address } from '#base';
import { kernelFeatures, loadProgram, makeMap } from '#bpf';
import type { GoVariable } from '#gobin';
import { openSys } from '#sys';
import { newTestTypes, testRuntime, testTypeRefs } from '../../../testing/ebpf/index.ts';
import { planProbe } from '../plan/index.ts';
import type { ResolvedProbe, ResolvedValue } from '../resolve/index.ts';
import type { Site } from '../types.ts';
import {
  entryProgram,
  goexitProgram,
  machine,
  recoveryProgram,
  returnProgram,
  selectionMaps,
  tracepointMaps,
  withinTables,
} from './index.ts';

const variable = (...places: GoVariable['places']): GoVariable => ({ name: 'v', type: 0, places });
const register = (number: number, offset = 0, size = 8) =>
  ({ kind: 'register', register: number, offset, size }) as const;
const stack = (frameOffset: number) => ({ kind: 'stack', frameOffset, offset: 0, size: 64 }) as const;
const int = (number: number, size: number): ResolvedValue => ({
  kind: 'int',
  size,
  access: { variable: variable(register(number, 0, size)), offset: 0, hops: [] },
});
const string = (hops: readonly number[], at = 0): ResolvedValue => ({
  kind: 'string',
  access: { variable: variable(stack(8 + at)), offset: 0, hops },
});
const registerString: ResolvedValue = {
  kind: 'string',
  access: { variable: variable(register(5), register(4, 8)), offset: 0, hops: [] },
};
const float = (number: number, size: 4 | 8): ResolvedValue => ({
  kind: 'float',
  size,
  access: {
    variable: variable({ kind: 'float-register', register: 17 + number, offset: 0, size }),
    offset: 0,
    hops: [],
  },
});
const deep = Array.from({ length: 20 }, (_, i) => i * 8);

/** Where 6.18 keeps them; that the verifier takes the programs does not depend on it. */
const floats = { flags: 0, fpstate: 3280, area: 64, savedBit: 19 };

const shapes: Readonly<Record<string, readonly ResolvedValue[]>> = {
  nothing: [],
  'three integers and a string': [int(0, 8), int(3, 4), int(2, 1), registerString],
  'a pointer chain': [
    { kind: 'uint', size: 2, access: { variable: variable(register(0)), offset: 0, hops: [8, 16, 24, 0, 40] } },
  ],
  'ten strings': Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? string([], 16 * i) : string([8, 16 * i]))),
  'fifteen floats, and strings': [
    ...Array.from({ length: 15 }, (_, n) => float(n, n % 2 === 0 ? 8 : 4)),
    ...Array.from({ length: 10 }, (_, i) => string([8, 16 * i])),
  ],
  'sixty strings, each twenty pointers deep': Array.from({ length: 60 }, (_, i) => string(deep, 8 * i)),
};

const graph = newTestTypes();
const pointer = graph.add(testTypeRefs.pointer);
const types = graph.finish();

describe('the verifier takes a walk over objects', () => {
  it.each([
    [true, true],
    [false, true],
    [true, false],
    [false, false],
  ])('uprobe_multi %s, may_goto %s', (multi, mayGoto) => {
    const sys = openSys();
    if (mayGoto && !kernelFeatures(sys).mayGoto.present) return;
    const value: ResolvedValue = {
      kind: 'graph',
      access: { variable: variable(register(0)), offset: 0, hops: [] },
      size: 8,
      type: pointer,
      name: '*main.Node',
    };
    const second: ResolvedValue = { ...value, access: { ...value.access, variable: variable(register(3)) } };
    // One value, and several that take turns.
    const columns = [
      ...(['entry', 'return'] as const).map((from) => ({ column: { name: from }, from, value })),
      { column: { name: 'second' }, from: 'return', value: second },
    ];
    const planned = planProbe({ function: { name: 'main.f' }, columns } as unknown as ResolvedProbe, { types });
    const context = {
      machine: machine('amd64'),
      runtime: { ...testRuntime, tlsG: -8 },
      features: { attachCookie: true, mayGoto },
      filter: { tgid: 1234 },
      target: 0,
      probes: 1,
      entries: types.graph.entries,
      dynamicTypes: true,
    };
    const specs = tracepointMaps(1, planned.entry!.layout.size, { types });
    using ring = makeMap(sys, specs.ring);
    using control = makeMap(sys, specs.control);
    using table = makeMap(sys, specs.tables[0]!.spec);
    using dynamic = makeMap(sys, specs.dynamic!.spec);
    const maps = new Map([ring, control, table, dynamic].map((map) => [map.spec.name, map]));
    const programs = [
      entryProgram(context, 0, planned.entry!, {} as unknown as Site),
      returnProgram(context, 0, 'return', planned.return!, { hits: false, sites: 1 }),
    ];
    for (const program of programs) {
      using loaded = loadProgram(sys, program, maps, { multi });
      expect(loaded).toBeDefined();
    }
  });
});

describe.each(Object.entries(shapes))('the verifier takes %s', (_, values) => {
  it.each([
    [true, undefined, undefined],
    [false, 0x1a50, undefined],
    [true, 0x1a50, { device: 4n, inode: 0xf000_0000n }],
  ])('uprobe_multi %s, fsbase at %s, namespace %s', (multi, fsbaseOffset, namespace) => {
    const columns = values.flatMap((value, i) =>
      (['entry', 'return'] as const).map((from) => ({ column: { name: `${from}${i}` }, from, value })),
    );
    const planned = planProbe({
      function: { name: 'main.f' },
      columns: [...columns, { column: { name: 'latency' }, from: 'latency' }],
    } as unknown as ResolvedProbe);
    const context = {
      machine: machine('amd64'),
      runtime: { ...testRuntime, tlsG: -8 },
      features: { attachCookie: true, floats, ...(fsbaseOffset === undefined ? {} : { fsbaseOffset }) },
      filter: { tgid: 1234, ...(namespace === undefined ? {} : { namespace }) },
      target: 0,
      probes: 1,
    };
    const site = { notTaken: { flagsMask: 0x41, takenWhenAnySet: true } } as unknown as Site;
    const specs = tracepointMaps(1, Math.max(planned.entry!.layout.size, planned.return!.layout.size));
    const sys = openSys();
    using ring = makeMap(sys, specs.ring);
    using control = makeMap(sys, specs.control);
    using inner = makeMap(sys, { ...specs.ring, name: 'kick_ring', maxEntries: 1 << 16 });
    const kicksSpec = { name: 'kicks', type: 'array_of_maps', keySize: 4, valueSize: 4, maxEntries: 2 } as const;
    using kicks = makeMap(sys, kicksSpec, inner);
    const maps = new Map([ring, control, kicks].map((map) => [map.spec.name, map]));
    const programs = [
      entryProgram(context, 0, planned.entry!, site),
      returnProgram(context, 0, 'return', planned.return!, { hits: true, sites: 2 }),
      returnProgram(context, 0, 'tail', planned.return!, { hits: false, sites: 1 }),
      recoveryProgram(context, site)!,
      goexitProgram(context, site),
    ];
    for (const program of programs) {
      // Throws with the verifier's words.
      const reads = program.maps.some(({ map }) => map === 'kicks');
      using loaded = loadProgram(sys, program, maps, { multi, sleepable: reads });
      expect(loaded).toBeDefined();
    }
  });
});

describe('the verifier takes a search for the function that calls are within', () => {
  it.each([1, 2, 100, 32_767])('among %i ranges', (count) => {
    const sys = openSys();
    const within = Array.from({ length: count }, (_, i) => ({ start: 0x400000 + 32 * i, end: 0x400010 + 32 * i }));
    const stack: ResolvedValue = { kind: 'stack', frames: 100 };
    const columns = [{ column: { name: 'x' }, from: 'entry', value: stack }];
    const resolved = { function: { name: 'main.f' }, columns, calls: { within, sample: 2 } };
    const planned = planProbe(resolved as unknown as ResolvedProbe);
    const context = {
      machine: machine('amd64'),
      runtime: { ...testRuntime, tlsG: -8 },
      features: { attachCookie: true },
      filter: { tgid: 1234 },
      target: 0,
      probes: 1,
      entries: [],
      dynamicTypes: false,
      bias: 0x5000_0000,
      cgoCallback: {
        pc: address(0x401000),
        frameBytes: 24,
        calleeBytes: 8,
        below: { pc: address(0x402000), frameBytes: 64 },
      },
    };
    const specs = tracepointMaps(1, planned.entry!.layout.size, {
      tables: withinTables([planned]),
      shared: selectionMaps([planned], 1),
    });
    const all = [specs.ring, specs.control, ...specs.tables.map(({ spec }) => spec), ...specs.shared];
    using held = new DisposableStack();
    const maps = new Map(all.map((spec) => [spec.name, held.use(makeMap(sys, spec))]));
    const { entry, selection } = planned;
    const program = entryProgram(
      context,
      0,
      entry!,
      {} as unknown as Site,
      {},
      { selection: selection!, tracked: false },
    );
    using loaded = loadProgram(sys, program, maps, { multi: true });
    expect(loaded).toBeDefined();
  });
});
