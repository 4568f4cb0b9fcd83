/** Values that need what only newer Go has in its debug info, or more than one line: funcs, constants, generic code, contexts. */
import { afterAll, expect, it } from 'vitest';
import { Redaction } from '#probe';
import { openGoFile } from '../testing/ebpf/go-binary.ts';
import { trace } from '../testing/ebpf/tracer.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';

afterAll(killStarted);

const source = `package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
)

type color int

const (
	red color = iota
	green
)

type point struct{ X, Y int }

type wide struct{ A, B, C, D, E int }

func (p *point) plus(n int) int { return p.X + n }

//go:noinline
func closure(f func(int) int, g func()) {}

//go:noinline
func hold(v any) {}

type adder interface{ plus(n int) int }

//go:noinline
func first(list []adder) adder { return list[0] }

//go:noinline
func colors(c color, list []color, byColor map[color]int) color { return c }

//go:noinline
func generic[T any](v T, list []T) T { return v }

// Go 1.26 tells the place of body's length as that of body, which is on the stack.
//
//go:noinline
func lengthOnly(a, b, c, d, e, f, g, h, i, j int, body []byte) int {
	return a + b + c + d + e + f + g + h + i + j + len(body)
}

type other struct{ Name string }

// The closure has its dictionary behind what it has captured.
//
//go:noinline
func each[T any](list []T) func(v T) int {
	return func(v T) int { list = append(list, v); return len(fmt.Sprint(list)) }
}

// The body of the loop is a function that has captured the dictionary.
//
//go:noinline
func collect[T any](seq func(yield func(T) bool)) (all []T) {
	for v := range seq {
		all = append(all, v)
		fmt.Sprint(all)
	}
	return all
}

// Calls itself with another dictionary of the same code.
//
//go:noinline
func (b *box[T]) nested(n int, v T) (T, error) {
	if n > 0 {
		(&box[*other]{}).nested(n-1, &other{"inner"})
	}
	b.last = v
	return v, nil
}

type box[T any] struct{ last T }

//go:noinline
func pointer(p *atomic.Pointer[point]) {}

//go:noinline
func header(h http.Header) {}

// In registers, but for the bytes behind its last field.
//
//go:noinline
func prefix(p netip.Prefix) {}

//go:noinline
func ctx(c context.Context) {}

type key struct{}

func main() {
	fmt.Println("ready")
	bufio.NewScanner(os.Stdin).Scan()
	n, name := 42, "captured"
	closure(func(x int) int { n += x; return n + len(name) }, main)
	colors(green, []color{red, 7}, map[color]int{green: 1})
	p := &point{1, 2}
	closure(p.plus, nil)
	closure(first([]adder{p}).plus, nil)
	// By value, and by its address only: debug info tells it as a pointer.
	w := wide{1, 2, 3, 4, n}
	inPlace := func(x int) int { return x + len(fmt.Sprint(w)) }
	closure(inPlace, nil)
	hold(inPlace)
	lengthOnly(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, []byte("whole"))
	generic(p, []*point{p})
	generic("text", nil)
	generic(&other{"o"}, nil)
	(&box[*point]{p}).nested(1, p)
	each([]*point{})(p)
	each([]*other{})(&other{"e"})
	collect(func(yield func(*point) bool) { yield(p) })
	collect(func(yield func(*other) bool) { yield(&other{"c"}) })
	var held atomic.Pointer[point]
	held.Store(p)
	pointer(&held)
	header(http.Header{"Authorization": {"Bearer x"}, "Accept": {"*/*"}})
	prefix(netip.MustParsePrefix("fe80::/10"))
	c, cancel := context.WithCancelCause(context.WithValue(context.Background(), key{}, p))
	for i := 0; i < 12; i++ {
		c, _ = context.WithCancel(c)
	}
	cancel(fmt.Errorf("late"))
	ctx(c)
	ctx(context.WithoutCancel(c))
	fmt.Println("done")
	bufio.NewScanner(os.Stdin).Scan()
}
`;

