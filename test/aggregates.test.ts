/** Numbers that are added up in the kernel, floats among them, and of rows where it cannot: against the program's own arithmetic. */
import { afterAll, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { writeProbeScript } from '../testing/script.ts';

const source = `package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
)

type order struct {
	Customer string
	Total    float64
	Weight   float32
	Odd      *float64
}

//go:noinline
func place(o *order, rate float64) float64 { return o.Total * rate }

type sums struct {
	Total, Weight, Least, Most, Odd float64
	Positive, Odds                  int
}

func main() {
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		all := map[string]*sums{}
		for i := 0; i < 1000; i++ {
			odd := float64(i-500) * 1e300
			if i%100 == 7 {
				odd = math.NaN()
			}
			o := &order{[]string{"ada", "bob"}[i%2], float64(i)*1.1 - 300.7 + 1e-9*float64(i*i), float32(i) / 3, &odd}
			s := all[o.Customer]
			if s == nil {
				s = &sums{Least: math.Inf(1), Most: math.Inf(-1)}
				all[o.Customer] = s
			}
			s.Total += o.Total
			s.Weight += float64(o.Weight)
			s.Least = math.Min(s.Least, o.Total)
			s.Most = math.Max(s.Most, float64(o.Weight))
			if odd == odd {
				s.Odd = math.Max(s.Odd, odd)
				s.Odds++
			}
			if o.Total > 0 {
				s.Positive++
			}
			place(o, 2)
		}
		text, _ := json.Marshal(all)
		fmt.Println("sums", string(text))
	}
}
`;

const sonde = new PxEnvironment();
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
});

interface Sums {
  readonly Total: number;
  readonly Weight: number;
  readonly Least: number;
  readonly Most: number;
  readonly Odd: number;
  readonly Positive: number;
  readonly Odds: number;
}

it.each(['local', 'go1.18.10'] as const)('sums, least and largest, histograms: by %s', async (toolchain) => {
  const file = await goFixture({ source: { 'main.go': source, 'go.mod': 'module fixture\n\ngo 1.18\n' }, toolchain });
  await using program = await startProcess(file, { ready: /^ready$/m });
  const name = `floats_${toolchain.replaceAll('.', '_')}`;
  const script = writeProbeScript(sonde.folder, {
    upid: await sonde.upid(program.pid),
    name,
    function: 'main.place',
    noBudget: true,
    columns: {
      who: "ArgExpr('o.Customer')",
      n: 'Count()',
      total: "Sum(pxtrace.ArgExpr('o.Total'))",
      weight: "Sum(pxtrace.ArgExpr('o.Weight'))",
      least: "Min(pxtrace.ArgExpr('o.Total'))",
      most: "Max(pxtrace.ArgExpr('o.Weight'))",
      odd: "Max(pxtrace.ArgExpr('*o.Odd'))",
      spread: "Histogram(pxtrace.ArgExpr('o.Total'))",
    },
  });
  // What the kernel has no way to is made of rows: floats in registers, floating-point arithmetic, texts that are computed, how a call ended.
  const ofRows = writeProbeScript(sonde.folder, {
    upid: await sonde.upid(program.pid),
    name: `rows_${name}`,
    function: 'main.place',
    noBudget: true,
    calls: 'when=\'float64(len(o.Customer)) * 1.5 > 4 && $outcome == "returned"\'',
    columns: {
      letter: "ArgExpr('o.Customer[:1]')",
      outcome: 'Outcome()',
      n: 'Count()',
      rate: "Sum(pxtrace.ArgExpr('rate'))",
      half: "Sum(pxtrace.ArgExpr('o.Total / 2'))",
      odd: "Min(pxtrace.ArgExpr('*o.Odd'))",
      positive: "Sum(pxtrace.ArgExpr('o.Total > 0'))",
      spread: "Histogram(pxtrace.ArgExpr('o.Total'))",
      top: 'TopKeys(pxtrace.ArgExpr(\'o.Customer + "!"\'))',
      slowest: 'Max(pxtrace.FunctionLatency())',
    },
  });
  await sonde.ok(['run', '-f', ofRows]);
  await sonde.ok(['run', '-f', script]);
  program.write('go\n');
  const [, text] = await program.waitFor(/^sums (.*)$/m);
  const sums = JSON.parse(text!) as Readonly<Record<string, Sums>>;
  type Row = Record<'who' | 'spread', string> & Record<'n' | 'total' | 'weight' | 'least' | 'most' | 'odd', number>;
  const rows = await sonde.rows<Row>(['run', '-f', script]);
  for (const [who, own] of Object.entries(sums)) {
    const told = rows.filter((row) => row.who === who);
    const sum = (of: (row: Row) => number) => told.reduce((all, row) => all + of(row), 0);
    expect(sum(({ n }) => n)).toBe(500);
    // Each CPU and each second adds up on its own: the order is another than the program's.
    expect(sum(({ total }) => total)).toBeCloseTo(own.Total, 6);
    expect(sum(({ weight }) => weight)).toBeCloseTo(own.Weight, 6);
    expect(Math.min(...told.map(({ least }) => least))).toBe(own.Least);
    expect(Math.max(...told.map(({ most }) => most))).toBe(own.Most);
    expect(Math.max(...told.map(({ odd }) => odd))).toBe(own.Odd);
    const buckets = told.flatMap(({ spread }) => JSON.parse(spread) as { from: number; to: number; count: number }[]);
    expect(buckets.reduce((all, { count }) => all + count, 0)).toBe(500);
    expect(buckets.reduce((all, { from, count }) => all + (from >= 0 ? count : 0), 0)).toBe(own.Positive);
    expect(Math.min(...buckets.map(({ from }) => from))).toBeLessThanOrEqual(own.Least);
    expect(buckets.every(({ from, to }) => from < to && to - from <= Math.abs(from) / 8 + 1e-300)).toBe(true);
  }
  type Made = Record<'letter' | 'outcome' | 'top' | 'spread', string> &
    Record<'n' | 'rate' | 'half' | 'odd' | 'positive' | 'slowest', number> & { notes_?: Record<string, string> };
  const made = await sonde.rows<Made>(['run', '-f', ofRows]);
  const spreads = (of: readonly { readonly spread: string }[]) => {
    const counts = new Map<number, number>();
    for (const { from, count } of of.flatMap(({ spread }) => JSON.parse(spread) as { from: number; count: number }[])) {
      counts.set(from, (counts.get(from) ?? 0) + count);
    }
    return [...counts].sort(([a], [b]) => a - b);
  };
  for (const [who, own] of Object.entries(sums)) {
    const told = made.filter(({ letter }) => letter === who[0]);
    const sum = (of: (row: Made) => number) => told.reduce((all, row) => all + of(row), 0);
    expect(told.every(({ outcome, slowest }) => outcome === 'returned' && slowest > 0)).toBe(true);
    expect([sum(({ n }) => n), sum(({ rate }) => rate), sum(({ positive }) => positive)]).toEqual([
      500,
      1000,
      own.Positive,
    ]);
    expect(sum(({ half }) => half)).toBeCloseTo(own.Total / 2, 6);
    expect(Math.min(...told.map(({ odd }) => odd))).toBe((who === 'bob' ? -499 : -500) * 1e300);
    expect(told.flatMap(({ top }) => JSON.parse(top) as { key: string }[]).every(({ key }) => key === `${who}!`)).toBe(
      true,
    );
    // The same buckets as the kernel's.
    expect(spreads(told)).toEqual(spreads(rows.filter((row) => row.who === who)));
  }
});
