/**
 * `node bench/processes.ts [processes]`: many processes of one program under one tracepoint with a selector, arguments, results and latency of a method: how long until each
 * has rows, until one that starts later has, and what the agent needs for them.
 */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { machine, milliseconds, table } from './report.ts';

const most = Number(process.argv[2] ?? 100);
const program = await goFixture({
  source: {
    'main.go': `package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"
)

type item struct {
	SKU   string
	Price float64
}
type order struct {
	ID    int
	Items []item
	Meta  map[string]interface{}
}
type store struct{ n int }

//go:noinline
func (s *store) put(o *order, try int) (int, error) {
	s.n++
	if s.n%7 == 0 {
		return 0, errors.New("full")
	}
	return s.n, nil
}

func main() {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	fmt.Println("ready")
	s := &store{}
	for i := 0; ; i++ {
		s.put(&order{i, []item{{"a", 1.5}}, map[string]interface{}{"k": i}}, i)
		time.Sleep(200 * time.Millisecond)
	}
}
`,
  },
});

const rows: string[][] = [];
for (const count of [1, 10, most]) {
  const sonde = new PxEnvironment();
  // A name of its own, for no other process is meant.
  const folder = join(sonde.folder, 'program');
  mkdirSync(folder);
  const file = join(folder, 'many-orders');
  symlinkSync(program, file);
  const start = () => startProcess(file, { ready: /^ready$/m });
  const script = join(folder, 'script.pxl');
  writeFileSync(
    script,
    `import pxtrace
import px

@pxtrace.probe("main.(*store).put")
def puts():
    return [{'args': pxtrace.Arguments(), 'results': pxtrace.Results(), 'latency': pxtrace.FunctionLatency()}]

pxtrace.UpsertTracepoint('puts', 'puts', puts, pxtrace.Process(name='many-orders'), '10m')
df = px.DataFrame('puts')
px.display(df.groupby('upid').agg(calls=('latency', px.count)))
`,
  );
  try {
    await Promise.all(Array.from({ length: count }, start));
    await sonde.ok(['agent', 'start']);
    const pid = (await sonde.agentPid())!;
    const before = usage(pid);
    const all = await until(sonde, script, count);
    const after = usage(pid);
    const began = performance.now();
    await start();
    const starting = performance.now() - began;
    const late = (await until(sonde, script, count + 1)) + starting;
    rows.push([
      String(count),
      milliseconds(all),
      milliseconds(after.cpuMs - before.cpuMs),
      `${((after.anonymousKb - before.anonymousKb) / 1024).toFixed(0)} MB`,
      `${(after.mapsKb / 1024).toFixed(0)} MB`,
      milliseconds(late),
    ]);
  } finally {
    await sonde.dispose();
    await killStarted();
  }
}
console.log(`processes: ${machine()}, load ${loadavg()[0]!.toFixed(0)}\n`);
console.log(
  table(
    [
      'processes',
      'px run to rows of all',
      "the agent's CPU",
      'its memory',
      'kernel maps',
      'one that starts later, to its rows',
    ],
    rows,
  ),
);
process.exit(0);

/** Milliseconds. */
async function until(sonde: PxEnvironment, script: string, count: number): Promise<number> {
  const began = performance.now();
  while ((await sonde.rows(['run', '-f', script])).length < count);
  return performance.now() - began;
}

function usage(pid: number): { readonly cpuMs: number; readonly anonymousKb: number; readonly mapsKb: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const memlock = readdirSync(`/proc/${pid}/fdinfo`).map((fd) => {
    try {
      return Number(/^memlock:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? 0);
    } catch {
      return 0;
    }
  });
  return {
    cpuMs: 10 * (Number(fields[11]) + Number(fields[12])),
    anonymousKb: Number(/^RssAnon:\s+(\d+)/m.exec(status)![1]),
    mapsKb: memlock.reduce((sum, each) => sum + each, 0) / 1024,
  };
}