it('captured variables, names of constants, pointers in generic code, contexts, redacted keys', async () => {
  const file = await goFixture({ source: { 'main.go': source, 'go.mod': 'module fixture\n\ngo 1.24\n' } });
  await using target = await startProcess(file, { ready: /^ready$/m });
  const binary = openGoFile(file);
  const names = [...binary.functions()]
    .map((fn) => fn.name)
    .filter((name) => /^main\.(generic\[|each\[.*func1$|collect\[.*-range1$|\(\*box\[.*nested$)/.test(name));
  const probe = (name: string) => ({
    function: name,
    columns: [
      // A generic function's instances are told apart: one table has these columns for all its probes.
      { name: 'function', capture: { kind: 'function' as const } },
      { name: 'type_args', capture: { kind: 'type-arguments' as const } },
      { name: 'inlined_into', capture: { kind: 'inlined-into' as const } },
      { name: 'args', capture: { kind: 'arguments' as const } },
      { name: 'results', capture: { kind: 'results' as const } },
    ],
  });
  const functions = ['closure', 'hold', 'colors', 'lengthOnly', 'pointer', 'header', 'prefix', 'ctx'].map(
    (name) => `main.${name}`,
  );
  const lengthOnly = binary.functionNamed('main.lengthOnly')!;
  expect(binary.contested(lengthOnly)).toEqual(['body']);
  const redaction = new Redaction({ names: ['authorization'], types: [] });
  const argument = (name: string, text: string) => ({ name, capture: { kind: 'argument' as const, text } });
  const byName = { function: 'main.header', columns: [argument('value', 'h["Authorization"]')] };
  expect(() => trace(target.pid, binary, [byName], { multi: true, redaction })).toThrow(/never captured/);
  // A name that is put together is told when it is looked up.
  const computed = [argument('hidden', 'h["Author" + "ization"][0]'), argument('shown', 'h["Acc" + "ept"][0]')];
  const keyed = trace(target.pid, binary, [{ function: 'main.header', columns: computed }], { multi: true, redaction });
  const tracer = trace(target.pid, binary, [...functions, ...names].map(probe), { multi: true, redaction });
  try {
    target.write('go\n');
    await target.waitFor(/^done$/m);
    const byComputed = keyed.rows();
    keyed.close();
    expect(byComputed).toMatchObject([{ hidden: null, shown: '*/*', notes: { hidden: 'not captured: redacted' } }]);
    const all = tracer.rows();
    const rows = all.map((row) => ({ ...row, args: plain(row.args), results: plain(row.results) }));
    expect(all.flatMap((row) => row.type_args || [])).toEqual([
      '*main.point',
      'string',
      '*main.other',
      '*main.other',
      '*main.point',
      '*main.point',
      '*main.other',
      '*main.point',
      '*main.other',
    ]);
    const inPlace = '{"func":"main.main.func2","captured":{"w":{"A":1,"B":2,"C":3,"D":4,"E":42}}}';
    expect(rows.map(({ args, results, notes }) => [args, results, notes])).toEqual([
      [
        '{"f":{"func":"main.main.func1","captured":{"n":{"&":"0x…","=":42},"name":"captured"}},"g":"main.main"}',
        '{}',
        {},
      ],
      [
        '{"c":1,"list":[0,7],"byColor":[[1,1]]}',
        '{"$0":1}',
        {
          'args.c': 'main.green',
          'args.list[0]': 'main.red',
          'args.byColor[0][0]': 'main.green',
          'results.$0': 'main.green',
        },
      ],
      ['{"f":{"func":"main.(*point).plus-fm","captured":{"p":{"&":"0x…","X":1,"Y":2}}},"g":null}', '{}', {}],
      [
        '{"f":{"func":"main.adder.plus-fm","captured":{"receiver":{"(type)":"*main.point","&":"0x…","X":1,"Y":2}}},"g":null}',
        '{}',
        {},
      ],
      [`{"f":${inPlace},"g":null}`, '{}', {}],
      [`{"v":{"(type)":"func(int) int","=":${inPlace}}}`, '{}', {}],
      ['{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"body":"whole"}', '{"$0":60}', {}],
      // The code is one for all pointers: the dictionary tells what they point to.
      ['{"v":{"&":"0x…","X":1,"Y":2},"list":[{"&":"0x…","X":1,"Y":2}]}', '{"$0":{"&":"0x…","X":1,"Y":2}}', {}],
      ['{"v":"text","list":null}', '{"$0":"text"}', {}],
      ['{"v":{"&":"0x…","Name":"o"},"list":null}', '{"$0":{"&":"0x…","Name":"o"}}', {}],
      [
        '{"b":{"&":"0x…","last":null},"n":0,"v":{"&":"0x…","Name":"inner"}}',
        '{"$0":{"&":"0x…","Name":"inner"},"$1":null}',
        {},
      ],
      [
        '{"b":{"&":"0x…","last":{"&":"0x…","X":1,"Y":2}},"n":1,"v":{"&":"0x…","X":1,"Y":2}}',
        '{"$0":{"&":"0x…","X":1,"Y":2},"$1":null}',
        {},
      ],
      ['{"v":{"&":"0x…","X":1,"Y":2}}', expect.any(String), {}],
      ['{"v":{"&":"0x…","Name":"e"}}', expect.any(String), {}],
      ['{"v":{"&":"0x…","X":1,"Y":2}}', '{}', {}],
      ['{"v":{"&":"0x…","Name":"c"}}', '{}', {}],
      ['{"p":{"&":"0x…","=":{"&":"0x…","X":1,"Y":2}}}', '{}', {}],
      ['{"h":{"Accept":["*/*"],"Authorization":null}}', '{}', { 'args.h["Authorization"]': 'not captured: redacted' }],
      ['{"p":"fe80::/10"}', '{}', {}],
      [
        '{"c":{"(type)":"*context.cancelCtx","&":"0x…","=":{"cancelled":true,"err":"context canceled","cause":"late","values":[[{"(type)":"main.key"},{"(type)":"*main.point","&":"0x…","X":1,"Y":2}]]}}}',
        '{}',
        {},
      ],
      [
        '{"c":{"(type)":"context.withoutCancelCtx","=":{"cancelled":false,"values":[[{"(type)":"main.key"},{"(type)":"*main.point","&":"0x…","X":1,"Y":2}]]}}}',
        '{}',
        {},
      ],
    ]);
  } finally {
    tracer.close();
  }
});

function plain(value: unknown): string {
  return String(value).replaceAll(/"0x[0-9a-f]+"/g, '"0x…"');
}
