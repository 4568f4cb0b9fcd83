import { shareSetting } from '#base';
import type { Fd } from '#sys';
import type { Deployment } from './deployment.ts';
import type { Kernel } from './kernel.ts';
import { ProgramCosts } from './program-costs.ts';

/**
 * Share of one CPU that tracepoints may cost a process, one alone or all together: `SONDE_BUDGET`, per cent, by default 5.
 */
export const budget = shareSetting('SONDE_BUDGET', process.env.SONDE_BUDGET, 0.05);

/** So many periods in a row above the budget. The first begins when a process is seen above it: a burst that is over within a period does not reach the second. */
const periods = 2;
const periodNs = 1_000_000_000n;

/** What costs more than this, averaged over so long, is off within a second. A burst of that cost gets through. */
const mostShare = 0.5;
const windowNs = 850_000_000n;

/** A tracepoint costs about as much as another at this part of its cost. */
const asMuch = 0.8;
/** What other tracepoints cost is told from here on. */
const leastTold = 0.001;

/** What our programs take beyond the trap that calibration measures, until that is measured. */
export const programNs = 600;
const lookMs = 150;
/** While nothing is hit. */
const quietLookMs = 300;

/** What a tracepoint had cost when it was looked at. */
interface Sample {
  readonly atNs: bigint;
  readonly costNs: number;
  readonly hits: number;
}

interface Watched {
  readonly deployment: Deployment;
  /** Oldest first: the first is the newest that is a whole window old, if any is. */
  readonly samples: Sample[];
  /** When its period began. */
  period: Sample;
  trapNs: number;
}

/** A process above the budget. */
interface Overrun {
  /** Periods that were above it as a whole. */
  over: number;
  /** When its period began. */
  sinceNs: bigint;
}

/** Takes off what costs a process too much: the trap is the cost, so nothing less helps. */
export class Budget {
  readonly #kernel: Kernel;
  readonly #limit: number;
  readonly #watched = new Set<Watched>();
  readonly #overruns = new Map<string, Overrun>();
  readonly #programs: ProgramCosts;
  #timer: NodeJS.Timeout | undefined;

  /** `measure` has the kernel measure running times, as long as what it gives is open; undefined where it will not. */
  constructor(kernel: Kernel, measure: () => Fd | undefined = () => undefined, limit = budget) {
    this.#kernel = kernel;
    this.#limit = limit;
    this.#programs = new ProgramCosts(measure);
  }

