import { findFloats, floatTrial, Kickers } from '#bpf';
import { floatTrialProgram } from '#probe';
import { openSys } from '#sys';
import { openGoFile } from './ebpf/go-binary.ts';
import { trace } from './ebpf/tracer.ts';
import { parseExact } from './exact-json.ts';
import { atLeast, type GoFixture, goFixture } from './go-fixtures.ts';
import { goVersion } from './go-toolchain.ts';
import { startProcess } from './process.ts';
import { declaredSignature } from './random-values/declared.ts';
import type { RandomFunction, Variant } from './random-values/functions.ts';
import { randomProgram } from './random-values/program.ts';

export interface TrialOptions extends Omit<GoFixture, 'source'> {
  readonly seed: number;
  readonly count: number;
  readonly variants?: readonly Variant[];
  /** Each function's signature is declared, with the types that it names: for binaries without debug info. */
  readonly declared?: boolean;
}

export interface Trial {
  /** Leaves of values that were compared and are the same. */
  readonly right: number;
  /** Functions with a wrong value, by number, and what is wrong. */
  readonly wrong: ReadonlyMap<number, readonly string[]>;
  /** Why values were not captured, or cut, and how often; numbers in the reasons are N. */
  readonly missing: ReadonlyMap<string, number>;
  readonly functions: readonly RandomFunction[];
}

interface Said {
  readonly function: string;
  readonly args: Record<string, unknown>;
  readonly results: Record<string, unknown>;
}

/** Builds a random program, traces every function of it while it calls each once, and compares what is shown with what it says itself. */
export async function tryValues({ seed, count, variants, declared, ...build }: TrialOptions): Promise<Trial> {
  const version = await goVersion(build.toolchain ?? 'local');
  const { files, functions, declarations } = randomProgram(seed, count, {
    generics: !declared && atLeast(version, 18),
    ...(variants && { variants }),
  });
  const file = await goFixture({ ...build, source: files });
  const probes = functions.map(({ probe, signature }) => ({
    function: probe,
    ...(declared && { signature: { text: declaredSignature(signature, declarations) } }),
    columns: [
      { name: 'args', capture: { kind: 'arguments' as const } },
      { name: 'results', capture: { kind: 'results' as const } },
    ],
  }));
  const sys = openSys();
  using kickers = new Kickers(sys);
  const { state } = findFloats(sys, kickers, {
    multi: true,
    program: (place, kick) => floatTrialProgram(place, floatTrial, kick),
  });
  await using target = await startProcess(file, { ready: /^ready$/m, timeoutMs: 60_000 });
  const tracer = trace(target.pid, openGoFile(file), probes, { multi: true, floats: { state, kicks: kickers.map } });
  try {
    target.write('go\n');
    await target.waitFor(/^done$/m, 60_000);
    const rows = tracer.rows();
    const said = target.lines.filter((line) => line.startsWith('{')).map((line) => parseExact(line) as Said);
    if (said.length !== functions.length || rows.length !== functions.length) {
      throw new Error(`${functions.length} functions, ${said.length} calls, ${rows.length} rows`);
    }
    const comparison = new Comparison();
    const wrong = new Map<number, string[]>();
    for (const [i, call] of said.entries()) {
      const row = rows[i]!;
      const differences = (['args', 'results'] as const).flatMap((side) => {
        if (row[side] === null) return comparison.absent(row.notes[side], side);
        // Debug info of Go before 1.22 does not list blank parameters.
        const expected = Object.entries(call[side]).filter(
          ([name]) => declared || atLeast(version, 22) || !name.startsWith('#'),
        );
        const shown = parseExact(row[side] as string);
        return comparison.compare(Object.fromEntries(expected), shown, side, row.notes);
      });
      if (differences.length > 0) wrong.set(i, differences);
    }
    return { right: comparison.right, wrong, missing: comparison.missing, functions };
  } finally {
    tracer.close();
  }
}

