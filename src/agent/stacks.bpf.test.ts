import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestDeployer } from '../../testing/deployer.ts';
import { type GoFixture, goFixture } from '../../testing/go-fixtures.ts';
import { killStarted, type RunningProcess, startProcess } from '../../testing/process.ts';
import { callsOnStacks, type Stacked } from './stacks.ts';

/** Each command starts a goroutine that stands in a function of its own. */
const source = (cgo: string) => `package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

var never = make(chan int)
var sink int

// Kept from the garbage collector, which would close it.
var listener net.Listener

//go:noinline
func inReceive(n int) int { return <-never + n }

//go:noinline
func inSend(n int) { never2 <- n; sink++ }

var never2 = make(chan int)

//go:noinline
func inSelect(n int) int {
	select {
	case v := <-never:
		return v + n
	case v := <-never2Receive:
		return v
	}
}

var never2Receive = make(chan int)

//go:noinline
func inMutex(m *sync.Mutex) { m.Lock(); sink++ }

//go:noinline
func inRWMutex(m *sync.RWMutex) { m.RLock(); sink++ }

//go:noinline
func inWaitGroup(w *sync.WaitGroup) { w.Wait(); sink++ }

//go:noinline
func inCond(c *sync.Cond) { c.L.Lock(); c.Wait(); sink++ }

//go:noinline
func inSleep(n int) { time.Sleep(time.Hour); sink += n }

//go:noinline
func inAccept(l net.Listener) { l.Accept(); sink++ }

//go:noinline
func inNetRead(c net.Conn) { c.Read(make([]byte, 10)); sink++ }

//go:noinline
func inPipe(fd int) { syscall.Read(fd, make([]byte, 10)); sink++ }

//go:noinline
func inRawPipe(fd int, b *byte) { syscall.Syscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(b)), 1); sink++ }

//go:noinline
func inRecursion(n int) int {
	if n == 0 {
		return <-never
	}
	return inRecursion(n-1) + 1
}

//go:noinline
func inBigFrames(n int) int {
	var frame [1000]int
	frame[n%1000] = n
	if n == 0 {
		return <-never
	}
	return inBigFrames(n-1) + frame[n%1000]
}

//go:noinline
func inDefer(n int) { defer func() { <-never; sink += n }(); sink += n }

//go:noinline
func inPanic(n int) {
	defer func() { <-never; recover() }()
	panic(n)
}

//go:noinline
func inNilPanic(p *int) {
	defer func() { <-never; recover() }()
	*p = 1
}

//go:noinline
func inIndexPanic(a []int, i int) int {
	defer func() { <-never; recover() }()
	return a[i]
}

//go:noinline
func inGoexit() { defer func() { <-never }(); runtime.Goexit() }

type tree struct{ n int }

//go:noinline
func (t *tree) Method(n int) int { return <-never + t.n + n }

type methoder interface{ Method(int) int }

//go:noinline
func inInterface(m methoder) int { return m.Method(1) + 1 }

//go:noinline
func inClosure(f func(int) int) int { return f(1) + 1 }

//go:noinline
func inSpin() { for { sink++ } }

//go:noinline
func inPreempted(n int) int {
	sum := 0
	for i := 0; ; i++ {
		sum += i * n
		if sum == 1 { return sum }
	}
}

//go:noinline
func notCalled() { sink++ }

${cgo}

func pipe() int {
	var fds [2]int
	syscall.Pipe(fds[:])
	return fds[0]
}

func start(f func()) { go f() }

func main() {
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for in.Scan() {
		words := strings.Fields(in.Text())
		n := 0
		if len(words) > 1 {
			n, _ = strconv.Atoi(words[1])
		}
		switch words[0] {
		case "all":
			locked := new(sync.Mutex)
			locked.Lock()
			rw := new(sync.RWMutex)
			rw.Lock()
			wg := new(sync.WaitGroup)
			wg.Add(1)
			listener, _ = net.Listen("tcp", "127.0.0.1:0")
			conn, _ := net.Dial("tcp", listener.Addr().String())
			p1, p2 := pipe(), pipe()
			var b byte
			for _, f := range []func(){
				func() { inReceive(1) }, func() { inSend(1) }, func() { inSelect(1) },
				func() { inMutex(locked) }, func() { inRWMutex(rw) }, func() { inWaitGroup(wg) },
				func() { inCond(sync.NewCond(new(sync.Mutex))) }, func() { inSleep(1) },
				func() { c, _ := net.Listen("tcp", "127.0.0.1:0"); inAccept(c) }, func() { inNetRead(conn) },
				func() { inPipe(p1) }, func() { inRawPipe(p2, &b) },
				func() { inRecursion(4) }, func() { inBigFrames(300) },
				func() { inDefer(1) }, func() { inPanic(1) }, func() { inNilPanic(nil) },
				func() { inIndexPanic(nil, 3) }, func() { inGoexit() },
				func() { inInterface(&tree{1}) }, func() { inClosure(func(n int) int { return <-never + n }) },
			} {
				start(f)
			}
			cgo()
		case "never":
			notCalled()
		case "deep":
			start(func() { inRecursion(n) })
		case "many":
			for i := 0; i < n; i++ {
				i := i
				start(func() { inReceive(i) })
			}
		case "spin":
			for i := 0; i < n; i++ {
				start(func() { inPreempted(i) })
			}
		}
		time.Sleep(200 * time.Millisecond)
		runtime.GC()
		fmt.Println("done", words[0])
	}
}
`;

