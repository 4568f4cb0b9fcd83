/** Values and counts: what is shown is what was there, call by call, for every kind of value of this release. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { killStarted } from '../testing/process.ts';
import { PxEnvironment, parseRows, type Trace, type TracedCall } from '../testing/px.ts';
import { writeProbeScript } from '../testing/script.ts';
import { CallsProgram, DemoServer, toolchains } from '../testing/targets.ts';

const sonde = new PxEnvironment();
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
});

function script(upid: string, name: string, fn: string, columns: Readonly<Record<string, string>>): string {
  return writeProbeScript(sonde.folder, { upid, name, function: fn, columns });
}

/** What may not be placed: right where `known`, otherwise right or missing with a reason. */
function rightOrSaid(
  call: TracedCall,
  side: 'args' | 'results',
  expected: Readonly<Record<string, unknown>>,
  known: boolean,
): void {
  for (const [name, value] of Object.entries(expected)) {
    const shown = call[side]?.[name] ?? null;
    if (known || shown !== null) expect([name, shown]).toEqual([name, value]);
    else expect(call.notes?.[`${side}.${name}`] ?? call.notes?.[name]).toMatch(/./);
  }
}

// Go 1.17 has no results in its debug info: it has a test of its own below.
describe.each(toolchains('local', 'go1.21.13', 'go1.18.10'))('a program built by %s', (toolchain) => {
  let program: CallsProgram;
  let upid: string;
  const traces: Trace[] = [];
  beforeAll(async () => {
    program = await CallsProgram.start({ toolchain });
    upid = await sonde.upid(program.pid);
  });
  afterEach(async () => {
    await Promise.all(traces.splice(0).map((trace) => trace.process.kill()));
  });

  async function start(fn: string): Promise<Trace> {
    const trace = await sonde.trace(program.pid, fn);
    traces.push(trace);
    return trace;
  }

  /** The calls of each function, by a trace of its own, that a command makes: at least so many of each. */
  async function tracedEach<Name extends string>(
    command: string,
    counts: Readonly<Record<Name, number>>,
  ): Promise<Record<Name, readonly TracedCall[]>> {
    const names = Object.keys(counts) as Name[];
    const started = await Promise.all(names.map(start));
    await program.command(command);
    const found = started.map(async (trace, i): Promise<[Name, readonly TracedCall[]]> => {
      await trace.atLeast(counts[names[i]!]);
      const { calls, stderr } = await trace.stop();
      expect(stderr).toContain(' 0 drops');
      return [names[i]!, calls];
    });
    return Object.fromEntries(await Promise.all(found)) as Record<Name, readonly TracedCall[]>;
  }

  async function traced(fn: string, command: string, count: number): Promise<readonly TracedCall[]> {
    return (await tracedEach(command, { [fn]: count }))[fn]!;
  }

  it('main.signed, unsigned, named, same: every argument and result', async () => {
    const functions = ['main.signed', 'main.unsigned', 'main.named', 'main.same'];
    const started = await Promise.all(functions.map(start));
    const said = await program.said('scalars');
    for (const [i, trace] of started.entries()) {
      const expected = said.filter((call) => call.function === functions[i]);
      await trace.atLeast(expected.length);
      const { calls } = await trace.stop();
      expect(calls.map(({ args, results }) => ({ args, results }))).toEqual(
        expected.map(({ args, results }) => ({ args, results })),
      );
      expect(calls.every((call) => call.outcome === 'returned')).toBe(true);
    }
  });

  it('strings: empty, short, beyond ASCII, with quotes and control characters, long, not UTF-8', async () => {
    const trace = await start('main.text');
    const expected = await program.said('text');
    const calls = await trace.atLeast(expected.length + 1);
    for (const [i, { args, results }] of expected.entries()) {
      const [call, full] = [calls[i]!, args.s as string];
      expect(call.results!.n).toBe(results.n);
      const shown = call.args.s as string;
      if (shown === full) {
        expect(call.notes?.s ?? call.notes?.['args.s']).toBeUndefined();
        expect(call.results!.back).toBe(full);
      } else {
        // Cut, and marked beside the value with the full length.
        expect(full.length).toBe(10_000);
        expect(shown.length).toBeGreaterThanOrEqual(64);
        expect(full.startsWith(shown)).toBe(true);
        expect(JSON.stringify(call.notes)).toMatch(/10,?000/);
      }
    }
    const bytes = calls[expected.length]!;
    expect(bytes.results!.n).toBe(11);
    expect(JSON.stringify(bytes.args)).not.toContain('\uFFFD');
  });

  it('blank, unnamed, many, late, variadic and mixed parameters', async () => {
    // Debug info of Go before 1.22 does not list blank parameters: those that it lists are right all the same, or said not to be captured.
    const listed = toolchain === 'local';
    const calls = await tracedEach('shapes', {
      'main.blank': 1,
      'main.unnamed': 1,
      'main.many': 1,
      'main.late': 1,
      'main.variadic': 1,
      'main.nothing': 1,
    });
    const [blank] = calls['main.blank'];
    expect(blank).toMatchObject({ args: { ...(listed ? { '#0': 1, '#1': 'two' } : {}), x: 3 }, results: { $0: 6 } });
    const [unnamed] = calls['main.unnamed'];
    expect(unnamed).toMatchObject({ args: listed ? { '#0': 4, '#1': true } : {}, results: { $0: 7 } });
    const [many] = calls['main.many'];
    const inRegisters = Object.fromEntries([...'abcdefgh'].map((name, i) => [name, i + 1]));
    expect(many).toMatchObject({
      args: inRegisters,
      results: Object.fromEntries([12, 11, 10, 9, 8, 7, 6, 5, 4].map((value, i) => [`$${i}`, value])),
    });
    rightOrSaid(many!, 'args', { i: 9, j: 10, k: 11, l: 12, s: 'thirteen', m: 14 }, listed);
    rightOrSaid(many!, 'results', { $9: 3 }, listed);
    const [late] = calls['main.late'];
    expect(late).toMatchObject({ args: { ...inRegisters, z: 10 }, results: { $0: 15 } });
    rightOrSaid(late!, 'args', { s: 'nine' }, listed);
    expect(calls['main.variadic']).toMatchObject([{ args: { first: 1 }, results: { $0: 3 } }]);
    expect(calls['main.nothing']).toMatchObject([{ args: {}, outcome: 'returned' }]);
  });

  it('floats between other values, in registers', async () => {
    const [call] = await traced('main.mixed', 'shapes', 1);
    expect(call).toMatchObject({ args: { a: 1, x: 2.5, b: 3, y: 4.5, c: 'five' }, results: { $0: 14 } });
    expect(call!.notes).toBeUndefined();
  });

  it('floats and complex numbers of every kind: arguments, results, behind a pointer', async () => {
    const trace = await start('main.floats');
    const complex = ({ real, imag }: Record<string, unknown>) => {
      const text = (value: unknown) => (Object.is(value, -0) ? '-0' : String(value));
      return `(${text(real)}${/^[+-]/.test(text(imag)) ? '' : '+'}${text(imag)}i)`;
    };
    const withText = (values: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> => ({
      ...values,
      [name]: complex(values[name] as Record<string, unknown>),
    });
    const expected = (await program.said('floats')).map(({ args, results }) => ({
      args: withText(args, 'z'),
      results: withText(results, '$2'),
    }));
    const calls = await trace.atLeast(expected.length);
    expect(calls.map(({ args: { p: _, ...args }, results, notes }) => ({ args, results, notes }))).toEqual(
      expected.map(({ args, results }) => ({ args, results, notes: undefined })),
    );

    const columns = {
      a: "ArgExpr('a')",
      b: "ArgExpr('b')",
      first: "ArgExpr('*p')",
      r: "RetExpr('$0')",
      z: "RetExpr('$2')",
    };
    const file = script(upid, `floats_${toolchain.replaceAll('.', '_')}`, 'main.floats', columns);
    await sonde.ok(['run', '-f', file]);
    await program.command('floats');
    const rows = await sonde.rows<Record<string, unknown>>(['run', '-f', file]);
    expect(rows.map(({ a, first, r, notes_ }) => ({ a, first, r, notes_ }))).toEqual(
      expected.map(({ args, results }) => ({ a: args.a, first: 0, r: results.$0, notes_: undefined })),
    );
    // A column of float64 holds a float32 as the same number, not as its shortest text.
    const float32 = (value: unknown) => (typeof value === 'number' ? Math.fround(value) : value);
    expect(rows.map(({ b }) => b)).toEqual(expected.map(({ args }) => float32(args.b)));
    expect(rows.map(({ z }) => JSON.parse(z as string))).toEqual(expected.map(({ results }) => results.$2));
  });

  it('argument names are in the order of the source', async () => {
    const trace = await start('main.late');
    await program.command('shapes');
    await trace.atLeast(1);
    expect(trace.process.lines[0]).toMatch(
      /"args":\{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"s":"nine","z":10\}/,
    );
  });

  it('methods with value and pointer receivers, and closures', async () => {
    const calls = await tracedEach('structs', { 'main.(*tally).Add': 2, 'main.tally.Plus': 1 });
    expect(calls['main.(*tally).Add'].map((call) => [call.args.n, call.results!.$0])).toEqual([
      [1, 101],
      [2, 103],
    ]);
    expect(calls['main.tally.Plus']).toMatchObject([{ args: { n: 3 }, results: { $0: 106 } }]);
    const closures = await traced('main.callShapes.func1', 'shapes', 3);
    expect(closures.map((call) => [call.args.n, call.results!.$0])).toEqual([
      [0, 0],
      [10, 11],
      [20, 22],
    ]);
  });

  it('struct fields by path: in registers, on the stack, behind pointers, nil on the way', async () => {
    const version = toolchain.replaceAll('.', '_');
    const files = {
      registers: script(upid, `registers_${version}`, 'main.inRegisters', {
        before: "ArgExpr('before')",
        x: "ArgExpr('p.X')",
        y: "ArgExpr('p.Y')",
        name: "ArgExpr('p.Name')",
        after: "ArgExpr('after')",
        sum: "RetExpr('$0')",
      }),
      stack: script(upid, `stack_${version}`, 'main.onStack', {
        before: "ArgExpr('before')",
        head: "ArgExpr('b.Head')",
        a: "ArgExpr('b.Tail.A')",
        b: "ArgExpr('b.Tail.B')",
        c: "ArgExpr('b.Tail.C')",
        after: "ArgExpr('after')",
      }),
      pointers: script(upid, `pointers_${version}`, 'main.byPointer', {
        value: "ArgExpr('n.Value')",
        inner: "ArgExpr('n.Inner.C')",
        flag: "ArgExpr('n.Inner.B')",
        next: "ArgExpr('n.Next.Value')",
        box: "ArgExpr('n.Box.C')",
        result: "RetExpr('$0')",
      }),
      swap: script(upid, `swap_${version}`, 'main.swap', {
        x: "RetExpr('$0.X')",
        y: "RetExpr('$0.Y')",
        name: "RetExpr('$0.Name')",
      }),
    };
    for (const file of Object.values(files)) await sonde.ok(['run', '-f', file]);
    await program.command('structs');
    const rows = async (file: string) => await sonde.rows(['run', '-f', file]);
    expect(await rows(files.registers)).toMatchObject([{ before: 1, x: -2, y: 3, name: 'p', after: 4, sum: 3 }]);
    expect(await rows(files.stack)).toMatchObject([
      { before: 5, head: -6, a: 1n << 63n, b: true, c: 'tail', after: 11 },
    ]);
    expect(await rows(files.swap)).toMatchObject([{ x: 2, y: 1, name: 's~' }]);
    const pointers = await rows(files.pointers);
    expect(pointers[0]).toMatchObject({ value: 1, inner: 'in', flag: true, next: 3, box: 'box', result: 1 });
    expect(pointers[1]).toMatchObject({ value: 3, inner: '', flag: false, next: null, box: null, result: 3 });
    expect(pointers[2]).toMatchObject({ value: null, inner: null, flag: null, next: null, box: null, result: -1 });
    expect(JSON.stringify(pointers[1]!.notes_)).toMatch(/nil/);
    expect(JSON.stringify(pointers[2]!.notes_)).toMatch(/nil/);
  });

  it('recursion: every call with its own argument, result and depth', async () => {
    const calls = await traced('main.recurse', 'recurse 50', 51);
    // The innermost returns first.
    expect(calls.map((call) => [call.args.n, call.results!.$0])).toEqual(Array.from({ length: 51 }, (_, i) => [i, i]));
    expect(new Set(calls.map((call) => call.goid)).size).toBe(1);
    const latencies = calls.map((call) => call.latency_ns!);
    expect(latencies).toEqual([...latencies].sort((a, b) => a - b));
  });

  it('a stack that moves under open calls', async () => {
    const calls = await traced('main.deep', 'grow 200', 201);
    expect(calls.map((call) => [call.args.n, call.results!.$0])).toEqual(Array.from({ length: 201 }, (_, i) => [i, i]));
    expect(calls.every((call) => call.outcome === 'returned')).toBe(true);
  });

  it('a hundred goroutines: each call once, with the goroutine that made it', async () => {
    const calls = await traced('main.work', 'spread 100 20 20', 2000);
    const pairs = calls.map((call) => `${call.args.goroutine}/${call.args.call}`);
    expect(new Set(pairs).size).toBe(2000);
    expect(pairs).toHaveLength(2000);
    for (const call of calls) {
      expect(call.args.name).toBe('w');
      expect(call.results!.$0).toBe((call.args.call as number) + (call.args.goroutine as number));
    }
    // Ten calls from one short-lived goroutine.
    expect(new Set(calls.map((call) => call.goid)).size).toBe(200);
  });

  it('outcomes: panics recovered above and in the same frame, Goexit', async () => {
    const calls = await tracedEach('outcomes', {
      'main.panics': 2,
      'main.through': 2,
      'main.goexits': 1,
      'main.recoversAbove': 2,
      'main.recoversItself': 2,
    });
    const outcomes = (fn: keyof typeof calls) => calls[fn].map((call) => [call.args.n, call.outcome]);
    expect(outcomes('main.panics')).toEqual([
      [1, 'panicked'],
      [2, 'panicked'],
    ]);
    expect(outcomes('main.through')).toEqual([
      [1, 'panicked'],
      [2, 'panicked'],
    ]);
    expect(outcomes('main.goexits')).toEqual([[4, 'goexit']]);
    expect(calls['main.recoversAbove']).toMatchObject([
      { args: { n: 1 }, results: { result: 10 }, outcome: 'returned' },
      { args: { n: 2 }, results: { result: 20 }, outcome: 'returned' },
    ]);
    expect(calls['main.recoversItself']).toMatchObject([
      { args: { n: 3 }, results: { result: -3 }, outcome: 'returned' },
      { args: { n: -3 }, results: { result: -3 }, outcome: 'returned' },
    ]);
  });

  it('calls that are still running: at once by --open, and at the end of px trace', async () => {
    const trace = await start('main.hangs');
    await program.command('hang 3');
    const open = async () => {
      const { stdout } = await sonde.ok(['trace', '--open', String(program.pid), 'main.hangs', '-o', 'json']);
      return parseRows<TracedCall>(stdout);
    };
    await expect.poll(async () => (await open()).length).toBe(3);
    const running = await open();
    expect(running.map((call) => call.args.id).sort()).toEqual([0, 1, 2]);
    expect(running.every((call) => call.outcome === 'running' && call.latency_ns! > 0)).toBe(true);
    const { stderr } = await trace.stop();
    expect(stderr).toMatch(/still running: 3 calls/);
    expect(stderr).toMatch(/main\.hangs\(id=[012]\)/);
    await program.command('release');
  });
});

it('a program built by go1.17.13: arguments exact, results said not to be known', async () => {
  const program = await CallsProgram.start({ toolchain: 'go1.17.13' });
  const trace = await sonde.trace(program.pid, 'main.signed');
  const expected = (await program.said('scalars')).filter((call) => call.function === 'main.signed');
  await trace.atLeast(expected.length);
  const { calls } = await trace.stop();
  expect(calls.map((call) => call.args)).toEqual(expected.map((call) => call.args));
  expect(calls.every((call) => call.outcome === 'returned' && call.latency_ns! > 0)).toBe(true);
  const work = await sonde.trace(program.pid, 'main.work');
  await program.command('spread 20 20 20');
  await work.atLeast(400);
  const { calls: spread, stderr } = await work.stop();
  expect(stderr).toMatch(/400 calls, 400 rows, 0 drops/);
  expect(new Set(spread.map((call) => `${call.args.goroutine}/${call.args.call}`)).size).toBe(400);

  const upid = await sonde.upid(program.pid);
  const file = script(upid, 'results117', 'main.signed', { r: "RetExpr('$0')" });
  const refused = await sonde.run(['run', '-f', file]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/debug info/);
});

it("the demo's result, exactly as the same additions give it", async () => {
  const demo = await DemoServer.start();
  const upid = await sonde.upid(demo.pid);
  const file = script(upid, 'demo_result', 'main.computeE', { n: "ArgExpr('iterations')", e: "RetExpr('$0')" });
  await sonde.ok(['run', '-f', file]);
  const iterations = [100, 0, 1, 2, 7, 17];
  for (const n of iterations) await demo.get(`/e?iters=${n}`);
  const rows = await sonde.rows(['run', '-f', file]);
  const series = (n: number) => {
    let [sum, term] = [0, 1];
    for (let i = 1; i <= n; i++) {
      sum += term;
      term /= i;
    }
    return sum;
  };
  expect(rows.map(({ n, e }) => [n, e])).toEqual(iterations.map((n) => [n, series(n)]));
  // Added from the largest term to the smallest, the sum ends one unit above the float64 nearest to e.
  expect(rows[0]).toMatchObject({ n: 100, e: Math.E + 2 * Number.EPSILON });
});

it('counts 100,000 concurrent calls under stack growth exactly', { timeout: 180_000 }, async () => {
  const program = await CallsProgram.start();
  // As fast as they can: far above the budget.
  const trace = await sonde.trace(program.pid, 'main.work', ['--no-budget']);
  await program.command('spread 100 1000 90', 120_000);
  await trace.atLeast(100_000, 60_000);
  const { calls, stderr } = await trace.stop();
  expect(stderr).toMatch(/100000 calls, 100000 rows, 0 drops/);
  expect(calls).toHaveLength(100_000);
  const seen = new Set(calls.map((call) => (call.args.goroutine as number) * 1000 + (call.args.call as number)));
  expect(seen.size).toBe(100_000);
  expect(calls.every((call) => call.outcome === 'returned')).toBe(true);
});

it('os.Exit ends open calls as exited; the trace ends with the process', async () => {
  const program = await CallsProgram.start();
  const trace = await sonde.trace(program.pid, 'main.exits');
  program.send('exit 3');
  expect(await program.process.exited).toEqual({ code: 3, signal: null });
  const { calls, stderr } = await trace.ended();
  expect(calls).toMatchObject([{ args: { code: 3 }, outcome: 'exited' }]);
  expect(stderr).toMatch(/process.*(ended|exited)/);
});