/** A failure, made smaller by leaving out parameters and results as long as something is wrong; each step is one build of all that could go. */
export async function shrink(options: TrialOptions, trial: Trial): Promise<string> {
  const [first] = trial.wrong.keys();
  const { parameters, results } = trial.functions[first!]!;
  const range = (length: number) => Array.from({ length }, (_, i) => i);
  let smallest: Variant = options.variants?.[first!] ?? {
    index: first!,
    parameters: range(parameters),
    results: range(results),
  };
  let differences = trial.wrong.get(first!)!;
  for (;;) {
    const { parameters: kept, results: given, index } = smallest;
    const smaller: Variant[] = [
      ...kept.map((out) => ({ index, parameters: kept.filter((each) => each !== out), results: given })),
      ...given.map((out) => ({ index, parameters: kept, results: given.filter((each) => each !== out) })),
    ];
    if (smaller.length === 0) break;
    const { wrong } = await tryValues({ ...options, variants: smaller });
    const [next] = wrong;
    if (next === undefined) break;
    smallest = smaller[next[0]]!;
    differences = next[1];
  }
  const { source } = smallestProgram(options, smallest);
  return `seed ${options.seed}, function ${smallest.index}, smallest that fails: ${differences.join('\n')}\n${source}`;
}

/** What a failure's source says of the function. */
function smallestProgram({ seed, count }: TrialOptions, variant: Variant): { source: string } {
  const { files } = randomProgram(seed, count, { variants: [variant] });
  const text = files['main.go']!;
  return { source: text.slice(text.lastIndexOf('//go:noinline')) };
}

class Comparison {
  readonly missing = new Map<string, number>();
  right = 0;

  /** What differs, path by path. */
  compare(expected: unknown, shown: unknown, path: string, notes: Readonly<Record<string, string>>): string[] {
    const note = notes[path];
    if (note?.startsWith('not captured: ') === true && (shown === null || onlyAddress(shown))) {
      return this.#count(note.slice('not captured: '.length));
    }
    // A time whose zone there was no room for: the same instant.
    if (note?.startsWith('shown in UTC: ') === true && Date.parse(String(expected)) === Date.parse(String(shown)))
      return this.#count(note);
    const cut = /^truncated from (\d+)/.exec(note ?? '')?.[1];
    if (Array.isArray(expected) && Array.isArray(shown)) return this.#lists(expected, shown, path, notes, cut);
    if (isObject(expected) && Array.isArray(shown) && isPairs(shown) && shown.some(([key]) => key === null)) {
      return this.#unkeyed(expected, shown, path, notes);
    }
    if (isFunc(expected)) return this.#func(expected, shown, path, notes);
    if (isObject(expected) && isObject(shown)) return this.#objects(expected, shown, path, notes, cut);
    if (typeof expected === 'string' && typeof shown === 'string' && cut !== undefined) {
      const bytes = Buffer.byteLength(expected);
      if (Number(cut) !== bytes || !expected.startsWith(shown) || shown === '') {
        return [`${path}: ${text(expected)}, cut to ${text(shown)} (${note})`];
      }
      return this.#count(note!);
    }
    if (!Object.is(expected, shown)) return [`${path}: ${text(expected)}, shown ${text(shown)} ${note ?? ''}`];
    this.right++;
    return [];
  }

  /** A whole column without a value. */
  absent(note: string | undefined, path: string): string[] {
    if (note?.startsWith('not captured: ') !== true) return [`${path}: no value, and no reason (${note})`];
    return this.#count(note.slice('not captured: '.length));
  }