const withoutCgo = source('func cgo() {}');
const withCgo = source(`//go:noinline
func inC() { C.sleep(1000); sink++ }

func cgo() { start(func() { inC() }) }
`).replace('package main\n', 'package main\n\n// #include <unistd.h>\nimport "C"\n');

/** How often each function is on a stack after `all`. */
const expected: Readonly<Record<string, number>> = {
  'main.inReceive': 1,
  'main.inSend': 1,
  'main.inSelect': 1,
  'main.inMutex': 1,
  'main.inRWMutex': 1,
  'main.inWaitGroup': 1,
  'main.inCond': 1,
  'main.inSleep': 1,
  'main.inAccept': 1,
  'main.inNetRead': 1,
  'main.inPipe': 1,
  'main.inRawPipe': 1,
  'main.inRecursion': 5,
  'main.inBigFrames': 301,
  'main.inDefer': 1,
  'main.inPanic': 1,
  'main.inNilPanic': 1,
  'main.inIndexPanic': 1,
  'main.inGoexit': 1,
  'main.(*tree).Method': 1,
  'main.inInterface': 1,
  'main.inClosure': 1,
  'main.notCalled': 0,
  'main.main': 1,
};

let sonde: TestDeployer;
beforeAll(() => {
  sonde = new TestDeployer();
});
afterEach(killStarted);
afterAll(() => sonde[Symbol.asyncDispose]());

async function inside(pid: number, name: string): Promise<Stacked> {
  const found = await callsOnStacks(sonde.sys, sonde.binaries, pid, name);
  if (typeof found === 'string') throw new Error(found);
  return found;
}

async function started(fixture: Partial<GoFixture> = {}): Promise<RunningProcess> {
  return startProcess(await goFixture({ source: { 'main.go': withoutCgo }, ...fixture }), { ready: /ready/ });
}

async function command(target: RunningProcess, text: string): Promise<void> {
  target.write(`${text}\n`);
  await target.waitFor(new RegExp(`done ${text.split(' ')[0]}`), 30_000);
}

