/** What bad input gets: the fault, its place, what is near it, an exit code. In seconds, not after a timeout. */
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment, type PxResult } from '../testing/px.ts';
import { root } from '../testing/root.ts';
import { probeScript } from '../testing/script.ts';
import { CallsProgram } from '../testing/targets.ts';

const sonde = new PxEnvironment();
let program: CallsProgram;
let upid: string;
beforeAll(async () => {
  program = await CallsProgram.start();
  upid = await sonde.upid(program.pid);
});
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
});

/** A run that must fail fast, say what matches, and print nothing on stdout. */
async function refused(result: Promise<PxResult>, code: number, ...patterns: RegExp[]): Promise<string> {
  const { code: got, stdout, stderr, milliseconds } = await result;
  for (const pattern of patterns) expect(stderr).toMatch(pattern);
  expect(stderr).not.toMatch(/\bbug in|at file:|node:internal/);
  expect({ code: got, stdout }).toEqual({ code, stdout: '' });
  expect(milliseconds).toBeLessThan(10_000);
  return stderr;
}

const run = (input: string) => sonde.run(['run', '-f', '-'], { input });
let scripts = 0;
/** A script on the fixture, its parts replaced. */
const probing = (change: {
  upid?: string;
  function?: string;
  columns?: Record<string, string>;
  ttl?: string;
  table?: string;
  name?: string;
}) =>
  run(
    probeScript({
      upid,
      name: `bad_${++scripts}`,
      function: 'main.stillHere',
      columns: { n: "ArgExpr('n')" },
      ...change,
    }),
  );

describe('the process', () => {
  it('malformed UPID: its place in the script', async () => {
    await refused(probing({ upid: 'nonsense' }), 1, /<stdin>:\d+:\d+: .*nonsense/, /\^/);
  });

  it('UPID of no process, of a reused pid, of another machine', async () => {
    await refused(
      probing({ upid: upid.replace(/^(\w{8})-\w{4}-\w{4}/, '$1-003f-fffe') }),
      1,
      /no process|not running|ended/i,
    );
    const reused = upid.slice(0, -1) + (upid.endsWith('0') ? '1' : '0');
    await refused(probing({ upid: reused }), 1, new RegExp(`${program.pid}`), /start|reused|another process/i);
    const elsewhere = (upid[0] === 'f' ? '0' : 'f') + upid.slice(1);
    await refused(probing({ upid: elsewhere }), 1, /machine|agent/i);
  });

  it('UPID of a process that ended', async () => {
    const short = await CallsProgram.start();
    const ended = await sonde.upid(short.pid);
    await short.process.kill();
    await refused(probing({ upid: ended }), 1, /no process|not running|ended/i);
  });

  it('not a Go program; no such process; no such name', async () => {
    const sleeper = await startProcess('/bin/sleep', { args: ['60'] });
    await refused(sonde.run(['trace', String(sleeper.pid), 'main.main']), 1, /not a Go/i, /sleep/);
    // As UPX marks what it packs; the loader passes over these bytes of the header.
    const packed = join(sonde.folder, 'packed');
    const bytes = readFileSync('/bin/sleep');
    writeFileSync(packed, Buffer.concat([bytes.subarray(0, 9), Buffer.from('UPX!'), bytes.subarray(13)]), {
      mode: 0o755,
    });
    const packer = await startProcess(packed, { args: ['60'] });
    await refused(sonde.run(['trace', String(packer.pid), 'main.main']), 1, /not a Go/i, /packed by UPX.*upx -d/);
    await refused(sonde.run(['trace', '4194000', 'main.main']), 1, /4194000/);
    await refused(sonde.run(['trace', 'no-such-name', 'main.main']), 1, /no-such-name/);
  });

  it('a debugger is attached', async () => {
    const attach = await goFixture({ source: { 'main.go': attacher } });
    const victim = await CallsProgram.start();
    const debuggerProcess = await startProcess(attach, { args: [String(victim.pid)], ready: /attached/ });
    await refused(
      sonde.run(['trace', String(victim.pid), 'main.stillHere']),
      1,
      /debugger|tracer|ptrace/i,
      new RegExp(`${debuggerProcess.pid}`),
    );
    await debuggerProcess.kill();
  });
});

