import { type BpfMap, type BpfProgram, runTimeNs, type UprobeAttachment } from '#bpf';
import { control, gates, waitedNsOffset } from '#probe';
import type { Sys } from '#sys';
import { type CallTraps, callCosts } from './estimate.ts';
import type { OpenCall } from './reader/messages.ts';
import type { Reader } from './reader/reader.ts';

/** How long calls that are running may take to end when the probes come off. */
const drainMs = 100;

interface ArmedParts {
  readonly id: number;
  readonly reader: Reader;
  /** The probed functions, as the linker has them. */
  readonly functions: readonly string[];
  readonly skipped: readonly string[];
  readonly warnings: readonly string[];
  /** One a probe. */
  readonly traps: readonly CallTraps[];
  readonly controls: BpfMap;
  readonly attachments: readonly UprobeAttachment[];
  readonly measured: { readonly sys: Sys; readonly loaded: readonly BpfProgram[] };
  /** Maps, programs, the executable's descriptor, and the note of where our breakpoints are. */
  readonly release: DisposableStack;
}

/** Probes in one image of one process, taking events. */
export class Armed {
  readonly warnings: readonly string[];
  readonly #parts: ArmedParts;
  /** The control map's words; after closing, a copy. */
  #words: BigUint64Array;
  #closing: Promise<void> | undefined;
  /** The calls that ran when the last event had been read. */
  #left: readonly OpenCall[] = [];

  constructor(parts: ArmedParts) {
    this.#parts = parts;
    this.#words = parts.controls.words;
    this.warnings = parts.warnings;
  }

  get skipped(): readonly string[] {
    return this.#parts.skipped;
  }

  /** The probed functions, as the linker has them. */
  get functions(): readonly string[] {
    return this.#parts.functions;
  }

  get hits(): number {
    return this.#sum(control.hits);
  }

  /** Of the hits, those that were not kept. */
  get notKept(): number {
    return this.#sum(control.skipped);
  }

  get drops(): number {
    return this.#sum(control.entryDrops) + this.#sum(control.returnDrops);
  }

  /** Calls for which the condition could not be decided. */
  get undecided(): number {
    return this.#sum(control.undecided);
  }

  /** Nanoseconds that the hits so far have cost, every call counted with its return; waiting for float registers and pages as it was measured. */
  cost(emulatedNs: number, steppedNs: number): number {
    return this.#costOf(callCosts(this.#parts.traps, emulatedNs, steppedNs)) + this.waitedNs;
  }

  /** The same without returns. */
  entryCost(emulatedNs: number, steppedNs: number): number {
    const entries = this.#parts.traps.map(({ entry }) => ({ entry, exit: undefined }));
    return this.#costOf(callCosts(entries, emulatedNs, steppedNs));
  }

  /** Nanoseconds that hits waited for float registers or pages. */
  get waitedNs(): number {
    return Number(Atomics.load(this.#words, waitedNsOffset(this.#parts.traps.length) / 8));
  }

  /** Nanoseconds that the programs have run while that was measured (`openRunTimeStats`), waiting included. */
  runNs(): number {
    const { sys, loaded } = this.#parts.measured;
    return this.#closing ? 0 : loaded.reduce((sum, program) => sum + runTimeNs(sys, program), 0);
  }

  #costOf(costs: readonly number[]): number {
    return costs.reduce((total, cost, probe) => total + this.#count(probe, control.hits) * cost, 0);
  }

  flush(): Promise<void> {
    return this.#parts.reader.flush(this.#parts.id);
  }

  /** The calls that run now; once closed, those that ran at the end. */
  async running(): Promise<readonly OpenCall[]> {
    if (this.#closing === undefined) return this.#parts.reader.running(this.#parts.id);
    await this.#closing;
    return this.#left;
  }

  /** Calls that begin from now on are not seen. */
  shut(): void {
    Atomics.store(this.#words, control.gate, BigInt(gates.shut));
  }

  /** Calls that begin from now on are not seen; those that run have a little time to end. */
  async drain(): Promise<void> {
    this.shut();
    for (let waited = 0; waited < drainMs; waited += 10) {
      if ((await this.running()).length === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** The process has ended, or replaced itself by exec (then: when, CLOCK_MONOTONIC): its open calls are over. */
  exited(replacedNs?: bigint): Promise<void> {
    return this.#parts.reader.exited(this.#parts.id, replacedNs);
  }

  /** Takes everything off and delivers what is left. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { attachments, reader, id, release } = this.#parts;
    Atomics.store(this.#words, control.gate, BigInt(gates.shut));
    await Promise.all(attachments.map((attachment) => attachment.closeInBackground()));
    this.#left = await reader.close(id);
    this.#words = this.#words.slice();
    release.dispose();
  }

  #sum(word: number): number {
    return this.#parts.traps.reduce((total, _, probe) => total + this.#count(probe, word), 0);
  }

  #count(probe: number, word: number): number {
    return Number(Atomics.load(this.#words, 1 + control.wordsPerProbe * probe + word));
  }
}
