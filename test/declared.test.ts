/** Binaries without symbols and debug info, where signatures and types are declared. */
import { afterAll, expect, it } from 'vitest';
import { openGoFile } from '../testing/ebpf/go-binary.ts';
import type { TestRow } from '../testing/ebpf/rows.ts';
import { trace } from '../testing/ebpf/tracer.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';

afterAll(killStarted);

const source = `package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

type item struct {
	SKU   string
	Price float64
}

type order struct {
	ID    int32
	Items []item
	By    map[string]*item
	Next  *order
	done  chan item
	last  atomic.Pointer[item]
	mu    sync.RWMutex
}

type wide [20]int64

type pair[K comparable, V any] struct {
	Key   K
	Value V
}

//go:noinline
func place(o *order, sizes map[wide]uint8, queue chan *order) map[int]wide { return map[int]wide{o.items(): {5}} }

//go:noinline
func (o *order) items() int { return len(o.Items) }

//go:noinline
func swap[K comparable, V any](p pair[K, V], q *pair[K, V]) V { return q.Value }

func main() {
	fmt.Println("ready")
	bufio.NewScanner(os.Stdin).Scan()
	o := &order{ID: 7, Items: []item{{"a", 1.5}}, By: map[string]*item{"b": {"b", 2}}, Next: &order{ID: 8}, done: make(chan item, 2)}
	o.last.Store(&o.Items[0])
	o.mu.RLock()
	o.done <- item{"c", 3}
	queue := make(chan *order, 1)
	queue <- o.Next
	place(o, map[wide]uint8{{9}: 200}, queue)
	swap(pair[string, int]{"k", 5}, &pair[string, int]{"l", 6})
	swap(pair[int, *item]{4, &o.Items[0]}, &pair[int, *item]{5, nil})
	fmt.Println("done")
	bufio.NewScanner(os.Stdin).Scan()
}
`;

const wide = (first: number) => [first, ...Array<number>(19).fill(0)];
const anAddress = expect.stringMatching(/^0x/);

it.each(['local', 'go1.21.13'] as const)('types that the program never puts into interfaces: %s', async (toolchain) => {
  const file = await goFixture({
    source: { 'main.go': source, 'go.mod': 'module fixture\n\ngo 1.18\n' },
    toolchain,
    flags: ['-ldflags=-s -w'],
  });
  const place = `
type item struct {
	SKU   string  // the unit
	Price float64 \`json:"price"\`
}
type (
	order struct {
		ID    int32
		Items []item
		By    map[string]*item
		Next  *order
		done  chan item
		last  atomic.Pointer[item]
		mu    sync.RWMutex
	}
	wide [20]int64
)
func place(o *order, sizes map[wide]uint8, queue chan *order) map[int]wide`;
  const swap =
    'type pair[K comparable, V any] struct{ Key K; Value V }; func swap(p pair[string,int], q *pair[string, int]) int // one instance';
  await using target = await startProcess(file, { ready: /^ready$/m });
  const both = (['arguments', 'results'] as const).map((kind) => ({ name: kind, capture: { kind } }));
  const when = { text: 'o.Next.ID == 8 && len(o.By) == 1 && o.Items[0].SKU == "a" && o.By["b"].Price == 2' };
  const tracers = [
    { function: 'main.place', columns: both, signature: { text: place }, when },
    { function: 'main.swap', columns: both, signature: { text: swap } },
  ].map((each) => trace(target.pid, openGoFile(file), [each], { multi: true }));
  try {
    target.write('go\n');
    await target.waitFor(/^done$/m);
    const [[placed], swapped] = tracers.map((tracer) => tracer.rows()) as [TestRow[], TestRow[]];
    const json = (text: unknown) => JSON.parse(String(text)) as unknown;
    const next = {
      '&': anAddress,
      ID: 8,
      Items: null,
      By: null,
      Next: null,
      done: null,
      last: null,
      mu: expect.anything(),
    };
    expect(json(placed!.arguments)).toEqual({
      o: {
        '&': anAddress,
        ID: 7,
        Items: [{ SKU: 'a', Price: 1.5 }],
        By: { b: { '&': anAddress, SKU: 'b', Price: 2 } },
        Next: next,
        done: { len: 1, cap: 2, closed: false, buffered: [{ SKU: 'c', Price: 3 }] },
        last: { '&': anAddress, SKU: 'a', Price: 1.5 },
        mu: { locked: false, readers: 1, writer: false },
      },
      sizes: [[wide(9), 200]],
      queue: { len: 1, cap: 1, closed: false, buffered: [next] },
    });
    expect(json(placed!.results)).toEqual({ $0: [[1, wide(5)]] });
    const isFor = (typed: boolean) => (row: TestRow) => (row.arguments !== null) === typed;
    const [stringAndInt, ...others] = swapped.filter(isFor(true));
    expect(json(stringAndInt!.arguments)).toEqual({
      p: { Key: 'k', Value: 5 },
      q: { '&': anAddress, Key: 'l', Value: 6 },
    });
    expect(json(stringAndInt!.results)).toEqual({ $0: 6 });
    // Of the other instance, whose arguments take less, nothing is shown.
    expect(others).toEqual([]);
    const [intAndPointer] = swapped.filter(isFor(false));
    expect(intAndPointer!.notes.arguments).toMatch(/take 32 bytes, those declared take 40 \(8 of them/);
  } finally {
    for (const tracer of tracers) tracer.close();
  }
});
