import { setTimeout as delay } from 'node:timers/promises';
import type { BpfMap } from '#bpf';
import { UserError } from '#door';
import type { InstructionClass } from '#gobin';
import { eventKinds } from '#model';
import { type Compilation, control, estimateOffset, gates, type ProgramSites } from '#probe';
import { budget as limit, percent } from './budget.ts';

/** So many functions in one tracepoint are counted before they are traced; fewer are watched while they are. */
export const estimateFrom = 16;

/** The first batch of functions, and how much larger each next one is. */
const firstBatch = 32;
const growth = 4;

/** Attached by one call to the kernel, and taken off by one: between two of them costs are looked at, some 30 ms apart. */
const mostAtOnce = 1024;

/** The last batch is watched so long, milliseconds; those before a part of it. All batches of 65,535 functions take under a second. */
const lastWatchMs = 400;
const watchMs = 80;
const lookMs = 10;

/** Most functions that a refusal names. */
const mostNamed = 5;

/** What the kernel does at the two ends of a call; undefined: there is no probe. Of several returns the dearest. */
export interface CallTraps {
  readonly entry: InstructionClass | undefined;
  readonly exit: InstructionClass | undefined;
}

/** One a probe. */
export function callTraps({ sites }: Pick<Compilation, 'sites'>): CallTraps[] {
  return sites.map(({ entry, returns }) => ({
    entry: entry?.class,
    exit: returns.find((site) => site.class === 'stepped')?.class ?? returns[0]?.class,
  }));
}

/** Nanoseconds that one call of each function costs the process, its return included. */
export function callCosts(traps: readonly CallTraps[], emulatedNs: number, steppedNs: number): number[] {
  const cost = (trap: InstructionClass | undefined) =>
    trap === undefined ? 0 : trap === 'stepped' ? steppedNs : emulatedNs;
  return traps.map(({ entry, exit }) => cost(entry) + cost(exit));
}

interface Counting {
  readonly compilation: Compilation;
  readonly controls: Pick<BpfMap, 'words'>;
  /** By probe, of `callCosts`. */
  readonly costs: readonly number[];
  /** Attaches a program to those of its sites. */
  readonly place: (program: ProgramSites, sites: readonly number[]) => void;
  /** Refuse what costs too much. */
  readonly limited: boolean;
}

/**
 * Attaches all entries in growing batches while their programs do nothing but count calls, so that what many functions will cost is known
 * before any event is made. A batch that passes the budget is the last.
 * @throws UserError with the numbers; what is attached is the caller's to take off.
 */
export async function attachCounting({ compilation, controls, costs, place, limited }: Counting): Promise<void> {
  const entries = compilation.compiled.programs.filter(({ kind }) => kind === eventKinds.entry);
  const total = entries.reduce((sum, { sites }) => sum + sites.length, 0);
  if (limited) Atomics.store(controls.words, control.gate, BigInt(gates.counting));
  const counts = new Calls(compilation, controls, costs);
  let done = 0;
  for (let batch = limited ? firstBatch : total; done < total; batch *= growth) {
    const end = Math.min(total, done + batch);
    counts.mark();
    while (done < end) {
      const next = limited ? Math.min(end, done + mostAtOnce) : end;
      let at = 0;
      for (const program of entries) {
        const from = Math.max(0, done - at);
        const to = Math.min(program.sites.length, next - at);
        place(
          program,
          Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i),
        );
        at += program.sites.length;
      }
      done = next;
      if (limited && counts.isTooMuch()) throw counts.refusal(done, total);
    }
    if (!limited) continue;
    // While they were attached, some were counted for longer than others.
    counts.mark();
    const until = performance.now() + (done === total ? lastWatchMs : watchMs);
    while (performance.now() < until) {
      await delay(lookMs);
      if (counts.isTooMuch()) throw counts.refusal(done, total);
    }
  }
}

/** Calls of each function that were counted, by probe. */
export function countedCalls(probes: number, { words }: Pick<BpfMap, 'words'>): number[] {
  const first = estimateOffset(probes, 0) / 8;
  return Array.from({ length: probes }, (_, probe) => Number(Atomics.load(words, first + probe)));
}

/** The calls that are counted, by function. */
class Calls {
  readonly #compilation: Compilation;
  readonly #words: BigUint64Array;
  readonly #costs: readonly number[];
  readonly #first: number;
  #before: number[];
  #since = performance.now();

  constructor(compilation: Compilation, controls: Pick<BpfMap, 'words'>, costs: readonly number[]) {
    this.#compilation = compilation;
    this.#words = controls.words;
    this.#costs = costs;
    this.#first = estimateOffset(compilation.sites.length, 0) / 8;
    this.#before = costs.map(() => 0);
  }

  mark(): void {
    this.#before = this.#costs.map((_, probe) => this.#count(probe));
    this.#since = performance.now();
  }

  /**
   * Since `mark`, what the last watch may cost has been spent: no need to see the rest of it. A shorter watch may have met a burst; of a longer time
   * it is the share that counts.
   */
  isTooMuch(): boolean {
    const ns = 1e6 * Math.max(lastWatchMs, performance.now() - this.#since);
    return this.#costNs() > limit * ns;
  }

  /** Of the calls since `mark`, once they are traced. */
  #costNs(): number {
    return this.#costs.reduce((sum, cost, probe) => sum + cost * this.#calls(probe), 0);
  }

  refusal(attached: number, total: number): UserError {
    const seconds = (performance.now() - this.#since) / 1000;
    const { plans } = this.#compilation.compiled;
    const hot = this.#costs
      .map((cost, probe) => ({ name: plans[probe]!.function, rate: this.#calls(probe) / seconds, cost }))
      .filter(({ rate }) => rate > 0)
      .sort((a, b) => b.rate * b.cost - a.rate * a.cost);
    const share = (list: typeof hot) => list.reduce((sum, { rate, cost }) => sum + (rate * cost) / 1e9, 0);
    const rate = Math.round(hot.reduce((sum, each) => sum + each.rate, 0));
    const named = hot.slice(0, mostNamed);
    const rest = share(hot.slice(mostNamed));
    const seen = attached === total ? `${total} functions` : `the first ${attached} of ${total} functions`;
    const without =
      rest < limit
        ? `; without ${named.length === 1 ? 'it' : `these ${named.length}`} it would be ${percent(rest)}`
        : '';
    return new UserError(
      `not traced, because it would cost too much: ${rate} calls a second of ${seen}, counted for ${Math.round(seconds * 1000)} ms, ` +
        `would be ${percent(share(hot))} of one CPU (budget ${percent(limit)}). Most of it: ` +
        `${named.map((each) => `${each.name} (${Math.round(each.rate)}/s)`).join(', ')}${without}. ` +
        'Trace fewer functions, or insist: --no-budget, no_budget=True of UpsertTracepoint',
    );
  }

  #calls(probe: number): number {
    return this.#count(probe) - this.#before[probe]!;
  }

  #count(probe: number): number {
    return Number(Atomics.load(this.#words, this.#first + probe));
  }
}
