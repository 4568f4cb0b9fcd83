/** Floats in registers of a running program, bit by bit: arguments and results, many calls, many goroutines, garbage collections. */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFloats, floatTrial, Kickers } from '#bpf';
import type { GoBinary } from '#gobin';
import { type CaptureColumn, eventKinds, floatStatus, header } from '#model';
import { openSys } from '#sys';
import { openGoFile } from '../../testing/ebpf/index.ts';
import { type Tracer, trace } from '../../testing/ebpf/tracer.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import { withoutKickersOn } from '../../testing/kickers.ts';
import { type RunningProcess, startProcess } from '../../testing/process.ts';
import { floatTrialProgram } from './emit/index.ts';
import { controlOffset, type ValueShape } from './index.ts';

/** Text of an expression, then the number of its float in the fixture and its size; of a complex number those of both parts. */
type Float = readonly [text: string, size: 4 | 8, ...number: number[]];
interface Function {
  readonly arguments: readonly Float[];
  /** The results, and which of them is the number of the call. */
  readonly results: readonly Float[];
  readonly index: string;
}

const functions: Readonly<Record<string, Function>> = {
  doubles: {
    arguments: [
      ['a', 8, 0],
      ['b', 8, 1],
      ['c', 8, 2],
    ],
    results: [
      ['$0', 8, 2],
      ['$2', 8, 0],
    ],
    index: '$1',
  },
  singles: {
    arguments: [
      ['a', 4, 3],
      ['b', 4, 4],
      ['c', 4, 5],
    ],
    results: [
      ['c2', 4, 4],
      ['a2', 4, 3],
    ],
    index: 'n',
  },
  complexes: {
    arguments: [
      ['z', 8, 6, 7],
      ['w', 4, 8, 9],
    ],
    results: [
      ['$0', 4, 8, 9],
      ['$1', 8, 6, 7],
    ],
    index: '$2',
  },
  structs: {
    arguments: [
      ['m.X', 8, 10],
      ['m.Y', 4, 11],
      ['p.X', 8, 12],
      ['p.Y', 4, 13],
      ['y', 4, 14],
    ],
    results: [
      ['$0.X', 8, 12],
      ['$0.Y', 4, 14],
    ],
    index: '$1',
  },
  identity: { arguments: [['x', 8, 32]], results: [['$0', 8, 32]], index: '$1' },
  many: {
    arguments: [...[...'abcdefghjklmnopq'].map((name, k): Float => [name, 8, 15 + k]), ['r', 4, 31, 31]],
    results: [
      ['$0', 8, 30],
      ['$1', 8, 28],
    ],
    index: '$2',
  },
};

