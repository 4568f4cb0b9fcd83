/** Random values of random types through random signatures: what is shown is what was there, or is said not to be captured. */
import { afterAll, describe, expect, it } from 'vitest';
import { openGoFile } from '../testing/ebpf/go-binary.ts';
import { trace } from '../testing/ebpf/tracer.ts';
import { parseExact } from '../testing/exact-json.ts';
import { goFixture } from '../testing/go-fixtures.ts';
import { randomProgram } from '../testing/go-values.ts';
import { killStarted, startProcess } from '../testing/process.ts';

afterAll(killStarted);

/** `SONDE_VALUES_SEED` and `SONDE_VALUES_COUNT` ask for others, and for more. */
const seed = Number(process.env.SONDE_VALUES_SEED ?? 20_261_125);
const count = Number(process.env.SONDE_VALUES_COUNT ?? 100);

interface Said {
  readonly function: string;
  readonly args: Record<string, unknown>;
  readonly results: Record<string, unknown>;
}

/** What differs, path by path; `missing` counts what was not captured, by reason. */
function compare(
  expected: unknown,
  shown: unknown,
  path: string,
  notes: Readonly<Record<string, string>>,
  missing: Map<string, number>,
): string[] {
  const note = notes[path];
  if (note?.startsWith('not captured: ') === true && (shown === null || onlyAddress(shown))) {
    const reason = note.slice('not captured: '.length).replaceAll(/\d+/g, 'N');
    missing.set(reason, (missing.get(reason) ?? 0) + 1);
    return [];
  }
  if (Array.isArray(expected) && Array.isArray(shown)) {
    const [left, right] = isPairs(expected) && isPairs(shown) ? [sorted(expected), sorted(shown)] : [expected, shown];
    if (left.length !== right.length && note !== undefined) return count_(missing, note);
    if (left.length !== right.length) return [`${path}: ${left.length} elements, shown ${right.length}`];
    return left.flatMap((each, i) =>
      compare(each, right[i], isPairs(expected) ? '?' : `${path}[${i}]`, notes, missing),
    );
  }
  if (isObject(expected) && isObject(shown)) {
    const keys = (object: object) =>
      Object.keys(object)
        .filter((key) => key !== '&')
        .sort();
    if (JSON.stringify(keys(expected)) !== JSON.stringify(keys(shown))) {
      if (note?.startsWith('truncated') === true) return count_(missing, note);
      return [`${path}: members ${keys(expected)}, shown ${keys(shown)}`];
    }
    return keys(expected).flatMap((key) => {
      const inner =
        key === '=' ? path : isMapPath(path, key, notes) ? `${path}[${JSON.stringify(key)}]` : `${path}.${key}`;
      return compare(expected[key], shown[key], inner, notes, missing);
    });
  }
  return Object.is(expected, shown) ? [] : [`${path}: ${text(expected)}, shown ${text(shown)} ${note ?? ''}`];
}

function count_(missing: Map<string, number>, note: string): string[] {
  const reason = note.replaceAll(/\d+/g, 'N');
  missing.set(reason, (missing.get(reason) ?? 0) + 1);
  return [];
}

const isMapPath = (path: string, key: string, notes: Readonly<Record<string, string>>) =>
  Object.keys(notes).some((each) => each.startsWith(`${path}[${JSON.stringify(key)}]`));
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const onlyAddress = (value: unknown) =>
  isObject(value) && Object.keys(value).every((key) => ['&', '(type)', 'Error()'].includes(key));
const isPairs = (list: readonly unknown[]): list is readonly [unknown, unknown][] =>
  list.length > 0 && list.every((each) => Array.isArray(each) && each.length === 2);
const sorted = (list: readonly [unknown, unknown][]) => [...list].sort((a, b) => (text(a[0]) < text(b[0]) ? -1 : 1));
const text = (value: unknown): string =>
  JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each)) ?? 'undefined';

describe.each(['local', 'go1.21.13', 'go1.18.10'] as const)(
  `${count} functions of seed ${seed}, built by %s`,
  (toolchain) => {
    it('every value is right, or said not to be captured', { timeout: 600_000 }, async () => {
      const file = await goFixture({ source: randomProgram(seed, count), toolchain });
      const binary = openGoFile(file);
      await using target = await startProcess(file, { ready: /^ready$/m });
      const probes = Array.from({ length: count }, (_, i) => ({
        function: `main.f${i}`,
        columns: [
          { name: 'args', capture: { kind: 'arguments' as const } },
          { name: 'results', capture: { kind: 'results' as const } },
        ],
      }));
      const tracer = trace(target.pid, binary, probes, { multi: true });
      try {
        target.write('go\n');
        await target.waitFor(/^done$/m);
        const rows = tracer.rows();
        const said = target.lines.filter((line) => line.startsWith('{')).map((line) => parseExact(line) as Said);
        expect(said).toHaveLength(count);
        expect(rows).toHaveLength(count);
        const missing = new Map<string, number>();
        const wrong = said.flatMap((call, i) => {
          const row = rows[i]!;
          return (['args', 'results'] as const).flatMap((side) => {
            if (row[side] === null) {
              expect(row.notes[side]).toMatch(/^not captured: /);
              return [];
            }
            const shown = parseExact(row[side] as string) as Record<string, unknown>;
            // Debug info of Go before 1.22 does not list blank parameters.
            const expected = Object.fromEntries(
              Object.entries(call[side]).filter(([name]) => toolchain === 'local' || !name.startsWith('#')),
            );
            return compare(expected, shown, side, row.notes, missing).map((each) => `${call.function} ${each}`);
          });
        });
        process.stderr.write(
          `${toolchain}, seed ${seed}: not captured: ${JSON.stringify(Object.fromEntries(missing))}\n`,
        );
        expect(wrong).toEqual([]);
      } finally {
        tracer.close();
      }
    });
  },
);
