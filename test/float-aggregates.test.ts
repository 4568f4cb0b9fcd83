/** Floating-point numbers that the kernel adds up and compares, against the program's own arithmetic. */
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
    columns: {
      who: "ArgExpr('o.Customer')",
      n: 'Count()',
      total: "Sum(pxtrace.ArgExpr('o.Total'))",
      weight: "Sum(pxtrace.ArgExpr('o.Weight'))",
      least: "Min(pxtrace.ArgExpr('o.Total'))",
      most: "Max(pxtrace.ArgExpr('o.Weight'))",
      odd: "Max(pxtrace.ArgExpr('*o.Odd'))",
      spread: "Histogram(pxtrace.ArgExpr('o.Total'))",
      rate: "Sum(pxtrace.ArgExpr('rate'))",
    },
  });
  await sonde.ok(['run', '-f', script]);
  program.write('go\n');
  const [, text] = await program.waitFor(/^sums (.*)$/m);
  const sums = JSON.parse(text!) as Readonly<Record<string, Sums>>;
  type Row = Record<'who' | 'spread', string> & Record<'n' | 'total' | 'weight' | 'least' | 'most' | 'odd', number>;
  const rows = await sonde.rows<Row & { rate: null; notes_: Record<string, string> }>(['run', '-f', script]);
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
  // By ABI0 it would be on the stack; a row says what it lacks.
  expect(rows[0]!.rate).toBe(null);
  expect(rows[0]!.notes_.rate).toContain('floats are added up from memory only');
});
