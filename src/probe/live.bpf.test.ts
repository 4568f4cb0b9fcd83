import { statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GoBinary } from '#gobin';
import type { Capture, CaptureColumn } from '#model';
import { openGoFile } from '../../testing/ebpf/index.ts';
import { type Tracer, trace } from '../../testing/ebpf/tracer.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import { type RunningProcess, startProcess } from '../../testing/process.ts';
import { controlOffset, waitedNsOffset } from './emit/index.ts';

const argument = (text: string): CaptureColumn => ({ name: text, capture: { kind: 'argument', text } });
const result = (text: string): CaptureColumn => ({ name: text, capture: { kind: 'result', text } });
const whole = (kind: Exclude<Capture, { text: string } | { kind: 'aggregate' }>['kind']): CaptureColumn => ({
  name: kind,
  capture: { kind },
});

describe.each([
  ['local', true],
  ['local', false],
  ['go1.21.13', true],
  ['go1.18.10', true],
] as const)('values in the running program (%s, uprobe_multi %s)', (toolchain, multi) => {
  let binary: GoBinary;
  let target: RunningProcess;
  let tracer: Tracer | undefined;

  beforeAll(async () => {
    const file = await goFixture({ source: 'values', toolchain });
    binary = openGoFile(file);
    target = await startProcess(file, { ready: /ready/ });
  }, 300_000);
  afterEach(() => {
    tracer?.close();
    tracer = undefined;
  });
  afterAll(async () => {
    await target?.kill();
  });

  /** Runs `name` (`go:name`: each call in a goroutine of its own) and gives the rows. */
  async function rowsOf(fn: string, columns: CaptureColumn[], name: string, count: number, ringBytes?: number) {
    const options = { multi, ...(ringBytes === undefined ? {} : { ringBytes }) };
    tracer = trace(
      target.pid,
      binary,
      [fn].flat().map((each) => ({ function: each, columns })),
      options,
    );
    await call(name, count);
    return tracer.rows();
  }

  async function call(name: string, count: number) {
    const before = target.lines.length;
    target.write(`${name} ${count}\n`);
    await target.until(`done ${name}`, () => target.lines.slice(before).includes(`done ${name}`));
  }

  it('integers of every width', async () => {
    const rows = await rowsOf(
      'main.ints',
      [...'abcdefghij'].map(argument).concat(result('$0'), result('$1'), whole('latency'), whole('outcome')),
      'ints',
      300,
    );
    expect(rows).toHaveLength(300);
    rows.forEach((row, index) => {
      const n = BigInt(index);
      expect(row).toMatchObject({
        a: BigInt.asIntN(8, n),
        b: -n,
        c: -n,
        d: -n,
        e: n,
        f: BigInt.asUintN(8, n),
        g: n,
        h: n,
        i: BigInt.asIntN(64, ~n),
        j: n,
        $0: BigInt.asIntN(8, -BigInt.asIntN(8, n)),
        $1: -1n,
        outcome: 'returned',
        notes: {},
      });
      expect(row.latency).toBeGreaterThan(0n);
    });
    expect(new Set(rows.map((row) => row.goid_))).toEqual(new Set([1n]));
  });

  it('named types, durations, nil pointers, results by name', async () => {
    const columns = ['t', 'on', 'l', 'd', 'p', '*p'].map(argument).concat(result('cold'), result('err'));
    const rows = await rowsOf('main.named', columns, 'named', 3);
    expect(rows[2]).toMatchObject({
      t: -2n,
      on: true,
      l: 'label 2',
      d: 2_000_000_000n,
      p: 'null',
      '*p': null,
      cold: -3n,
      err: 'null',
      notes: { '*p': 'not captured: nil pointer' },
    });
  });

  it('fields by path, promoted, through pointers, of structs in registers', async () => {
    const columns = [
      'n.Name',
      'n.Base.ID',
      'n.Owner.Name',
      'n.Owner.ID',
      'n.Next.Name',
      'n.Cold',
      'n.On',
      'pair.Key',
      'pair.Value',
      '#1',
    ];
    const rows = await rowsOf(
      'main.(*Node).visit',
      [...columns.map(argument), result('ok'), result('next')],
      'visit',
      4,
    );
    expect(rows).toHaveLength(4);
    expect(rows[2]).toMatchObject({
      'n.Name': 'node 2',
      'n.Base.ID': 3n,
      'n.Owner.Name': 'owner 2',
      'n.Owner.ID': 2n,
      'n.Next.Name': 'next',
      'n.Cold': -2n,
      'n.On': true,
      'pair.Key': 'key 2',
      'pair.Value': -2n,
      // Up to Go 1.21 debug info leaves blank parameters out.
      '#1': toolchain === 'local' ? 2n : '{"Key":"key 2","Value":-2}',
      ok: false,
      next: expect.stringMatching(/^{"&":"0x[1-9a-f][0-9a-f]*0","Meta":null,"Base":{"ID":0,"Name":"next"}/),
    });
    expect(rows[3]).toMatchObject({
      'n.Name': 'node 3',
      'n.Owner.Name': null,
      'n.Next.Name': null,
      notes: { 'n.Owner.Name': 'not captured: nil pointer' },
    });
  });

  it('whatever else there is never stops the others', async () => {
    const rows = await rowsOf('main.mixed', [whole('arguments'), whole('results')], 'mixed', 2);
    expect(rows[1]).toMatchObject({
      arguments: '{"x":null,"m":null,"s":null,"z":null,"f":null,"c":null,"e":null,"a":[0,0],"last":-1}',
      results: '{"$0":null}',
    });
    expect(Object.keys(rows[1]!.notes)).toEqual(['arguments.x', 'arguments.z', 'results.$0']);
  });

  it('values on the stack, and strings that are cut', async () => {
    const rows = await rowsOf('main.onStack', ['pair.Key', 'pair.Value', 'name', 'n'].map(argument), 'onStack', 5);
    expect(rows[1]).toMatchObject({ 'pair.Key': 'key 1', 'pair.Value': -1n, n: -1n, name: 'é'.repeat(100), notes: {} });
    expect(rows[4]).toMatchObject({
      'pair.Key': 'key 4',
      n: -4n,
      name: 'é'.repeat(256),
      notes: {
        name: 'truncated from 800 bytes (limit string bytes 512: --string-bytes, string_bytes= of the probe, #px:set capture_string_bytes)',
      },
    });
  });

  it('results at every return', async () => {
    const rows = await rowsOf('main.branches', [argument('n'), result('$0')], 'branches', 6);
    expect(rows.map((row) => row.$0)).toEqual(['three', 'x', '', 'three', 'xxxx', '']);
    tracer!.close();
    const alone = await rowsOf('main.branches', [result('$0')], 'branches', 6);
    expect(alone.map((row) => row.$0)).toEqual(['three', 'x', '', 'three', 'xxxx', '']);
  });

  it('recursion on growing stacks, in many goroutines, exactly', async () => {
    const columns = [argument('n'), result('$0'), whole('latency'), whole('outcome')];
    const rows = await rowsOf('main.recurse', columns, 'go:recurse', 120, 1 << 22);
    expect(rows).toHaveLength((120 * 121) / 2);
    for (const row of rows) expect(row).toMatchObject({ outcome: 'returned', $0: row.n, notes: {} });
    expect(new Set(rows.map((row) => row.goid_)).size).toBe(120);
    expect(tracer!.words[controlOffset(0, 'hits') / 8]).toBe(BigInt(rows.length));
    expect(tracer!.decoder.stats).toMatchObject({ lost: 0, beganBefore: 0, unmatched: 0, foreign: 0 });
  });

  it('how calls end: panics that are recovered, Goexit, calls that hang', async () => {
    const columns = [argument('n'), whole('latency'), whole('outcome')];
    const rows = await rowsOf('main.fails', columns, 'recovers', 4);
    expect(rows).toHaveLength(10);
    for (const row of rows) expect(row).toMatchObject({ outcome: 'panicked', notes: { latency: 'the call panicked' } });
    tracer!.close();

    const recovered = await rowsOf('main.recovers', [argument('n'), result('r'), whole('outcome')], 'recovers', 4);
    expect(recovered.map((row) => [row.n, row.r, row.outcome])).toEqual(
      [0n, 1n, 2n, 3n].map((n) => [n, -1n, 'returned']),
    );
    tracer!.close();

    const quit = await rowsOf('main.quits', columns, 'go:quits', 6);
    const ends = quit.map((row) => `${row.n} ${row.outcome}`).sort();
    expect(ends).toEqual(['0 returned', '1 goexit', '2 returned', '3 goexit', '4 returned', '5 goexit']);
    tracer!.close();

    const waiting = [whole('arguments'), whole('latency')];
    await rowsOf('main.waits', waiting, 'go:waits', 1);
    await expect.poll(() => tracer!.rows().length + tracer!.decoder.openCalls).toBe(1);
    const [open] = tracer!.decoder.open(1n << 62n);
    expect(open).toMatchObject({
      function: 'main.waits',
      captured: '{"arguments":{"c":{"len":0,"cap":0,"closed":false,"buffered":[]}}}',
    });
    expect(open!.goid).toBeGreaterThan(1n);
  });

  it('a full ring loses events, counted, and no value is taken for another', async () => {
    const columns = [argument('n'), result('$0'), whole('latency'), whole('outcome')];
    const rows = await rowsOf('main.recurse', columns, 'recurse', 120, 4096);
    const { words, decoder } = tracer!;
    expect(words[controlOffset(0, 'hits') / 8]).toBe(7260n);
    const entries = 7260n - words[controlOffset(0, 'entryDrops') / 8]!;
    expect(words[controlOffset(0, 'entryDrops') / 8]).toBeGreaterThan(0n);
    expect(BigInt(rows.length + decoder.openCalls)).toBe(entries);
    for (const row of rows) {
      if (row.outcome === 'returned') expect(row.$0).toBe(row.n);
      else expect(row.outcome).toBe('lost');
    }
  });
});

it('arguments in a program of Go 1.17, whose debug info has no results', async () => {
  const file = await goFixture({ source: 'values', toolchain: 'go1.17.13' });
  const binary = openGoFile(file);
  await using target = await startProcess(file, { ready: /ready/ });
  const columns = [argument('a'), argument('i'), argument('j'), whole('results'), whole('latency')];
  const tracer = trace(target.pid, binary, [{ function: 'main.ints', columns }], { multi: true });
  try {
    target.write('ints 3\n');
    await target.waitFor(/done ints/);
    expect(tracer.rows()).toMatchObject([
      { a: 0n, i: -1n, j: 0n },
      { a: 1n, i: -2n, j: 1n },
      { a: 2n, i: -3n, j: 2n, notes: { results: expect.stringMatching(/^not captured: /) } },
    ]);
  } finally {
    tracer.close();
  }
}, 120_000);

it('the filter by a pid namespace takes the process in it, and no other', async () => {
  const file = await goFixture({ source: 'values' });
  const binary = openGoFile(file);
  await using target = await startProcess(file, { ready: /ready/ });
  const { dev, ino } = statSync(`/proc/${target.pid}/ns/pid`, { bigint: true });
  const probes = [{ function: 'main.ints', columns: [argument('a')] }];
  const counts: number[] = [];
  for (const [tgid, inode] of [
    [target.pid, ino],
    [target.pid + 1, ino],
    [target.pid, ino + 1n],
  ] as const) {
    const tracer = trace(target.pid, binary, probes, {
      multi: true,
      filter: { tgid, namespace: { device: dev, inode } },
    });
    try {
      const before = target.lines.length;
      target.write('ints 3\n');
      await target.until('done', () => target.lines.length > before);
      counts.push(tracer.rows().length);
    } finally {
      tracer.close();
    }
  }
  expect(counts).toEqual([3, 0, 0]);
}, 120_000);

it('pages that are not resident are not captured, and waited for where the probe says so', async () => {
  const file = await goFixture({ source: { 'main.go': cold, 'go.mod': 'module cold\n\ngo 1.21\n' } });
  const binary = openGoFile(file);
  await using target = await startProcess(file, { ready: /^ready$/m });
  const columns = [argument('p'), argument('s'), argument('p.Next.N'), result('$0')];
  const unread = 'not captured: its memory could not be read (not mapped, or not resident)';
  let waitedNs = 0;
  const rowsOf = async (calls: string, waitForPages?: true) => {
    const probes = [{ function: 'main.walk', columns }];
    const tracer = trace(target.pid, binary, probes, { multi: true, ...(waitForPages && { waitForPages }) });
    try {
      const before = target.lines.length;
      target.write(`${calls}\n`);
      const rows: ReturnType<Tracer['rows']> = [];
      // Each capture that is given up takes its place in the ring too.
      for (let over = false; !over; await setTimeout(1)) {
        over = target.lines.length > before;
        rows.push(...tracer.rows());
      }
      waitedNs = Number(tracer.words[waitedNsOffset(1) / 8]);
      return rows;
    } finally {
      tracer.close();
    }
  };
  const value = (i: unknown) => `"Name":"node ${i}","N":${i},"Next":{"&":"0x…","Name":"next","N":2,"Next":null}}`;
  const shown = (row: Record<string, unknown>) =>
    [row.p, row.$0].map((json) => String(json).replaceAll(/0x[0-9a-f]+/g, '0x…'));
  expect(await rowsOf('1')).toMatchObject([{ s: null, 'p.Next.N': null, notes: { p: unread, s: unread, $0: unread } }]);
  expect(waitedNs).toBe(0);
  const [row] = await rowsOf('1', true);
  expect(row).toMatchObject({ s: 'text 0', 'p.Next.N': 2n, notes: {} });
  expect(shown(row!)).toEqual(Array(2).fill(`{"&":"0x…",${value(0)}`));
  // What the budget counts: the waits of an entry and of a return.
  expect(waitedNs).toBeGreaterThan(2_000);
  expect(waitedNs).toBeLessThan(1e9);
  // Four threads in the program at once, each of which drops the pages of all: events are captured many times, the ring may be full, what comes is right.
  const rows = await rowsOf('4', true);
  const whole = rows.filter(({ notes }) => Object.keys(notes).length === 0);
  for (const each of whole) {
    const i = /\d+/.exec(String(each.s))![0];
    expect(shown(each)).toEqual(Array(2).fill(`{"&":"0x…",${value(i)}`));
  }
  expect(whole.length).toBeGreaterThan(20);
}, 120_000);

const cold = `package main

import ("bufio"; "fmt"; "os"; "strconv"; "sync"; "syscall"; "unsafe")

type node struct { Name string; N int; Next *node }

var mem []byte

// Nothing of the mapping is in the process's page table any more.
func drop() { syscall.Madvise(mem, syscall.MADV_DONTNEED) }

//go:noinline
func walk(p *node, s string) *node { drop(); return p }

func text(page int, s string) string {
	copy(mem[page<<12:], s)
	return unsafe.String(&mem[page<<12], len(s))
}

func main() {
	f, _ := os.CreateTemp("", "cold")
	os.Remove(f.Name())
	f.Truncate(64 << 12)
	mem, _ = syscall.Mmap(int(f.Fd()), 0, 64<<12, 3, syscall.MAP_SHARED)
	at := func(page int) *node { return (*node)(unsafe.Pointer(&mem[page<<12])) }
	*at(40) = node{Name: text(41, "next"), N: 2}
	texts := [4]string{}
	for i := range texts {
		texts[i] = text(20+i, fmt.Sprint("text ", i))
		*at(i) = node{Name: text(10+i, fmt.Sprint("node ", i)), N: i, Next: at(40)}
	}
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		count, _ := strconv.Atoi(in.Text())
		calls := 1
		if count > 1 { calls = 100 }
		var all sync.WaitGroup
		for i := 0; i < count; i++ {
			all.Add(1)
			go func(i int) {
				defer all.Done()
				for k := 0; k < calls; k++ { drop(); walk(at(i), texts[i]) }
			}(i)
		}
		all.Wait()
		fmt.Println("done")
	}
}
`;