  /** Until the deployment has ended. */
  watch(deployment: Deployment): void {
    const first = { atNs: process.hrtime.bigint(), costNs: 0, hits: deployment.hits };
    this.#watched.add({ deployment, samples: [first], period: first, trapNs: 0 });
    if (!this.#timer) this.#schedule(lookMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#watched.clear();
    this.#programs.close();
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => void this.#look(), ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { emulatedNs, steppedNs } = await this.#kernel.hitCost();
    const atNs = process.hrtime.bigint();
    for (const watched of this.#watched) if (watched.deployment.closed) this.#watched.delete(watched);
    const active = [...this.#watched];
    this.#programs.look(active.map(({ deployment }) => deployment));
    let quiet = true;
    for (const watched of active) {
      if (this.#sample(watched, atNs, emulatedNs, steppedNs)) quiet = false;
      this.#endAbove(watched, mostShare, windowNs, watched.samples[0]!, { emulatedNs, steppedNs });
    }
    for (const pid of new Set(active.map(pidOf))) this.#period(pid, atNs, { emulatedNs, steppedNs });
    for (const pid of this.#overruns.keys())
      if (!active.some((each) => pidOf(each) === pid)) this.#overruns.delete(pid);
    this.#timer = undefined;
    // A period is looked at when it ends, not some time after.
    const untilEnd = [...this.#overruns.values()].map(({ sinceNs }) => Number(sinceNs + periodNs - atNs) / 1e6);
    if (this.#watched.size > 0) this.#schedule(Math.min(quiet ? quietLookMs : lookMs, ...untilEnd));
    else this.#programs.close();
  }

  /** True when there were hits. */
  #sample(watched: Watched, atNs: bigint, emulatedNs: number, steppedNs: number): boolean {
    const { deployment, samples } = watched;
    const last = samples.at(-1)!;
    const { hits } = deployment;
    const measured = this.#programs.of(deployment);
    const own = measured === undefined ? programNs : 0;
    const trapNs = deployment.cost(emulatedNs + own, steppedNs + own);
    // A process that became another program begins anew.
    const added = Math.max(0, trapNs - watched.trapNs) + (measured ?? 0) * Math.max(0, hits - last.hits);
    watched.trapNs = trapNs;
    samples.push({ atNs, costNs: last.costNs + added, hits });
    while (samples.length > 2 && atNs - samples[1]!.atNs >= windowNs) samples.shift();
    deployment.share = shareSince(samples[0]!, samples.at(-1)!);
    return hits !== last.hits;
  }

  /** A process's period: all tracepoints in it together. Of several the one that costs most goes, of those that cost about as much the last that came. */
  #period(pid: string, atNs: bigint, costs: HitCosts): void {
    const here = [...this.#watched].filter((each) => pidOf(each) === pid);
    const overrun = this.#overruns.get(pid);
    if (overrun !== undefined && atNs - overrun.sinceNs < periodNs) return;
    const shares = here.map(({ period, samples }) => shareSince(overrun ? period : samples.at(-2)!, samples.at(-1)!));
    const share = shares.reduce((sum, each) => sum + each, 0);
    const over = overrun === undefined ? 0 : overrun.over + 1;
    const most = Math.max(...shares);
    const costliest = here.findLast((_, i) => shares[i]! >= asMuch * most);
    if (share <= this.#limit || costliest === undefined) {
      this.#overruns.delete(pid);
      return;
    }
    if (over < periods) this.#overruns.set(pid, { over, sinceNs: atNs });
    else {
      this.#overruns.delete(pid);
      this.#end(costliest, costliest.period, costs, share - shares[here.indexOf(costliest)]!);
    }
    for (const each of here) each.period = each.samples.at(-1)!;
  }

  #endAbove(watched: Watched, limit: number, forNs: bigint, since: Sample, costs: HitCosts): void {
    const last = watched.samples.at(-1)!;
    if (last.atNs - since.atNs >= forNs && shareSince(since, last) > Math.max(limit, this.#limit))
      this.#end(watched, since, costs);
  }

  /** `others`: what other tracepoints of the process cost. */
  #end(watched: Watched, since: Sample, costs: HitCosts, others = 0): void {
    this.#watched.delete(watched);
    const { deployment, samples } = watched;
    const last = samples.at(-1)!;
    const calls = Math.max(1, last.hits - since.hits);
    const perCallNs = (last.costNs - since.costNs) / calls;
    const seconds = Number(last.atNs - since.atNs) / 1e9;
    const limit = this.#limit;
    const beside = others < leastTold ? '' : `, and other tracepoints of this process cost ${percent(others)}`;
    const room = beside === '' ? limit : limit - others;
    // Of the calls that there have ever been: functions of one probe differ.
    const entryNs =
      deployment.entryCost(costs.emulatedNs + programNs, costs.steppedNs + programNs) / Math.max(1, last.hits);
    const rate = calls / seconds;
    const fits = room > 0 ? [`${Math.floor((room * 1e9) / perCallNs)} such calls a second`] : ['nothing'];
    if ((entryNs * rate) / 1e9 < room && entryNs < 0.9 * perCallNs)
      fits.unshift('arguments alone, without results, outcome and latency,');
    void deployment.fail(
      'FAILED',
      `taken off because it cost too much: ${Math.round(rate)} calls a second, ${microseconds(perCallNs)} each, are ${percent(shareSince(since, last))} of one CPU${beside} (budget ${percent(limit)}). ` +
        `What would fit${beside === '' ? '' : ' beside them'}: ${fits.join(' or ')}; fewer are had by tracing a function that is called less often, not by sampling. --no-budget, or no_budget=True of UpsertTracepoint, insists`,
    );
  }
}

interface HitCosts {
  readonly emulatedNs: number;
  readonly steppedNs: number;
}

function pidOf({ deployment }: Watched): string {
  return `${deployment.upid.pid}:${deployment.upid.startTicks}`;
}

function shareSince(since: Sample, last: Sample): number {
  const elapsed = Number(last.atNs - since.atNs);
  return elapsed === 0 ? 0 : (last.costNs - since.costNs) / elapsed;
}

/** `5 %`, `0.3 %` */
export function percent(share: number): string {
  const value = share * 100;
  return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} %`;
}

function microseconds(ns: number): string {
  return `${(ns / 1000).toFixed(1)} µs`;
}