const hasCompiler = (() => {
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

type Case = [string, Partial<GoFixture>];

describe.each<Case>([
  ['the newest Go', {}],
  ['go1.21.13', { toolchain: 'go1.21.13' }],
  ['go1.17.13', { toolchain: 'go1.17.13' }],
  ['position-independent', { flags: ['-buildmode=pie'] }],
  ['not optimised', { flags: ['-gcflags=all=-N -l'] }],
  ['without symbols and debug info', { flags: ['-ldflags=-s -w'] }],
  ['without, Go 1.24', { toolchain: 'go1.24.9', flags: ['-ldflags=-s -w'] }],
  ...(hasCompiler
    ? [['cgo, linked by gcc', { source: { 'main.go': withCgo }, env: { CGO_ENABLED: '1' } }] satisfies Case]
    : []),
])('goroutines that stand in a function (%s)', (name, fixture) => {
  it('are found wherever they stand, and nobody else', { timeout: 120_000 }, async () => {
    const target = await started(fixture);
    await command(target, 'all');
    const functions = name.startsWith('cgo') ? { ...expected, 'main.inC': 1 } : expected;
    const counts: Record<string, number> = {};
    for (const fn of Object.keys(functions)) {
      const { calls, cut } = await inside(target.pid, fn);
      counts[fn] = calls.length;
      expect({ fn, cut }).toEqual({ fn, cut: 0 });
    }
    expect(counts).toEqual(functions);
    const state = async (fn: string) => (await inside(target.pid, fn)).calls[0]?.state;
    expect(await state('main.inReceive')).toBe('waiting');
    expect(await state('main.inRawPipe')).toBe('syscall');
    const recursion = (await inside(target.pid, 'main.inRecursion')).calls;
    expect(new Set(recursion.map(({ goid }) => goid)).size).toBe(1);
  });
});

it('a very deep stack to its bottom', async () => {
  const target = await started();
  await command(target, 'deep 100000');
  const { calls, cut } = await inside(target.pid, 'main.inRecursion');
  expect({ calls: calls.length, cut }).toEqual({ calls: 100_001, cut: 0 });
});

it('10,000 goroutines', async () => {
  const target = await started();
  await command(target, 'many 10000');
  const { calls, running } = await inside(target.pid, 'main.inReceive');
  expect({ calls: calls.length, running }).toEqual({ calls: 10_000, running: 0 });
});

it('goroutines on a CPU are told as not readable; those that were taken off one are found', async () => {
  const target = await started();
  const goroutines = 12;
  await command(target, `spin ${goroutines}`);
  let preempted = 0;
  let onCpu = 0;
  for (let round = 0; round < 20; round++) {
    const { calls, running, cut } = await inside(target.pid, 'main.inPreempted');
    preempted += calls.length;
    onCpu += running;
    expect(cut).toBe(0);
    expect(calls.length + running).toBeGreaterThanOrEqual(goroutines);
    expect(calls.every(({ state }) => state === 'runnable')).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  expect(preempted).toBeGreaterThan(0);
  expect(onCpu).toBeGreaterThan(0);
});

it('takes a pattern: each frame of a function that it fits', async () => {
  const target = await started();
  const { functions, calls } = await inside(target.pid, 're:^(main\\.main|net/nothing|runtime\\.gopark)$');
  expect([...functions].sort()).toEqual(['main.main', 'runtime.gopark']);
  expect(calls.filter((call) => call.function === 'main.main')).toHaveLength(1);
  expect(calls.filter((call) => call.function === 'runtime.gopark').length).toBeGreaterThan(1);
});

const withInlined = `package main

import "fmt"

//go:noinline
func block(c chan int) int { return <-c }

func handle(c chan int) int { return block(c) + 1 }

func inner(c chan int) int { return handle(c) * 2 }

var byVariable = handle

//go:noinline
func serve(c chan int) int { return inner(c) + 3 }

//go:noinline
func other(c chan int) int { return byVariable(c) + 4 }

func apply[T any](v T, f func(T) int) int { return f(v) + 1 }

//go:noinline
func third(c chan int) int { return apply(c, block) + 5 }

func main() {
	never := make(chan int)
	for _, f := range []func(chan int) int{serve, serve, other, third} {
		go f(never)
	}
	fmt.Println("ready")
	fmt.Scanln()
}
`;

it.each(['local', 'go1.18.10'] as const)('calls that are inlined, by %s', async (toolchain) => {
  const target = await started({ source: { 'main.go': withInlined, 'go.mod': 'module x\n\ngo 1.18\n' }, toolchain });
  // All four have come to where they wait.
  await expect.poll(async () => (await inside(target.pid, 'main.block')).calls.length, { timeout: 10_000 }).toBe(4);
  const found = async (name: string) => {
    const { calls } = await inside(target.pid, name);
    return calls.map((call) => `${call.function.replace(/\[.*/, '')} ${call.inlinedInto}`.trim()).sort();
  };
  expect(await found('main.handle')).toEqual(['main.handle', 'main.handle main.serve', 'main.handle main.serve']);
  expect(await found('main.inner')).toEqual(['main.inner main.serve', 'main.inner main.serve']);
  expect(await found('main.apply')).toEqual(['main.apply main.third']);
  expect(await found('re:^main\\.(handle|serve|block)$')).toHaveLength(4 + 2 + 3);
});

it('says what cannot be answered', async () => {
  const target = await started();
  const asked = (name: string) => callsOnStacks(sonde.sys, sonde.binaries, target.pid, name);
  await expect(asked('main.inRecieve')).rejects.toThrow(/did you mean main\.inReceive/);
  await expect(asked('String')).rejects.toThrow(/ambiguous/);
});
