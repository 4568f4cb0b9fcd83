/** The examples of docs/values.md, as tables of type, value and form, against real programs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openGoFile } from '../testing/ebpf/go-binary.ts';
import { trace } from '../testing/ebpf/tracer.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { root } from '../testing/root.ts';

afterAll(killStarted);

const examples = [
  ...readFileSync(join(root, 'docs/values.md'), 'utf8').matchAll(/^\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|$/gm),
].map(([, type, value, shown]) => ({ type: type!, value: value!, shown: shown! }));

const source = `package main

import (
	"bufio"
	"bytes"
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/big"
	"net"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

type point struct{ X, Y int }

type level uint8

type uuid [16]byte

type stamp time.Time

type node struct {
	Name string
	Next *node
}

func cycle() *node {
	a, b := &node{Name: "a"}, &node{Name: "b"}
	a.Next, b.Next = b, a
	return a
}

func newInt(n int) *int { return &n }

func newComplex(re, im float64) *complex128 { c := complex(re, im); return &c }

func filled(values ...int) chan int {
	c := make(chan int, 3)
	for _, v := range values {
		c <- v
	}
	return c
}

func locked() *sync.Mutex { m := new(sync.Mutex); m.Lock(); return m }

func parsed(s string) *url.URL { u, _ := url.Parse(s); return u }

type ctxKey string

func cancelled(k ctxKey, v string) context.Context {
	c, cancel := context.WithCancel(context.WithValue(context.Background(), k, v))
	cancel()
	return c
}

func until(t time.Time) context.Context { c, _ := context.WithDeadline(context.Background(), t); return c }

func network(s string) *net.IPNet { _, n, _ := net.ParseCIDR(s); return n }

func twice(n node) [2]*node { return [2]*node{&n, &n} }

func stored(k, v interface{}) *sync.Map { m := new(sync.Map); m.Store("gone", 0); m.Store(k, v); m.Delete("gone"); return m }

func partlyRead(s string) *bytes.Buffer { b := bytes.NewBufferString(s); b.Next(2); return b }

func built(s string) *strings.Builder { b := new(strings.Builder); b.WriteString(s); return b }

func lineRead(s string) *bufio.Reader { b := bufio.NewReader(strings.NewReader(s)); b.ReadString('\\n'); return b }

func listed(values ...interface{}) *list.List {
	l := list.New()
	for _, v := range values {
		l.PushBack(v)
	}
	return l
}

func notJSON(s string) error { var v interface{}; return json.Unmarshal([]byte(s), &v) }

func wrongTime(s string) error { _, err := time.Parse("2006", s); return err }

//go:noinline
func double(n int) int { return 2 * n }

${examples.map(({ type }, i) => `//go:noinline\nfunc e${i}(v ${type}) {}\n`).join('\n')}
var _, _, _, _, _ = errors.New, json.Marshal, math.NaN, net.ParseIP, time.Unix
var _, _, _, _ = big.NewInt, fs.ErrExist, syscall.ENOENT, regexp.MustCompile

func main() {
	fmt.Println("ready")
	bufio.NewScanner(os.Stdin).Scan()
${examples.map(({ value }, i) => `\te${i}(${value})`).join('\n')}
	fmt.Println("done")
	bufio.NewScanner(os.Stdin).Scan()
}
`;

describe.each(['local', 'go1.21.13', 'go1.18.10'] as const)(
  'the examples of docs/values.md, built by %s',
  (toolchain) => {
    it('are shown as they say', { timeout: 120_000 }, async () => {
      expect(examples.length).toBeGreaterThan(35);
      const file = await goFixture({
        source: { 'main.go': source, 'go.mod': 'module fixture\n\ngo 1.18\n' },
        toolchain,
      });
      await using target = await startProcess(file, { ready: /^ready$/m });
      const probes = examples.map((_, i) => ({
        function: `main.e${i}`,
        columns: [{ name: 'args', capture: { kind: 'arguments' as const } }],
      }));
      const tracer = trace(target.pid, openGoFile(file), probes, { multi: true });
      try {
        target.write('go\n');
        await target.waitFor(/^done$/m);
        const rows = tracer.rows();
        const shown = rows.map((row) =>
          String(row.args)
            .slice('{"v":'.length, -1)
            .replaceAll(/"0x[0-9a-f]+"/g, '"0x…"'),
        );
        expect(rows.flatMap((row, i) => Object.entries(row.notes).map((note) => [examples[i], note]))).toEqual([]);
        expect(shown).toEqual(examples.map((each) => each.shown));
      } finally {
        tracer.close();
      }
    });
  },
);
