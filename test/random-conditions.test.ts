/** Random conditions: a probe with one has the calls of which the program itself finds it true. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { goFixture } from '../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { randomConditions } from '../testing/random-conditions.ts';
import { toolchains } from '../testing/targets.ts';

const sonde = new PxEnvironment();
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
});

const seeds = process.env.SONDE_SEEDS?.split(',').map(Number) ?? [1];

it.each(seeds.flatMap((seed) => toolchains('local', 'go1.21.13').map((toolchain) => [seed, toolchain] as const)))(
  'of seed %i, by %s',
  { timeout: 120_000 },
  async (seed, toolchain) => {
    const { conditions, source } = randomConditions(seed, 40);
    const process = await startProcess(
      await goFixture({ source: { 'main.go': source, 'go.mod': 'module conditions\n\ngo 1.18\n' }, toolchain }),
      {
        ready: /^ready$/m,
      },
    );
    const upid = await sonde.upid(process.pid);
    const name = (k: number) => `s${seed}_${toolchain.replaceAll('.', '_')}_${k}`;
    const file = join(sonde.folder, 'conditions.pxl');
    const write = (some: readonly number[]) =>
      writeFileSync(
        file,
        `import pxtrace\nimport px\n${some
          .map(
            (k) => `
@pxtrace.probe('main.probed', when=${JSON.stringify(conditions[k])}, elements=200)
def f${k}():
    return [{'id': pxtrace.ArgExpr('id')}]
pxtrace.UpsertTracepoint('${name(k)}', '${name(k)}', f${k}, px.uint128('${upid}'), '2m', no_budget=True)
px.display(px.DataFrame(table='${name(k)}'), '${name(k)}')
`,
          )
          .join('')}`,
      );
    // Go before 1.22 does not tell of all arguments behind a certain number where they are.
    let kept = conditions.map((_, k) => k);
    write(kept);
    const { stderr } = await sonde.run(['run', '-f', file]);
    const refused = [...stderr.matchAll(/_(\d+) {2}ERR: (.*)/g)];
    for (const [, , reason] of refused) expect(reason).toMatch(/a blank parameter may come before it/);
    kept = kept.filter((k) => !refused.some(([, number]) => Number(number) === k));
    if (toolchain === 'local') expect(refused).toEqual([]);
    else expect(kept.length).toBeGreaterThan(10);
    write(kept);
    await sonde.ok(['run', '-f', file]);
    process.write('go\n');
    await process.until('done', () => process.lines.includes('done'));
    const truth = process.lines.flatMap((line) => /^true \[(.*)\]$/.exec(line)?.[1] ?? []);
    const seen = new Map<string, number[]>();
    for (const { _tableName_: table, id } of await sonde.rows<{ _tableName_: string; id: number }>(['run', '-f', file]))
      seen.set(table, [...(seen.get(table) ?? []), id]);
    for (const k of kept)
      expect([conditions[k], (seen.get(name(k)) ?? []).join(' ')]).toEqual([conditions[k], truth[k]]);
    await process.kill();
  },
);
