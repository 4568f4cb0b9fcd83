import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goFixture } from '../../testing/go-fixtures.ts';
import { killStarted, type RunningProcess, startProcess } from '../../testing/process.ts';
import { parseRows as rowsOf } from '../../testing/px.ts';
import { root } from '../../testing/root.ts';
import { writeProbeScript } from '../../testing/script.ts';

/** Nobody's, as on any Linux. */
const user = '65534';
const source = `package main

import (
	"bufio"
	"fmt"
	"os"
)

//go:noinline
func wait(in *bufio.Scanner) bool { return in.Scan() }

func main() {
	fmt.Println("ready")
	wait(bufio.NewScanner(os.Stdin))
}
`;

const folder = mkdtempSync(join(tmpdir(), 'sonde-nobody-'));
chmodSync(folder, 0o777);
let target: RunningProcess;
/** Who runs a command: that user, with these capabilities. */
const as = (...names: string[]): string[] => [
  ...['--reuid', user, '--regid', user, '--clear-groups'],
  ...(names.length === 0 ? [] : [`--inh-caps=+${names.join(',+')}`, `--ambient-caps=+${names.join(',+')}`]),
];

/** The clone may lie where only its owner comes. */
const reachable = spawnSync('setpriv', [...as(), 'test', '-x', join(root, 'px')]).status === 0;
const why = '(skipped: no other user can be had by setpriv, or none can read the clone)';

beforeAll(async () => {
  if (!reachable) return;
  const program = await goFixture({ source: { 'main.go': source } });
  target = await startProcess('setpriv', { args: [...as(), program], ready: /ready/ });
});
afterAll(async () => {
  await killStarted();
  rmSync(folder, { recursive: true, force: true });
});

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `px` of a user, with an agent of its own that goes with the test. */
class User {
  readonly #args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;

  constructor(name: string, capabilities: string[], env: NodeJS.ProcessEnv = {}) {
    this.#args = [...as(...capabilities), join(root, 'px')];
    this.#env = { ...process.env, ...env, HOME: folder, NO_COLOR: '1', SONDE_DIR: join(folder, name) };
  }

  async px(...args: string[]): Promise<Ran> {
    const ran = await startProcess('setpriv', { args: [...this.#args, ...args], env: this.#env });
    ran.endInput();
    const { code } = await ran.exited;
    return { code, stdout: ran.stdout, stderr: ran.stderr };
  }

  /** State of each check of `px doctor`. */
  async doctor(): Promise<Record<string, string>> {
    const { stdout } = await this.px('doctor', '-o', 'json');
    return Object.fromEntries(rowsOf<{ name: string; state: string }>(stdout).map(({ name, state }) => [name, state]));
  }
}

describe.skipIf(!reachable)(`a user without capabilities ${reachable ? '' : why}`, () => {
  const nobody = new User('plain', []);
  afterAll(() => nobody.px('agent', 'stop'));

  it('sees its own processes and the calls that they are in', async () => {
    const { code, stdout } = await nobody.px('ps', '-o', 'json');
    expect(code).toBe(0);
    expect(rowsOf<{ pid: number }>(stdout).map(({ pid }) => pid)).toEqual([target.pid]);
    expect((await nobody.px('funcs', String(target.pid), 'main.wait')).stdout).toMatch(/main\.wait/);
    const open = await nobody.px('trace', String(target.pid), 'main.wait', '--open', '-o', 'json');
    expect(open.code).toBe(0);
    expect(rowsOf(open.stdout)).toMatchObject([{ function: 'main.wait', outcome: 'running' }]);
  });

  it('is told what tracing needs and how to get it', async () => {
    const [{ upid }] = rowsOf<{ upid: string }>((await nobody.px('ps', '-o', 'json')).stdout) as [{ upid: string }];
    const script = writeProbeScript(folder, {
      upid,
      name: 'n',
      function: 'main.wait',
      columns: { t: 'FunctionLatency()' },
    });
    const run = ['run', '-f', script];
    for (const args of [['trace', String(target.pid), 'main.wait'], run]) {
      const { code, stderr } = await nobody.px(...args);
      expect(code).toBe(3);
      for (const pattern of [/CAP_BPF/, /CAP_PERFMON/, /CAP_SYS_PTRACE/, /sudo/, /--cap-add BPF/]) {
        expect(stderr).toMatch(pattern);
      }
    }
  });

  it("is told that another user's process is not to be looked at", async () => {
    const { code, stderr } = await nobody.px('trace', String(process.pid), 'main.wait', '--open');
    expect(code).toBe(3);
    expect(stderr).toMatch(/permission/);
  });

  it('is told by px doctor what is missing', async () => {
    const checks = await nobody.doctor();
    expect(checks).toMatchObject({
      kernel: 'ok',
      CAP_BPF: 'missing',
      CAP_PERFMON: 'missing',
      CAP_SYS_PTRACE: 'missing',
      eBPF: 'missing',
      'cost of one hit': 'missing',
    });
  });
});

describe.skipIf(!reachable)(`a user with the three capabilities ${reachable ? '' : why}`, () => {
  const three = ['bpf', 'perfmon', 'sys_ptrace'];

  const withoutMulti = process.env.SONDE_NO_UPROBE_MULTI === '1';
  it.skipIf(withoutMulti)('traces, by uprobe_multi links (skipped where they are switched off)', async () => {
    const capable = new User('capable', three);
    const traced = await capable.px('trace', String(target.pid), 'main.wait', '--for', '200ms');
    expect(traced.stderr).toMatch(/armed/);
    expect(traced.code).toBe(0);
    expect(Object.values(await capable.doctor())).not.toContain('missing');
    await capable.px('agent', 'stop');
  });

  it('without uprobe_multi: is told that perf links need CAP_SYS_ADMIN', async () => {
    const older = new User('older', three, { SONDE_NO_UPROBE_MULTI: '1' });
    const { code, stderr } = await older.px('trace', String(target.pid), 'main.wait');
    expect(code).toBe(3);
    expect(stderr).toMatch(/CAP_SYS_ADMIN/);
    expect(await older.doctor()).toMatchObject({ 'uprobe_multi links': 'warning', 'uprobes by perf link': 'missing' });
    await older.px('agent', 'stop');
  });
});