describe('the function', () => {
  it('not found: the nearest names', async () => {
    await refused(sonde.run(['trace', String(program.pid), 'main.stilHere']), 1, /main\.stilHere/, /main\.stillHere/);
    await refused(probing({ function: 'main.stilHere' }), 1, /main\.stillHere/);
  });

  it('ambiguous: the candidates', async () => {
    await refused(sonde.run(['trace', String(program.pid), 'String']), 1, /names \d+ functions/, /\.String/);
  });

  it('inlined everywhere: its copies are traced, which have no results', async () => {
    const { code, stderr } = await sonde.run(['trace', String(program.pid), 'main.b8', '--for', '200ms']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/armed: main\.b8/);
    await refused(probing({ function: 'main.b8', columns: { r: "RetExpr('$1')" } }), 1, /\$1/);
  });

  it('an argument that it has not: what there is, with types', async () => {
    await refused(probing({ columns: { n: "ArgExpr('m')" } }), 1, /\bm\b/, /\bn int\b/);
  });

  it('a field that is not there: what there is, with types', async () => {
    await refused(probing({ function: 'main.inRegisters', columns: { z: "ArgExpr('p.Z')" } }), 1, /\bZ\b/, /X int32/);
    await refused(
      probing({ function: 'main.inRegisters', columns: { z: "ArgExpr('before.Z')" } }),
      1,
      /before/,
      /\bint\b/,
    );
  });

  it('a result that it has not', async () => {
    await refused(probing({ columns: { r: "RetExpr('$1')" } }), 1, /\$1/, /\$0 int/);
  });
});

describe('the script', () => {
  it.each([
    ['syntax error', "import px\npx.display(px.DataFrame(table='x'\n", /<stdin>:\d+:\d+: /],
    ['unknown name', 'import px\npx.display(nothing)\n', /<stdin>:2:12: .*nothing/],
    ['unknown attribute', "import px\npx.dispaly(px.DataFrame(table='x'))\n", /<stdin>:2:\d+: .*dispaly/, /display/],
    ['argument count', "import px\npx.display(px.DataFrame('a', [], 1, 2, 3, 4))\n", /<stdin>:2:\d+: /],
    ['unknown keyword', "import px\npx.display(px.DataFrame(tabel='x'))\n", /<stdin>:2:\d+: .*tabel/, /table/],
    ['argument type', 'import px\npx.display(px.DataFrame(table=3))\n', /<stdin>:2:\d+: /],
    ['unknown table', "import px\npx.display(px.DataFrame(table='no_such_table'))\n", /<stdin>:2:\d+: .*no_such_table/],
    ['module', 'import requests\n', /<stdin>:1:8: .*requests/],
    ['statement that PxL has not', 'import px\nwhile True:\n    pass\n', /<stdin>:2:1: .*while/],
  ])('%s: line, column, the line with a caret', async (_, text, ...patterns) => {
    await refused(run(text), 1, /^\s*\^+/m, ...(patterns as RegExp[]));
  });

  it('what PxL has and this lacks, by name', async () => {
    expect((await probing({ name: 'there' })).code).toBe(0);
    const sampled = "import px\ndf = px.DataFrame(table='there')\npx.display(px.sample(df, 5))\n";
    await refused(run(sampled), 1, /<stdin>:3:\d+: .*sample/, /^\s*\^+/m);
    const sent = `import px\ndf = px.GetUDFList()\ndf.time_ = px.now()\ndf.n = px.length(df.name)\npx.export(df, px.otel.Data(endpoint=px.otel.Endpoint('127.0.0.1:1', insecure=True), resource={'service.name': 'x'}, data=[px.otel.metric.Gauge('n', df.n)]))\n`;
    await refused(run(sent), 3, /127.0.0.1:1 took no rows: UNAVAILABLE/);
  });

  it.each(['10minutes', '-5m', '', 'soon', '5'])('TTL %j', async (ttl) => {
    await refused(probing({ ttl }), 1, /<stdin>:\d+:\d+: /, /5m|1h30m|duration|time/i);
  });

  it('a table of another tracepoint with other columns', async () => {
    expect((await probing({ name: 'first', table: 'shared' })).code).toBe(0);
    await refused(
      probing({ name: 'second', table: 'shared', columns: { other: "ArgExpr('n')", latency: 'FunctionLatency()' } }),
      1,
      /shared/,
      /first/,
    );
    expect((await probing({ name: 'third', table: 'shared' })).code).toBe(0);
  });

  it('a file that is not there, a bundled script that is not there', async () => {
    await refused(sonde.run(['run', '-f', '/nowhere/x.pxl']), 1, /nowhere/);
    await refused(sonde.run(['run', 'px/upid']), 1, /px\/upids/);
  });

  it('unknown parameters behind --', async () => {
    const demo = join(root, 'examples', 'simple-gotracing', 'capture_args.pxl');
    await refused(sonde.run(['run', '-f', demo, '--', '--upidd', 'x']), 2, /--upid/);
  });
});

