import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { attachUprobes, loadProgram, makeMap } from '#bpf';
import { openDescriptors, TestDeployer } from '../../testing/deployer.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import { counters, countingProgram } from '../../testing/kernel-target.ts';
import { killStarted, type RunningProcess, startProcess } from '../../testing/process.ts';
import { executableOf } from './process-executable.ts';

/** Calls main.hit(N) for every line N. */
const source = `package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
)

//go:noinline
func inner(n int64) int64 { return n * 3 }

//go:noinline
func hit(n int64) int64 { return inner(n) + 1 }

func main() {
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		n, _ := strconv.ParseInt(in.Text(), 10, 64)
		fmt.Println("hit", hit(n))
	}
}
`;

/** Attaches to a process by ptrace and stays. */
const debuggerSource = `package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

func main() {
	// Not the first thread, as in dlv.
	wait := make(chan int)
	go trace(wait)
	<-wait
}

func trace(chan int) {
	runtime.LockOSThread()
	pid, _ := strconv.Atoi(os.Args[1])
	const seize = 0x4206
	if _, _, e := syscall.Syscall6(syscall.SYS_PTRACE, seize, uintptr(pid), 0, 0, 0, 0); e != 0 {
		fmt.Println("failed", e)
		os.Exit(1)
	}
	fmt.Println("attached")
	time.Sleep(time.Hour)
}
`;

let sonde: TestDeployer;
let program: string;
let target: RunningProcess;
beforeAll(async () => {
  program = await goFixture({ source: { 'main.go': source } });
  sonde = new TestDeployer();
});
afterAll(() => sonde[Symbol.asyncDispose]());
beforeEach(async () => {
  target = await startProcess(program, { ready: /ready/ });
});
afterEach(killStarted);

async function call(n: number): Promise<void> {
  target.write(`${n}\n`);
  await target.waitFor(new RegExp(`hit ${3 * n + 1}\n`));
}

describe("another tracer's probe", () => {
  it('on the same instruction: accepted and told; both see all calls, whoever leaves first', async () => {
    const { sys, kernel, binaries } = sonde;
    using executable = executableOf(target.pid);
    using lease = binaries.open(executable);
    const { binary } = lease;
    const found = binary.findFunction('main.hit');
    if (found.kind !== 'found') throw new Error('no main.hit');
    const first = await sonde.place(target.pid, 'main.hit');
    const own = first.deployment.warnings;
    expect(own.join()).not.toMatch(/another tracer/);
    await first.deployment.close();

    // Every instruction of the function but those that the kernel refuses.
    using map = makeMap(sys, counters);
    using loaded = loadProgram(sys, countingProgram(), new Map([[counters.name, map]]), { multi: kernel.multi });
    const offset = binary.fileOffset(found.function.entry)!;
    const code = binary.code(found.function);
    const sites = Array.from({ length: code.count }, (_, i) => ({ offset: offset + code.offsets[i]!, cookie: 0 }));
    const foreign = attachUprobes(sys, loaded, {
      executable: executable.fd,
      pid: target.pid,
      sites,
    });
    const before = Number(map.words[0]);
    const { deployment, rows } = await sonde.place(target.pid, 'main.hit');
    expect(
      deployment.warnings.filter((warning) => /another tracer has a breakpoint at \d of \d probe sites/.test(warning)),
    ).toHaveLength(1);
    await call(1);
    expect(Number(map.words[0])).toBeGreaterThan(before);
    foreign.close();
    await call(2);
    await deployment.flush();
    expect(rows.map(({ args, outcome }) => [args.n, outcome])).toEqual([
      [1, 'returned'],
      [2, 'returned'],
    ]);
    // One of our own there is nobody else's.
    const second = await sonde.place(target.pid, 'main.hit');
    expect(second.deployment.warnings.join()).not.toMatch(/another tracer/);
    await deployment.close();
    await call(3);
    await second.deployment.flush();
    expect(second.rows.map(({ args }) => args.n)).toEqual([3]);
    await second.deployment.close();
  });
});

describe('a debugger', () => {
  it('is named by its pid; nothing is placed; when it has gone, all is well', async () => {
    const file = await goFixture({ source: { 'main.go': debuggerSource } });
    const debuggerProcess = await startProcess(file, { args: [String(target.pid)], ready: /attached/ });
    const before = openDescriptors();
    await expect(sonde.place(target.pid, 'main.hit')).rejects.toThrow(
      new RegExp(`debugger \\(process ${debuggerProcess.pid}, `),
    );
    await expect.poll(openDescriptors).toBeLessThanOrEqual(before + 1);
    await debuggerProcess.kill();
    const { deployment } = await sonde.place(target.pid, 'main.hit');
    await call(4);
    expect(deployment.hits).toBe(1);
    await deployment.close();
  });
});

/** A memory cgroup of our own below the one that we are in; undefined: none can be made here. */
function memoryCgroup(): { folder: string; limitFile: string } | undefined {
  const groups = readFileSync('/proc/self/cgroup', 'utf8');
  const v1 = /^\d+:(?:\w+,)*memory(?:,\w+)*:(.*)$/m.exec(groups)?.[1];
  const folder =
    v1 === undefined
      ? join('/sys/fs/cgroup', /^0::(.*)$/m.exec(groups)?.[1] ?? '', `sonde-test-${process.pid}`)
      : join('/sys/fs/cgroup/memory', v1, `sonde-test-${process.pid}`);
  try {
    mkdirSync(folder);
  } catch {
    return undefined;
  }
  const limitFile = join(folder, v1 === undefined ? 'memory.max' : 'memory.limit_in_bytes');
  if (existsSync(limitFile)) return { folder, limitFile };
  rmdirSync(folder);
  return undefined;
}

const group = memoryCgroup();
describe.skipIf(group === undefined)("the target's memory limit (skipped: no memory cgroup can be made here)", () => {
  afterAll(async () => {
    await killStarted();
    for (let tries = 0; ; tries++) {
      try {
        rmdirSync(group!.folder);
        return;
      } catch (error) {
        if (tries === 50) throw error;
        await sleep(20);
      }
    }
  });

  it('is not come near to: refused with the numbers; with room, traced', async () => {
    const { folder, limitFile } = group!;
    writeFileSync(join(folder, 'cgroup.procs'), String(target.pid));
    writeFileSync(limitFile, String(900 << 10));
    await expect(sonde.place(target.pid, 'main.hit')).rejects.toThrow(
      /\d+ KiB of its memory \(\d private copies.*limit of 900 KiB it has used \d+ KiB.*sonde-test/,
    );
    writeFileSync(limitFile, String(64 << 20));
    const { deployment } = await sonde.place(target.pid, 'main.hit');
    await call(5);
    expect(deployment.hits).toBe(1);
    // The page is ours already: more probes on it cost nothing.
    writeFileSync(limitFile, String(900 << 10));
    const second = await sonde.place(target.pid, 'main.hit');
    await Promise.all([deployment.close(), second.deployment.close()]);
  });
});
