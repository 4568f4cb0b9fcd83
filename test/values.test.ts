/** Random values of random types through random signatures: what is shown is what was there, or is said not to be captured. */
import { afterAll, expect, it } from 'vitest';
import { killStarted } from '../testing/process.ts';
import { shrink, tryValues } from '../testing/values-trial.ts';

afterAll(killStarted);

/** `SONDE_VALUES_SEED` and `SONDE_VALUES_COUNT` ask for others, and for more. */
const seed = Number(process.env.SONDE_VALUES_SEED ?? 20_261_125);
const count = Number(process.env.SONDE_VALUES_COUNT ?? 100);

const builds = [
  ['local', []],
  // Its dictionaries are elsewhere than in the file, and what they hold is told by relocations.
  ['local', ['-buildmode=pie']],
  // Its types and itabs are listed in another way.
  ['go1.27.3', []],
  ['go1.21.13', []],
  ['go1.18.10', []],
] as const;

it.each(builds)(
  `${count} functions of seed ${seed}, built by %s %s: every value is right, or said not to be captured`,
  { timeout: 600_000 },
  async (toolchain, flags) => {
    const options = { seed, count, toolchain, flags };
    const trial = await tryValues(options);
    const missing = JSON.stringify(Object.fromEntries(trial.missing));
    process.stderr.write(`${toolchain}, seed ${seed}: ${trial.right} values right; not captured: ${missing}\n`);
    if (trial.wrong.size > 0)
      expect.fail(`${[...trial.wrong.values()].flat().join('\n')}\n${await shrink(options, trial)}`);
    expect(trial.right).toBeGreaterThan(count);
  },
);

it.each(['local', 'go1.21.13'] as const)(
  `${count} functions of seed ${seed}, built by %s without symbols and debug info, each with its signature and types declared`,
  { timeout: 600_000 },
  async (toolchain) => {
    const options = { seed, count, toolchain, flags: ['-ldflags=-s -w'], declared: true };
    const trial = await tryValues(options);
    const missing = JSON.stringify(Object.fromEntries(trial.missing));
    process.stderr.write(`${toolchain}, seed ${seed}: ${trial.right} values right; not captured: ${missing}\n`);
    if (trial.wrong.size > 0)
      expect.fail(`${[...trial.wrong.values()].flat().join('\n')}\n${await shrink(options, trial)}`);
    expect(trial.right).toBeGreaterThan(count);
  },
);