function hash(x: number): number {
  let h = x ^ (x >>> 16);
  h = Math.imul(h, 0x85eb_ca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const special: readonly (readonly [high: number, low: number])[] = [
  [0x8000_0000, 0],
  [0, 0],
  [0, 1],
  [0x000f_ffff, 0xffff_ffff],
  [0x7ff0_0000, 0],
  [0xfff0_0000, 0],
  [0x7ff8_dead, 0x0000_beef],
  [0xfff4_0000, 1],
  [0x7ff0_0000, 1],
  [0x7f80_0001, 0x7fc0_dead],
  [1, 0x8000_0000],
];

/** As the fixture makes them. */
function bits(i: number, k: number): readonly [high: number, low: number] {
  const x = (Math.imul(i, 64) + 2 * k) >>> 0;
  const h = hash(x);
  return h % 5 === 0 ? special[(h / 5) % special.length]! : [h, hash(x + 1)];
}

interface Wanted {
  readonly offset: number;
  /** Where its slot begins: with a fault, the CPU is there. */
  readonly slot: number;
  readonly status: number;
  readonly size: 4 | 8;
  readonly number: number;
}

/** Which slot of an event holds which float; `missing` gets what the plan leaves out. */
function wanted(
  shape: ValueShape,
  float: Float,
  layout: { slots: readonly { offset: number; status: number }[] },
  missing: string[],
): Wanted[] {
  const [text, size, ...numbers] = float;
  if (shape.kind !== 'slot' && shape.kind !== 'graph') {
    missing.push(`${text}: ${shape.kind === 'missing' ? shape.reason : shape.kind}`);
    return [];
  }
  // A complex number is of the object graph: its two floats lie side by side.
  expect(shape.kind).toBe(numbers.length === 1 ? 'slot' : 'graph');
  const { offset, status } = layout.slots[shape.slot]!;
  return numbers.map((number, part) => ({ offset: offset + part * size, slot: offset, status, size, number }));
}

class Watch {
  readonly missing: string[] = [];
  readonly wrong: string[] = [];
  /** What is missing, by status and, where there was no kicker, CPU. */
  readonly reasons = new Map<string, number>();
  readonly seen: Record<'entry' | 'return', Set<number>> = { entry: new Set(), return: new Set() };
  captured = 0;
  readonly name: string;
  readonly tracer: Tracer;
  readonly #sides: Record<'entry' | 'return', { index: number; floats: Wanted[] }>;

  constructor(name: string, tracer: Tracer) {
    this.name = name;
    this.tracer = tracer;
    const [plan] = tracer.plans;
    const side = (from: 'entry' | 'return', floats: readonly Float[]) => {
      const columns = plan!.columns.flatMap(({ source }) => (source.kind === from ? [source.shape] : []));
      const layout = plan![from]!;
      const [index, ...shapes] = columns;
      if (index?.kind !== 'slot') throw new Error(`${name}: the number of the call is not captured`);
      return {
        index: layout.slots[index.slot]!.offset,
        floats: floats.flatMap((float, i) => wanted(shapes[i]!, float, layout, this.missing)),
      };
    };
    const { arguments: args, results } = functions[name]!;
    this.#sides = { entry: side('entry', args), return: side('return', results) };
  }

  drain(): void {
    this.tracer.records((bytes, view, offset) => {
      const kind = view.getUint16(offset + header.kind, true);
      const from = kind === eventKinds.entry ? 'entry' : kind === eventKinds.return ? 'return' : undefined;
      if (from === undefined) throw new Error(`a record of kind ${kind}`);
      const { index, floats } = this.#sides[from];
      const i = view.getUint32(offset + index, true);
      this.seen[from].add(i);
      for (const each of floats) {
        const status = bytes[offset + each.status]!;
        if (status !== 0) {
          const cpu = status === floatStatus.noKicker ? view.getUint32(offset + each.slot, true) : '';
          const reason = `${status} ${cpu}`;
          this.reasons.set(reason, 1 + (this.reasons.get(reason) ?? 0));
        } else this.#compare(view, offset + each.offset, each, i);
      }
    });
  }

  #compare(view: DataView, at: number, { size, number }: Wanted, i: number): void {
    const [high, low] = bits(i, number);
    const found = [view.getUint32(at + 4, true), view.getUint32(at, true)];
    const right = size === 8 ? found[0] === high && found[1] === low : found[1] === high;
    if (right) this.captured++;
    else if (this.wrong.length < 5)
      this.wrong.push(`${this.name}(i=${i}) float ${number}: ${found} instead of ${[high, low]}`);
  }
}

describe.each([
  ['local', true, 20_000, []],
  ['local', false, 2_000, []],
  ['local', true, 1_000, ['-gcflags=all=-N -l']],
  ['go1.21.13', true, 6_000, []],
  ['go1.18.10', true, 6_000, []],
] as const)('a program built by %s, uprobe_multi %s', (toolchain, multi, calls, flags) => {
  const sys = openSys();
  let binary: GoBinary;
  let target: RunningProcess;

  beforeAll(async () => {
    const file = await goFixture({ source: 'floats', toolchain, flags });
    binary = openGoFile(file);
    target = await startProcess(file, { ready: /ready/ });
  }, 300_000);
  afterAll(async () => {
    await target?.kill();
  });

  it(`${Object.keys(functions).length * calls} calls: every float that is captured is right, and hardly any is not`, async () => {
    using kickers = new Kickers(sys);
    const { captured, missed } = await watch(kickers, calls);
    const all = captured + [...missed.values()].reduce((sum, count) => sum + count, 0);
    console.log(`${captured} of ${all} floats captured; others by status: ${JSON.stringify([...missed])}`);
    // Each is captured or says why not: nothing else may be in a slot.
    expect([...missed.keys()].filter((reason) => reason !== `${floatStatus.notSaved} `)).toEqual([]);
    expect(captured / all).toBeGreaterThan(0.99);
  }, 300_000);

  it('a CPU without a kicker: said there, with its number; right on the others', async () => {
    using kickers = new Kickers(withoutKickersOn(sys, [0]));
    pin(0);
    const there = await watch(kickers, 200);
    expect(there.missed.get(`${floatStatus.noKicker} 0`)).toBeGreaterThan(1000);
    expect([...there.missed.keys()]).toEqual([`${floatStatus.noKicker} 0`]);
    pin(kickers.cpus[0]!);
    const { captured, missed } = await watch(kickers, 200);
    expect(captured).toBeGreaterThan(8000);
    expect([...missed.keys()].filter((reason) => reason !== `${floatStatus.notSaved} `)).toEqual([]);
  }, 300_000);

  /** Threads that start later are there too. */
  function pin(cpu: number): void {
    for (const tid of readdirSync(`/proc/${target.pid}/task`)) sys.pinThread(Number(tid), cpu);
  }

  /** Calls each function so often, under a tracepoint each; nothing wrong, nothing lost. */
  async function watch(
    kickers: Kickers,
    calls: number,
  ): Promise<{ captured: number; missed: ReadonlyMap<string, number> }> {
    const { state } = findFloats(sys, kickers, {
      multi,
      program: (place, kick) => floatTrialProgram(place, floatTrial, kick),
    });
    const floats = { state, kicks: kickers.map };
    const watches: Watch[] = [];
    let drain: NodeJS.Timeout | undefined;
    try {
      for (const [name, { arguments: args, results, index }] of Object.entries(functions)) {
        const capture = (kind: 'argument' | 'result', texts: readonly string[]): CaptureColumn[] =>
          texts.map((text) => ({ name: `${kind} ${text}`, capture: { kind, text } }));
        const columns = [
          ...capture('argument', ['i', ...args.map(([text]) => text)]),
          ...capture('result', [index, ...results.map(([text]) => text)]),
        ];
        const probes = [{ function: `main.${name}`, columns }];
        watches.push(new Watch(name, trace(target.pid, binary, probes, { multi, floats })));
      }
      drain = setInterval(() => {
        for (const each of watches) each.drain();
      }, 20);
      const before = target.lines.length;
      target.write(`0 ${calls}\n`);
      await target.until('done', () => target.lines.length > before, 280_000);
      let captured = 0;
      const missed = new Map<string, number>();
      for (const each of watches) {
        each.drain();
        expect([each.name, each.wrong, each.missing]).toEqual([each.name, [], []]);
        expect([each.name, each.seen.entry.size, each.seen.return.size]).toEqual([each.name, calls, calls]);
        const counts = (['hits', 'entryDrops', 'returnDrops'] as const).map((word) =>
          Number(each.tracer.words[controlOffset(0, word) / 8]),
        );
        expect(counts).toEqual([calls, 0, 0]);
        captured += each.captured;
        for (const [reason, count] of each.reasons) missed.set(reason, count + (missed.get(reason) ?? 0));
      }
      return { captured, missed };
    } finally {
      clearInterval(drain);
      for (const { tracer } of watches) tracer.close();
    }
  }
});