describe('the machine', () => {
  it('no capabilities: which are missing and how to get them', async () => {
    const bare = new PxEnvironment();
    try {
      const process = await startProcess('setpriv', {
        args: ['--bounding-set=-all', '--inh-caps=-all', bare.px, 'trace', String(program.pid), 'main.stillHere'],
        env: bare.env,
      });
      expect((await process.exited).code).toBe(3);
      expect(process.stderr).toMatch(/CAP_BPF/);
      expect(process.stderr).toMatch(/CAP_PERFMON/);
      expect(process.stderr).toMatch(/root|sudo|setcap/);
    } finally {
      await bare.dispose();
    }
  });

  it("another user's socket: says whose it is", async ({ skip }) => {
    for (let folder = root; folder !== '/'; folder = dirname(folder)) {
      if ((statSync(folder).mode & 0o001) === 0) skip('the clone lies below a folder that other users may not enter');
    }
    await sonde.ok(['agent', 'start']);
    chmodSync(sonde.folder, 0o755);
    const process = await startProcess('setpriv', {
      args: ['--reuid=65534', '--regid=65534', '--clear-groups', sonde.px, 'ps'],
      env: { ...sonde.env, HOME: '/', XDG_CACHE_HOME: '/nowhere' },
    });
    expect((await process.exited).code).toBe(3);
    expect(process.stderr).toMatch(/permission/);
    expect(process.stderr).toMatch(/root/);
    chmodSync(sonde.folder, 0o700);
  });

  it('a folder for the agent that others may write in is refused', async () => {
    const open = new PxEnvironment();
    chmodSync(open.folder, 0o777);
    await refused(open.run(['ps']), 3, /SONDE_DIR|written/);
    expect(open.processes()).toEqual([]);
    await open.dispose();
  });

  it('what a crashed agent left behind does not stop the next one', async () => {
    const fresh = new PxEnvironment();
    try {
      await fresh.ok(['agent', 'start']);
      process.kill((await fresh.agentPid())!, 'SIGKILL');
      await expect.poll(() => fresh.processes()).toEqual([]);
      expect(existsSync(join(fresh.folder, 'agent.sock'))).toBe(true);
      mkdirSync(join(fresh.folder, 'stray'));
      await fresh.ok(['ps']);
    } finally {
      await fresh.dispose();
    }
  });

  it('px doctor tries and says', async () => {
    const { stdout, code } = await sonde.run(['doctor']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ring buffer/i);
    expect(stdout).toMatch(/CAP_BPF/);
    expect(stdout).toMatch(/\d+(\.\d+)? (ns|µs)/);
  });
});

const attacher = `package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

func main() {
	runtime.LockOSThread()
	pid, _ := strconv.Atoi(os.Args[1])
	if err := syscall.PtraceAttach(pid); err != nil {
		panic(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		panic(err)
	}
	if err := syscall.PtraceCont(pid, 0); err != nil {
		panic(err)
	}
	fmt.Println("attached")
	time.Sleep(time.Minute)
}
`;