  /** A map whose keys are text, of which some were not captured: a list of pairs then. */
  #unkeyed(
    expected: Record<string, unknown>,
    shown: readonly (readonly [unknown, unknown])[],
    path: string,
    notes: Readonly<Record<string, string>>,
  ): string[] {
    return shown.flatMap(([key, value], i) => {
      const note = notes[`${path}[${i}][0]`];
      if (key === null) {
        if (note === undefined) return [`${path}: key ${i} has no value, and no reason`];
        this.#count(note);
        return [];
      }
      if (!(String(key) in expected)) return [`${path}: no key ${text(key)}`];
      return this.compare(expected[String(key)], value, `${path}[${i}][1]`, notes);
    });
  }

  /** Debug info has not all variables that a func has captured: what the compiler made none of is missing, in optimised code often all. */
  #func(
    expected: { readonly func: string; readonly captured: Record<string, unknown> },
    shown: unknown,
    path: string,
    notes: Readonly<Record<string, string>>,
  ): string[] {
    if (shown === expected.func) return this.#count('captured variables that debug info does not tell');
    if (isObject(shown) && shown.func === expected.func && shown.captured === null)
      return this.compare(expected.captured, null, `${path}.captured`, notes);
    if (!isFunc(shown) || shown.func !== expected.func) return [`${path}: ${text(expected)}, shown ${text(shown)}`];
    const told = Object.entries(expected.captured).filter(([name]) => name in shown.captured);
    if (told.length < Object.keys(expected.captured).length)
      this.#count('captured variables that debug info does not tell');
    return this.compare(Object.fromEntries(told), shown.captured, `${path}.captured`, notes);
  }

  #lists(
    expected: readonly unknown[],
    shown: readonly unknown[],
    path: string,
    notes: Readonly<Record<string, string>>,
    cut: string | undefined,
  ): string[] {
    if (shown.length < expected.length && Number(cut) !== expected.length) {
      return [`${path}: ${expected.length} elements, shown ${shown.length} (${notes[path]})`];
    }
    if (shown.length > expected.length) return [`${path}: ${expected.length} elements, shown ${shown.length}`];
    if (cut !== undefined) this.#count(notes[path]!);
    // A map whose keys are no text is a list of pairs, in any order; a list of lists of two looks the same.
    if (isPairs(expected) && isPairs(shown)) {
      const entries = new Map(expected.map(([key, value]) => [text(key), value]));
      // Of a key a part may be missing.
      const isPart = (i: number) => Object.keys(notes).some((each) => each.startsWith(`${path}[${i}][0]`));
      if (entries.size === expected.length && shown.every(([key], i) => entries.has(text(key)) || isPart(i))) {
        return shown.flatMap(([key, value], i) => {
          if (!entries.has(text(key))) return this.#count(`a part of a key: ${notes[`${path}[${i}][0]`] ?? ''}`);
          return this.compare(entries.get(text(key)), value, `${path}[${i}][1]`, notes);
        });
      }
    }
    return shown.flatMap((each, i) => this.compare(expected[i], each, `${path}[${i}]`, notes));
  }

  #objects(
    expected: Record<string, unknown>,
    shown: Record<string, unknown>,
    path: string,
    notes: Readonly<Record<string, string>>,
    cut: string | undefined,
  ): string[] {
    // A type that is known by another form is shown by its fields where one of them is missing.
    const isPart = ([at, note]: [string, string]) =>
      at.startsWith(`${path}.`) && /^(?:not captured|truncated)/.test(note);
    if ('=' in expected && !('=' in shown) && Object.entries(notes).some(isPart)) {
      return this.#count('by its fields, of which one is missing');
    }
    const keys = (object: object) => Object.keys(object).filter((key) => key !== '&');
    const absent = keys(expected).filter((key) => !(key in shown));
    const foreign = keys(shown).filter((key) => !(key in expected));
    if (foreign.length > 0 || (absent.length > 0 && Number(cut) !== keys(expected).length)) {
      return [`${path}: members ${keys(expected)}, shown ${keys(shown)} (${notes[path]})`];
    }
    if (cut !== undefined) this.#count(notes[path]!);
    return keys(shown).flatMap((key) => {
      const ofMap = `${path}[${JSON.stringify(key)}]`;
      const isEntry = Object.keys(notes).some((each) => each.startsWith(ofMap));
      return this.compare(expected[key], shown[key], key === '=' ? path : isEntry ? ofMap : `${path}.${key}`, notes);
    });
  }

  #count(reason: string): [] {
    const general = reason.replaceAll(/\d+/g, 'N');
    this.missing.set(general, (this.missing.get(general) ?? 0) + 1);
    return [];
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isFunc = (value: unknown): value is { readonly func: string; readonly captured: Record<string, unknown> } =>
  isObject(value) && typeof value.func === 'string' && isObject(value.captured);
const onlyAddress = (value: unknown) =>
  isObject(value) && Object.keys(value).every((key) => ['&', '(type)', 'Error()'].includes(key));
const isPairs = (list: readonly unknown[]): list is readonly [unknown, unknown][] =>
  list.length > 0 && list.every((each) => Array.isArray(each) && each.length === 2);
const text = (value: unknown): string =>
  JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each)) ?? 'undefined';
