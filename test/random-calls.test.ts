/** Calls of functions that the compiler inlines in every way, by random programs that say what they call: each once, with its arguments, or named as not traced. */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { afterAll, expect, it } from 'vitest';
import { createX86Decoder, type IcedX86, openGoBinary } from '#gobin';
import { fileSource, nodeInflate } from '../testing/binary-file.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import type { GoToolchain } from '../testing/go-toolchain.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment, type TracedCall } from '../testing/px.ts';
import { randomCalls } from '../testing/random-calls.ts';

const sonde = new PxEnvironment();
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
});

const decode = createX86Decoder(createRequire(import.meta.url)('iced-x86') as IcedX86);
const module = 'module calls\n\ngo 1.18\n';

/** By function and what it is inlined into, by arguments: how often. */
type Counts = Map<string, Map<string, number>>;

function add(counts: Counts, place: string, values: string, n: number): void {
  const of = counts.get(place) ?? new Map<string, number>();
  counts.set(place, of.set(values, (of.get(values) ?? 0) + n));
}

const total = (of: ReadonlyMap<string, number> | undefined) => [...(of?.values() ?? [])].reduce((a, b) => a + b, 0);

/** Of functions kept apart the twin cannot say which call of it is inlined into what it is called by: those into a helper are the helper's own calls too. */
function truthOf(output: string): Counts {
  const counts: Counts = new Map();
  for (const [, name, caller, n, values] of output.matchAll(/^T (h\d+) (\w+) (\d+) \[(.*)\]$/gm))
    add(counts, name === caller ? name! : `${name} in ${caller}`, values!, Number(n));
  return counts;
}

function seenBy(calls: readonly TracedCall[]): Counts {
  const counts: Counts = new Map();
  for (const call of calls as readonly (TracedCall & { inlined_into?: string })[]) {
    const name = call.function.replace('main.', '');
    const into = call.inlined_into?.replace('main.', '');
    const values = Object.entries(call.args).flatMap(([key, value]) =>
      ['t', 's', 'a', 'p'].includes(key) ? [] : [value],
    );
    add(
      counts,
      into === undefined ? name : `${name} in ${into}`,
      values.includes(null) ? 'not captured' : values.join(' '),
      1,
    );
  }
  return counts;
}

/** The copies that px says it does not trace. */
function namedIn(stderr: string): Set<string> {
  const named = new Set<string>();
  for (const [, functions, into] of stderr.matchAll(/not traced: (.*?): .*?inlined into ([^:]*): /g))
    for (const name of functions!.split(', '))
      for (const each of into!.split(/, | and /)) named.add(`${name} in ${each}`.replaceAll('main.', ''));
  return named;
}

it.each([
  ['go1.27.3', 8],
  ['go1.27.3', 12],
  ['local', 1],
  ['local', 2],
  ['local', 3],
  ['local', 216],
  ['local', 407],
  ['local', 1003],
  ['go1.24.0', 4],
  ['go1.21.13', 5],
  ['go1.21.13', 101],
  ['go1.21.13', 1016],
  ['go1.18.10', 6],
] as readonly (readonly [GoToolchain, number])[])('%s, seed %i', { timeout: 240_000 }, async (toolchain, seed) => {
  const { program, twin, sites } = randomCalls(seed);
  const said = execFileSync(await goFixture({ source: { 'main.go': twin, 'go.mod': module }, toolchain }), {
    input: '\n',
    encoding: 'utf8',
  });
  const file = await goFixture({ source: { 'main.go': program, 'go.mod': module }, toolchain });
  const binary = openGoBinary(fileSource(file), { inflate: nodeInflate, decode });
  /** What the compiler has folded into other code is nowhere in the binary. */
  const isFolded = (place: string) => {
    const [name, caller] = place.split(' in ');
    if (caller === undefined) return false;
    const copies = binary.inlinedCopies(`main.${name}`).filter(({ into }) => into.name === `main.${caller}`);
    return copies.length < sites(name!, caller);
  };
  const process = await startProcess(file, { ready: /^ready$/m });
  const truth = truthOf(said);
  const trace = await sonde.trace(process.pid, 're:^main\\.h\\d+$', ['--no-budget']);
  process.write('\n');
  await process.until('done', () => process.lines.length > 1);
  expect(process.lines[1]).toBe(said.split('\n').at(-2));
  const { calls, stderr } = await trace.stop();
  await process.kill();
  const [seen, named] = [seenBy(calls), namedIn(stderr)];
  const wrong: string[] = [];
  // Whether a helper that calls another one is inlined itself, the twin does not know: what it says of callers is of all places of the function together.
  const places = [...new Set([...truth.keys(), ...seen.keys()])];
  for (const [name, of] of Map.groupBy(places, (place) => place.split(' ')[0]!)) {
    const all = (counts: Counts) => of.reduce((sum, place) => sum + total(counts.get(place)), 0);
    const is = all(seen);
    const should = all(truth);
    const isTold = of.some((place) => named.has(place) || isFolded(place));
    if (is > should || (is < should && !isTold)) wrong.push(`${name}: ${is} calls for ${should}`);
    for (const place of of) {
      for (const [values, n] of seen.get(place) ?? []) {
        const made = of.reduce((sum, each) => sum + (truth.get(each)?.get(values) ?? 0), 0);
        if (values !== 'not captured' && n > made) wrong.push(`${place}: ${values} ${n} times for ${made}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  const known = calls.filter(({ args }) => !Object.values(args).includes(null)).length;
  // Many can be told, and their arguments.
  expect(calls.length).toBeGreaterThan(150);
  expect(known).toBeGreaterThan(75);
});
