/** Calls from C into Go: their stacks go on below C, `within` too; those of C's own threads end there. */
import { afterAll, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { writeProbeScript } from '../testing/script.ts';

const sonde = new PxEnvironment();
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
});

const source = `package main

/*
#include <pthread.h>
extern int goCallback(int n);
static int callGo(int n) { return goCallback(n) + 1; }
static void* threadMain(void* a) { goCallback(100); return 0; }
static void onThread(void) { pthread_t t; pthread_create(&t, 0, threadMain, 0); pthread_join(t, 0); }
*/
import "C"

import (
	"bufio"
	"fmt"
	"os"
)

//export goCallback
func goCallback(n C.int) C.int { return C.int(inner(int(n))) }

//go:noinline
func inner(n int) int {
	if n > 0 && n < 3 {
		return int(C.callGo(C.int(n-1))) + 1
	}
	return n
}

//go:noinline
func viaC(n int) int { return int(C.callGo(C.int(n))) }

func main() {
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		viaC(2)
		C.onThread()
		inner(7)
		fmt.Println("done")
	}
}
`;

it.each(['local', 'go1.20.14', 'go1.18.10'] as const)('%s', async (toolchain) => {
  const file = await goFixture({ source: { 'main.go': source }, toolchain, env: { CGO_ENABLED: '1' } });
  const process = await startProcess(file, { ready: /^ready$/m });
  const upid = await sonde.upid(process.pid);
  const script = (name: string, calls?: string) =>
    writeProbeScript(sonde.folder, {
      upid,
      name: `${name}_${toolchain.replaceAll('.', '_')}`,
      function: 'main.inner',
      ...(calls === undefined ? {} : { calls }),
      columns: { n: "ArgExpr('n')", stack: 'Stack()', started: 'GoStatement()' },
    });
  const scripts = [script('all'), script('within', "within='main.viaC'")];
  for (const each of scripts) await sonde.ok(['run', '-f', each]);
  process.write('go\n');
  await process.until('done', () => process.lines.length > 1);
  type Row = { n: number; stack: string; notes_?: Readonly<Record<string, string>> };
  const [all, within] = await Promise.all(scripts.map((each) => sonde.rows<Row>(['run', '-f', each])));
  await process.kill();
  const mine = ({ n, stack }: Row) => {
    const names = (JSON.parse(stack) as string[]).map((frame) => frame.split(' ')[0]!);
    return [n, ...names.filter((name) => /^main\.|^runtime\.(cgocall|goexit|cgocallback)$/.test(name))];
  };
  const main = ['main.main', 'runtime.goexit'];
  const [back, call] = [
    ['main.goCallback', 'runtime.cgocallback'],
    ['runtime.cgocall', 'main._Cfunc_callGo'],
  ];
  const first = [...back, ...call, 'main.viaC', ...main];
  const second = [...back, ...call, 'main.inner', ...first];
  const third = [...back, ...call, 'main.inner', ...second];
  expect(all!.map(mine)).toEqual([
    [2, ...first],
    [1, ...second],
    [0, ...third],
    [100, ...back],
    [7, ...main],
  ]);
  expect(within!.map(mine)).toEqual([2, 1, 0].map((n, i) => [n, ...[first, second, third][i]!]));
  const startedBy = all!.map(({ notes_ }) => notes_?.started?.replace('not captured: no go statement: ', ''));
  const itself = 'it is the first goroutine';
  expect(startedBy).toEqual([itself, itself, itself, 'a thread of C came into Go', itself]);
});
