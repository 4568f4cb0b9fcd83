/** What an interface has in its data word itself, and what that word points to: Go changes which types those are. */
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
	"os"
	"reflect"
)

type point struct{ X, Y int }

// From Go 1.26 on in the data word, as its other fields have no size.
type beside struct {
	_ struct{}
	E [0]int
	P *point
}

type alone struct{ P *point }

type wrapped struct {
	None [0]int
	In   [1]struct {
		None struct{}
		M    map[string]int
	}
}

type word struct {
	None struct{}
	N    uintptr
}

// Its last field has no size, but a byte of its own.
type padded struct {
	P    *point
	None struct{}
}

type named interface{ Name() string }

func (w wrapped) Name() string { return fmt.Sprint(w.In[0].M) }

//go:noinline
func hold(a, b, c, d any, n named, v reflect.Value) {}

func main() {
	fmt.Println("ready")
	bufio.NewScanner(os.Stdin).Scan()
	p := &point{1, 2}
	w := wrapped{}
	w.In[0].M = map[string]int{"k": 3}
	hold(alone{p}, word{N: 5}, padded{P: p}, [1]beside{{P: p}}, w, reflect.ValueOf(w))
	fmt.Println("done")
	bufio.NewScanner(os.Stdin).Scan()
}
`;

it.each(['local', 'go1.21.13'] as const)('values in interfaces, by Go %s', { timeout: 120_000 }, async (toolchain) => {
  const file = await goFixture({ source: { 'main.go': source, 'go.mod': 'module fixture\n\ngo 1.20\n' }, toolchain });
  await using target = await startProcess(file, { ready: /^ready$/m });
  const binary = openGoFile(file);
  const capture = { kind: 'arguments' as const };
  const expression = { kind: 'argument' as const, text: 'n.(main.wrapped).In[0].M["k"] + a.(main.alone).P.Y' };
  const columns = [
    { name: 'args', capture },
    { name: 'sum', capture: expression },
  ];
  const tracer = trace(target.pid, binary, [{ function: 'main.hold', columns }], { multi: true });
  try {
    target.write('go\n');
    await target.waitFor(/^done$/m);
    const [row] = tracer.rows();
    const point = '{"&":"0x…","X":1,"Y":2}';
    const held = '{"(type)":"main.wrapped","None":[],"In":[{"None":{},"M":{"k":3}}]}';
    expect(row!.notes).toEqual({});
    expect(String(row!.args).replaceAll(/"0x[0-9a-f]+"/g, '"0x…"')).toBe(
      `{"a":{"(type)":"main.alone","P":${point}},"b":{"(type)":"main.word","None":{},"N":5},` +
        `"c":{"(type)":"main.padded","P":${point},"None":{}},` +
        `"d":{"(type)":"[1]main.beside","=":[{"#0":{},"E":[],"P":${point}}]},` +
        `"n":${held},"v":${held}}`,
    );
    expect(row!.sum).toBe(5n);
  } finally {
    tracer.close();
  }
});
