/** Names of constants and package variables in conditions: what they mean in Go, from where they stand. */
import { afterAll, describe, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, type RunningProcess, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { toolchains } from '../testing/targets.ts';

const source = {
  'model/model.go': `package model

type Level uint8

const (
	Low Level = iota + 1
	Mid
	Top
)

type Mask uint64

const High Mask = 1 << 63

type Color string

const Red Color = "red"

type Item struct {
	L Level
	M Mask
	C Color
}

//go:noinline
func (i *Item) Check(Mid int) bool { return int(i.L) > Mid && i.L != Top }
`,
  // The path's last element is not what the package is called.
  'state.v2/state.go': `package state

type State int

const (
	Idle State = iota
	Busy
)

var Seen int

// No stack check: what is at hand first is that Seen grows.
//go:noinline
func Step(s State) State {
	Seen++
	if s == Idle {
		return Busy
	}
	return Idle
}
`,
  'main.go': `package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"time"

	"fixture/model"
	"fixture/state.v2"
)

const threshold = 5

var total int

type Phase int

const (
	Begin Phase = iota
	End
)

//go:noinline
func run(it *model.Item, p Phase, End Phase, d time.Duration, big int64) int {
	total++
	if p == Begin {
		total += int(it.L) // begin
	}
	return total + int(End) + int(d) + int(big&1)
}

func main() {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		s := state.Idle
		total, state.Seen = 0, 0
		for i := 0; i < 12; i++ {
			it := &model.Item{L: model.Level(i%3 + 1), M: model.High >> uint(i), C: model.Red}
			run(it, Phase(i%2), 0, time.Duration(i)*time.Second, math.MaxInt64-int64(i))
			it.Check(1)
			s = state.Step(s)
		}
		fmt.Println("done", total)
	}
}
`,
};

const lineOf = (mark: string) => source['main.go'].split('\n').findIndex((text) => text.endsWith(`// ${mark}`)) + 1;

describe.each(toolchains('local', 'go1.21.13', 'go1.18.10'))('in a program built by %s', (toolchain) => {
  const sonde = new PxEnvironment();
  let process: RunningProcess | undefined;
  afterAll(async () => {
    await sonde.dispose();
    await killStarted();
  });

  async function target(): Promise<RunningProcess> {
    process ??= await startProcess(await goFixture({ source, toolchain }), { ready: /^ready$/m });
    return process;
  }

  it.each([
    ['main.run', 'p == Begin', 6],
    // The argument hides the constant.
    ['main.run', 'p != End', 6],
    ['main.run', 'p == main.End', 6],
    ['main.run', 'it.L == model.Top', 4],
    ['main.run', 'it.M == model.High', 1],
    ['main.run', 'd >= 3*time.Second', 9],
    ['main.run', 'big == math.MaxInt64', 1],
    ['model.(*Item).Check', 'i.L == Top && Mid == 1', 4],
    ['state.v2.Step', 's == Busy', 6],
    ['state.v2.Step', 's == state.Busy', 6],
    ['state.v2.Step', 'Seen >= threshold', `has no argument or result 'threshold'`],
    ['state.v2.Step', 'Seen >= main.threshold', 7],
    [`main.go:${lineOf('begin')}`, 'it.L == model.Mid', 2],
    [`main.go:${lineOf('begin')}`, 'it.L != Low && main.total > 0', `did you mean model.Low?`],
    [`main.go:${lineOf('begin')}`, 'it.L != model.Low && main.total > 0', 4],
    [`main.go:${lineOf('begin')}`, 'p == Begin', `could never be decided: p: dead here`],
    // A local variable may be called so that debug info does not have.
    [`main.go:${lineOf('begin')}`, 'total > 0', 'did you mean main.total'],
    ['main.run', 'it.L == Top', 'did you mean model.Top?'],
    ['main.run', 'it.L == model.Tpo', 'did you mean model.Top?'],
    ['main.run', 'it.C == model.Red', 'constants that are no integers are not in debug info: write their value'],
    ['main.run', 'p == Bigin', 'did you mean Begin?'],
  ] as const)('%s when %s', async (place, when, expected) => {
    const { pid } = await target();
    if (typeof expected === 'string') {
      const { code, stderr } = await sonde.run(['trace', `${pid}`, place, '--when', when, '--for', '1s']);
      expect([code === 0, stderr]).toEqual([false, expect.stringContaining(expected)]);
      return;
    }
    const trace = await sonde.trace(pid, place, ['--when', when]);
    const before = process!.lines.length;
    process!.write('go\n');
    await process!.until('done', () => process!.lines.length > before);
    const { calls, stderr } = await trace.stop();
    expect([calls.length, stderr]).toEqual([expected, expect.stringMatching(/^(?:6|12) calls, /m)]);
  });
});
