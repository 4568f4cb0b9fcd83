/**
 * Random programs by every second Go version and every kind of build. Minutes for each version: `make test-matrix`, or a part of it by
 * `make test-matrix MATRIX='-t go1.21'`. Its seed is new each time and printed; `SONDE_VALUES_SEED` takes one again.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { toolchainMissing } from '../../testing/go-toolchain.ts';
import { killStarted } from '../../testing/process.ts';
import { shrink, tryValues } from '../../testing/values-trial.ts';

afterAll(killStarted);

const seed = Number(process.env.SONDE_VALUES_SEED ?? Date.now() % 2 ** 31);
const count = Number(process.env.SONDE_VALUES_COUNT ?? 100);

const builds: Readonly<Record<string, { flags: readonly string[]; cgo?: true; stripped?: true; declared?: true }>> = {
  default: { flags: [] },
  'not optimised': { flags: ['-gcflags=all=-N -l'] },
  race: { flags: ['-race'], cgo: true },
  PIE: { flags: ['-buildmode=pie'] },
  'static PIE': {
    flags: ['-buildmode=pie', '-tags=netgo,osusergo', '-ldflags=-linkmode=external -extldflags=-static-pie'],
    cgo: true,
  },
  cgo: { flags: [], cgo: true },
  'without debug info': { flags: ['-ldflags=-w'], stripped: true },
  'without symbols': { flags: ['-ldflags=-s -w'], stripped: true },
  'without symbols, declared': { flags: ['-ldflags=-s -w'], declared: true },
  trimpath: { flags: ['-trimpath'] },
};

describe.each([
  'go1.17.13',
  'go1.20.14',
  'go1.21.13',
  'go1.23.12',
  'go1.24.9',
  'go1.25.5',
  'local',
  'go1.27.3',
] as const)('%s', (toolchain) => {
  it.each(Object.entries(builds))(
    `%s: ${count} functions of seed ${seed}`,
    async (name, { flags, cgo, stripped, declared = false }) => {
      const reason = await toolchainMissing(toolchain);
      if (reason !== undefined) throw new Error(reason);
      const options = { seed, count, toolchain, flags, declared, env: { CGO_ENABLED: cgo ? '1' : '0' } };
      const trial = await tryValues(options);
      const missing = JSON.stringify(Object.fromEntries(trial.missing));
      process.stderr.write(`${toolchain} ${name}, seed ${seed}: ${trial.right} right; not captured: ${missing}\n`);
      if (trial.wrong.size > 0)
        expect.fail(`${[...trial.wrong.values()].flat().join('\n')}\n${await shrink(options, trial)}`);
      if (stripped) expect(trial.right).toBe(0);
      else expect(trial.right).toBeGreaterThan(count);
    },
  );
});
