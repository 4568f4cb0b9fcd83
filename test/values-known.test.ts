/** Values of well-known types that the table of docs/values.md has no place for: of newer Go only, large, or in more than one argument. */
import { afterAll, expect, it } from 'vitest';
import { openGoFile } from '../testing/ebpf/go-binary.ts';
import { trace } from '../testing/ebpf/tracer.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';

afterAll(killStarted);

const source = `package main

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"time"
	"unique"
	"weak"
)

type node struct {
	Name string
	Next *node
}

//go:noinline
func small(m *sync.Map) {}

//go:noinline
func large(m *sync.Map) {}

//go:noinline
func logged(r slog.Record, a slog.Attr) {}

type moment struct {
	At   time.Time
	Next *moment
}

// The last one is as deep as references are followed.
//
//go:noinline
func moments(first *moment) {}

//go:noinline
func held(h unique.Handle[string], alive, gone weak.Pointer[node]) {}

//go:noinline
func (n *node) same(other *node, list []*node) {}

//go:noinline
func wire(c net.Conn, l net.Listener) {}

//go:noinline
func serve(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204); after(w) }

//go:noinline
func after(w http.ResponseWriter) {}

func filled(n int) *sync.Map {
	m := new(sync.Map)
	for i := 0; i < n; i++ {
		m.Store(i, fmt.Sprint("v", i))
	}
	return m
}

func weakly(name string) weak.Pointer[node] { return weak.Make(&node{Name: name, Next: &node{}}) }

func main() {
	listener, _ := net.Listen("tcp", "127.0.0.1:0")
	go http.Serve(listener, http.HandlerFunc(serve))
	gone := weakly("gone")
	runtime.GC()
	runtime.GC()
	fmt.Println("ready")
	bufio.NewScanner(os.Stdin).Scan()
	small(filled(30))
	large(filled(3000))
	r := slog.NewRecord(time.Unix(100, 0).UTC(), slog.LevelWarn, "careful", 0)
	for i := 0; i < 7; i++ {
		r.AddAttrs(slog.String(fmt.Sprint("k", i), fmt.Sprint("value ", i)))
	}
	logged(r, slog.Group("g", slog.Duration("d", time.Second), slog.Bool("b", true), slog.Group("in", "n", 1, "text", "t", "point", &node{Name: "p"})))
	var first *moment
	for i := 5; i > 0; i-- {
		first = &moment{time.Unix(0, 0).In(time.FixedZone("", 3600*i)), first}
	}
	moments(first)
	alive := &node{Name: "alive"}
	held(unique.Make("one"), weak.Make(alive), gone)
	runtime.KeepAlive(alive)
	a := &node{Name: "a"}
	a.same(a, []*node{a, a})
	c, _ := net.Dial("tcp", listener.Addr().String())
	wire(c, listener)
	http.Get("http://" + listener.Addr().String() + "/x?y=1")
	fmt.Println("done")
	bufio.NewScanner(os.Stdin).Scan()
}
`;

interface Shown {
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads out of JSON.
  readonly args: Record<string, any>;
  readonly notes: Readonly<Record<string, string>>;
}

/** What an interface holds. */
interface Held {
  readonly '=': unknown;
}

it('values of types that engineers know by another form than their fields', { timeout: 180_000 }, async () => {
  const file = await goFixture({ source: { 'main.go': source, 'go.mod': 'module fixture\n\ngo 1.24\n' } });
  await using target = await startProcess(file, { ready: /^ready$/m });
  const names = ['small', 'large', 'logged', 'moments', 'held', '(*node).same', 'wire', 'serve', 'after'];
  const probes = names.map((name) => ({
    function: `main.${name}`,
    columns: [{ name: 'args', capture: { kind: 'arguments' as const } }],
  }));
  const tracer = trace(target.pid, openGoFile(file), probes, { multi: true });
  try {
    target.write('go\n');
    await target.waitFor(/^done$/m);
    const rows = tracer.rows();
    expect(rows).toHaveLength(names.length);
    const [small, large, logged, moments, held, same, wire, serve, after] = rows.map(
      ({ args, notes }): Shown => ({ args: JSON.parse(String(args)), notes: notes as Shown['notes'] }),
    ) as [Shown, Shown, Shown, Shown, Shown, Shown, Shown, Shown, Shown];

    expect(small.notes).toEqual({});
    const entries = Array.from({ length: 30 }, (_, i): [string, string] => [`${i}`, `v${i}`]);
    const read = ({ args }: Shown) =>
      (args.m['='] as [Held, Held][]).map(([key, value]): [string, string] => [`${key['=']}`, `${value['=']}`]);
    expect(new Map(read(small))).toEqual(new Map(entries));
    // Of a large one there are some (how many depends on its hashes), each of them right, and a note.
    const some = read(large).filter((entry) => !entry.some((each) => ['undefined', 'null'].includes(each)));
    expect(some.length).toBeGreaterThan(8);
    for (const [key, value] of some) expect(value).toBe(`v${key}`);
    expect(large.notes['args.m']).toMatch(/^truncated from more entries \(/);

    expect(logged.args.r).toEqual({
      Time: '1970-01-01T00:01:40Z',
      Level: 4,
      Message: 'careful',
      PC: 0,
      Attrs: Array.from({ length: 7 }, (_, i) => ({ Key: `k${i}`, Value: `value ${i}` })),
    });
    const inner = [
      { Key: 'n', Value: 1 },
      { Key: 'text', Value: 't' },
      { Key: 'point', Value: { '(type)': '*main.node', '&': expect.any(String), Name: 'p', Next: null } },
    ];
    const group = [
      { Key: 'd', Value: '1s' },
      { Key: 'b', Value: true },
      { Key: 'in', Value: inner },
    ];
    expect(logged.args.a).toEqual({ Key: 'g', Value: group });
    expect(logged.notes).toEqual({ 'args.r.Level': 'log/slog.LevelWarn' });

    const chain = [5, 4, 3, 2, 1].reduce<unknown>(
      (Next, i) => ({ '&': expect.any(String), At: `1970-01-01T0${i}:00:00+0${i}:00`, Next }),
      null,
    );
    expect(moments).toEqual({ args: { first: chain }, notes: {} });

    expect(held.args.h['=']).toBe('one');
    expect(held.args.alive).toMatchObject({ Name: 'alive', Next: null });
    expect(held.args.gone).toBe(null);
    expect(held.notes).toEqual({});

    // Each argument whole; within one, what is met again has its address only.
    const a = { '&': same.args.n['&'], Name: 'a', Next: null };
    expect(same.args).toEqual({ n: a, other: a, list: [a, { '&': a['&'] }] });

    const { local, remote } = wire.args.c['='];
    expect(wire.args.c['=']).toEqual({ net: 'tcp', local, remote, fd: expect.any(Number) });
    expect(wire.args.l['=']).toEqual({ net: 'tcp', local: remote, fd: expect.any(Number) });
    expect(local).toMatch(/^127\.0\.0\.1:\d+$/);

    const answer = { wroteHeader: false, status: 0, written: 0, handlerHeader: {} };
    expect(serve.args.w['=']).toEqual({ request: 'GET /x?y=1', ...answer });
    expect(serve.args.r).toMatchObject({ Method: 'GET', Host: remote });
    expect(after.args.w['=']).toEqual({ request: 'GET /x?y=1', ...answer, wroteHeader: true, status: 204 });
  } finally {
    tracer.close();
  }
});
