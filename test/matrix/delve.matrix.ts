/** The arguments of random functions by Delve (ptrace, location lists) and by Sonde, against what the program itself says. */
import { afterAll, expect, it } from 'vitest';
import { DelveSession, type DelveVariable } from '../../testing/delve.ts';
import { parseExact } from '../../testing/exact-json.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import { killStarted, startProcess } from '../../testing/process.ts';
import { randomProgram } from '../../testing/random-values/program.ts';
import { tryValues } from '../../testing/values-trial.ts';

afterAll(killStarted);

const seed = Number(process.env.SONDE_VALUES_SEED ?? 20_261_125);
const count = Number(process.env.SONDE_VALUES_COUNT ?? 60);

/** `different` goes on with what each says. */
type Verdict = 'same' | 'unreadable' | 'not compared' | `different: ${string}`;

/** A value as Delve tells it, against the form of docs/values.md. Maps, interfaces, channels, funcs and types with a form of their own are not compared. */
function verdicts(variable: DelveVariable, truth: unknown): Verdict[] {
  const { kind, value, children, unreadable } = variable;
  if (unreadable !== '') return ['unreadable'];
  const same = (right: boolean): Verdict[] => [right ? 'same' : `different: ${variable.type} ${value}, is ${truth}`];
  const isObject = (each: unknown): each is Record<string, unknown> =>
    typeof each === 'object' && each !== null && !Array.isArray(each);
  // A number or bool; durations are text.
  if (kind >= 1 && kind <= 12 && typeof truth !== 'string')
    return same(
      String(truth) ===
        value
          .split(' ')
          .pop()
          ?.replace(/^\((.*)\)$/, '$1'),
    );
  if (kind === 24) return same(value === truth);
  if (kind === 22) {
    const target = children[0];
    if (truth === null || target === undefined || !isObject(truth))
      return same((truth === null) === /^0?$/.test(value));
    return '=' in truth ? verdicts(target, truth['=']) : verdicts(target, truth);
  }
  if ((kind === 17 || kind === 23) && Array.isArray(truth)) {
    if (truth.length !== variable.len) return same(false);
    return children.flatMap((child, i) => verdicts(child, truth[i]));
  }
  if (kind === 25 && isObject(truth)) {
    return children.flatMap((child) =>
      child.name in truth ? verdicts(child, truth[child.name]) : ['not compared' as const],
    );
  }
  return ['not compared'];
}

it.each([
  ['not optimised', ['-gcflags=all=-N -l']],
  ['optimised', []],
] as const)(
  `%s: ${count} functions of seed ${seed}`,
  async (name, flags) => {
    const options = { seed, count, flags };
    const { wrong } = await tryValues(options);
    expect([...wrong.values()].flat()).toEqual([]);

    const { files, functions } = randomProgram(seed, count);
    const plain = functions.filter(({ generic }) => !generic);
    const target = await startProcess(await goFixture({ source: files, flags }), { ready: /^ready$/m });
    const seen = new Map<string, readonly DelveVariable[]>();
    {
      await using session = await DelveSession.attach(target.pid);
      await session.breakAt(plain.map(({ probe }) => probe));
      target.write('go\n');
      while (seen.size < plain.length) {
        for (const stop of await session.next()) seen.set(stop.function, stop.arguments);
      }
    }
    await target.waitFor(/^done$/m, 60_000);
    const said = target.lines
      .filter((line) => line.startsWith('{'))
      .map((line) => parseExact(line) as { args: object });
    const tally = new Map<string, number>();
    const different: string[] = [];
    for (const [i, { probe, generic }] of functions.entries()) {
      if (generic) continue;
      const args = new Map(Object.entries(said[i]!.args));
      for (const variable of seen.get(probe)!) {
        if (!args.has(variable.name)) continue;
        for (const verdict of verdicts(variable, args.get(variable.name))) {
          const word = verdict.replace(/:.*/s, '');
          tally.set(word, (tally.get(word) ?? 0) + 1);
          if (word === 'different') different.push(`${probe} ${variable.name} ${verdict}`);
        }
      }
    }
    process.stderr.write(
      `Delve, ${name}, seed ${seed}: ${JSON.stringify(Object.fromEntries(tally))} ${different.join('; ')}\n`,
    );
    expect(tally.get('same')).toBeGreaterThan(count);
    // Sonde was right about all of them; where code is optimised, Go's location lists may be wrong behind the prologue.
    if (flags.length > 0) expect(different).toEqual([]);
  },
  600_000,
);
