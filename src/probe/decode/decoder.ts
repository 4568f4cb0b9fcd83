import { BugError } from '#base';
import {
  type EventKind,
  eventKinds,
  header,
  headerFlags,
  headerSize,
  type Relation,
  type RowBatch,
  type Upid,
} from '#model';
import type { ProbePlan } from '../types.ts';
import { CallPool, isOtherGoroutine, type OpenCall } from './call.ts';
import { Drops } from './drops.ts';
import {
  doubtful,
  type Ending,
  endless,
  exited,
  goexit,
  goroutineGone,
  neverReturned,
  noGoroutine,
  panicked,
  replaced,
  returned,
  running,
  tail,
  tooMany,
} from './ending.ts';
import { causeOf, OpenCalls, type Target } from './open-calls.ts';
import { Panics } from './panics.ts';
import type { RecordBytes } from './record.ts';
import { RowWriter, rowTarget } from './row.ts';
import { type RunningCall, runningCall } from './running.ts';
import type { BinaryServices } from './target.ts';
import { CallTree, type TreePlace } from './tree.ts';

export interface DecoderOptions {
  /** The table's: what `compileTarget` gave. */
  readonly relation: Relation;
  /** The control map's value, read now (or its live mapping). Tells a dropped return from a call that never returned. */
  readonly counters?: () => BigUint64Array;
  /** Told of every call of a probe whose condition could not be decided. */
  readonly undecided?: (probe: number) => void;
  /** Most calls that may be open at once; beyond, a call is lost ("too many open calls"). Default 65,536. */
  readonly maxOpenCalls?: number;
  /** Most bytes of entry records kept for open calls. Default 64 MiB. */
  readonly maxOpenBytes?: number;
}

/** Counts since the decoder was made. */
export interface DecoderStats {
  /** Records taken. */
  events: number;
  rows: number;
  /** Rows of calls that ended as lost. */
  lost: number;
  /** Returns of calls that had begun before the tracepoint was armed: no row. */
  beganBefore: number;
  /** Returns without an entry while entry events were being dropped, or without a known goroutine: no row. */
  unmatched: number;
  /** Calls whose condition could not be decided: no row. */
  undecided: number;
  /** Records that are none of ours: a bug, or a target that was taken away. */
  foreign: number;
}

/**
 * Makes rows of the records of one tracepoint. Records are handed in in the ring's order; a return is matched to its
 * entry by the goroutine's stack discipline (FACTS, rule 20): every call ends exactly once. Times that are handed in are CLOCK_MONOTONIC nanoseconds.
 */
export class EventDecoder {
  readonly stats: DecoderStats = {
    events: 0,
    rows: 0,
    lost: 0,
    beganBefore: 0,
    unmatched: 0,
    undecided: 0,
    foreign: 0,
  };
  readonly #relation: Relation;
  readonly #rows: RowWriter;
  readonly #pool = new CallPool();
  readonly #targets = new Map<number, Target>();
  readonly #drops: Drops;
  readonly #open = new OpenCalls((target, call, now, ending) => this.#end(target, call, now, ending));
  readonly #undecided: (probe: number) => void;
  readonly #tree = new CallTree();
  readonly #maxCalls: number;
  readonly #maxBytes: number;
  /** Calls that were not kept: their returns will have no entry. */
  #refused = 0;
  /** The record under way, for `RecordBytes`. */
  readonly #record: { bytes: Uint8Array; view: DataView; offset: number };

  constructor(options: DecoderOptions) {
    this.#relation = options.relation;
    this.#rows = new RowWriter(options.relation.columns);
    this.#drops = new Drops(options.counters ?? (() => undefined));
    this.#undecided = options.undecided ?? (() => {});
    this.#maxCalls = options.maxOpenCalls ?? 65_536;
    this.#maxBytes = options.maxOpenBytes ?? 64 << 20;
    const none = new Uint8Array(0);
    this.#record = { bytes: none, view: new DataView(none.buffer), offset: 0 };
  }

  /** Events of target `index` are taken from now on. A target that is there already gets the plans of its new image (after `execed`). `services`: what values are named by. */
  addTarget(index: number, upid: Upid, plans: readonly ProbePlan[], services?: BinaryServices): void {
    const columns = this.#relation.columns.length;
    for (const plan of plans) {
      if (plan.columns.length + 3 !== columns)
        throw new BugError(`the plan of ${plan.function} has other columns than the table`);
    }
    const calls = this.#targets.get(index)?.calls ?? new Map<number, OpenCall>();
    const panic = plans.find((plan) => typeof plan.panic === 'object')?.panic;
    const panics = typeof panic === 'object' ? new Panics(panic) : undefined;
    this.#targets.set(index, { index, plans, calls, panics, ...rowTarget(upid, services) });
  }

  /** To be called before each drain of the ring: REALTIME − MONOTONIC in nanoseconds, for the rows to come. */
  setClock(offsetNs: bigint): void {
    this.#rows.clockOffset = offsetNs;
    this.#drops.note();
  }

  /** Rows that wait for `takeRows`. */
  get waitingRows(): number {
    return this.#rows.rows;
  }

  /** The rows since the last time, in the order in which their calls ended. */
  takeRows(): RowBatch {
    return this.#rows.finish();
  }

  get openCalls(): number {
    return this.#open.count;
  }

  /** One record of the ring. Nothing of `bytes` is kept. */
  record(bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    this.stats.events++;
    const target = length < headerSize ? undefined : this.#targets.get(view.getUint32(offset + header.target, true));
    if (target === undefined) {
      this.stats.foreign++;
      return;
    }
    const kind = view.getUint16(offset + header.kind, true) as EventKind;
    const probe = view.getUint16(offset + header.probe, true);
    const { flags: flagsAt, g: gAt } = header;
    const known = (view.getUint32(offset + flagsAt, true) & headerFlags.g) !== 0;
    // User-space addresses are below 2^53.
    const g = view.getUint32(offset + gAt + 4, true) * 0x1_0000_0000 + view.getUint32(offset + gAt, true);
    const record = this.#record;
    record.bytes = bytes;
    record.view = view;
    record.offset = offset;
    switch (kind) {
      case eventKinds.entry: {
        const plan = target.plans[probe];
        if (plan?.entry === undefined || length < plan.entry.size) this.stats.foreign++;
        else this.#entry(target, plan, probe, known, g);
        break;
      }
      case eventKinds.return:
      case eventKinds.tail: {
        const plan = target.plans[probe];
        const size = kind === eventKinds.tail ? headerSize : plan?.return?.size;
        if (plan === undefined || size === undefined || length < size) this.stats.foreign++;
        else this.#return(target, plan, probe, known, g, kind === eventKinds.tail);
        break;
      }
      case eventKinds.recovery:
        if (known) this.#recovered(target, g, this.#depth());
        break;
      case eventKinds.goexit:
        if (known) this.#unwind(target, g, -1, goexit);
        break;
      case eventKinds.panic:
        if (length < (target.panics?.recordBytes ?? 0)) this.stats.foreign++;
        else if (known) this.#panic(target, g);
        break;
      default:
        this.stats.foreign++;
    }
  }

  /** The process has ended (drain the ring first): its open calls end as exited. Its events are not taken any more. */
  targetEnded(index: number, now: bigint): void {
    this.#closeAll(index, now, exited);
    this.#targets.delete(index);
  }

  /** The process is another program now: what was open is not any more. */
  execed(index: number, now: bigint): void {
    this.#closeAll(index, now, replaced);
  }

  /** The tracepoint ends: open calls get a row with outcome `running`. */
  closeRunning(now: bigint): void {
    for (const index of this.#targets.keys()) this.#closeAll(index, now, running);
  }

  /** The calls that run now, longest first. */
  open(now: bigint): RunningCall[] {
    const found: RunningCall[] = [];
    for (const target of this.#targets.values()) {
      for (const top of target.calls.values()) {
        for (let call: OpenCall | undefined = top; call !== undefined; call = call.below) {
          const drop = this.#drops.since(call, target.plans.length);
          found.push(runningCall(target, call, now, drop, this.#rows.clockOffset));
        }
      }
    }
    return found.sort((a, b) => (a.since < b.since ? -1 : a.since > b.since ? 1 : 0));
  }

  #entry(target: Target, plan: ProbePlan, probe: number, known: boolean, g: number): void {
    const record = this.#record;
    if (plan.rowAtEntry) {
      if (plan.tree !== undefined && known) this.#closeOtherGoroutine(target, g);
      this.#row(target, plan, record, undefined, this.#ktime(), plan.endless === true ? endless : returned);
      return;
    }
    if (!known) {
      this.#refused++;
      this.#row(target, plan, record, undefined, this.#ktime(), noGoroutine);
      return;
    }
    const depth = this.#depth();
    this.#closeOtherGoroutine(target, g);
    this.#open.closeDeeper(target, g, depth, this.#ktime());
    if (plan.nested === true) this.#open.closeSame(target, g, depth, probe, this.#ktime());
    else this.#open.closeAtDepth(target, g, depth, probe, this.#ktime());
    const size = plan.entry!.size;
    if (this.#open.count >= this.#maxCalls || this.#open.bytes + size > this.#maxBytes) {
      this.#refused++;
      this.#row(target, plan, record, undefined, this.#ktime(), tooMany);
      return;
    }
    const call = this.#pool.take(record.bytes, record.view, record.offset, size);
    call.unwindDrops = this.#drops.unwindsBefore(target.plans.length);
    if (plan.tree !== undefined)
      call.place = this.#tree.enter(this.#open.around(target, g, depth, plan), this.#lost(plan, record), this.#ktime());
    this.#open.push(target, g, call);
  }

  #return(target: Target, plan: ProbePlan, probe: number, known: boolean, g: number, isTail: boolean): void {
    const record = this.#record;
    const exit = isTail ? undefined : record;
    const ending = isTail ? tail : returned;
    if (plan.entry === undefined) {
      this.#row(target, plan, undefined, exit, this.#ktime(), ending);
      return;
    }
    if (!known) {
      this.stats.unmatched++;
      return;
    }
    const depth = this.#depth();
    this.#closeOtherGoroutine(target, g);
    this.#open.closeDeeper(target, g, depth, this.#ktime());
    // At this depth are this call, the same call for other probes of its function, and calls whose return was not seen.
    let above: OpenCall | undefined;
    let call = plan.nested !== true || this.#open.isOpen(target, g, depth, probe) ? target.calls.get(g) : undefined;
    while (call !== undefined && call.depth === depth) {
      const { below } = call;
      if (call.probe === probe) {
        this.#open.unlink(target, g, call, above);
        if (this.#drops.isDoubtful(call, record, target.plans.length))
          this.#row(target, plan, call, undefined, this.#ktime(), doubtful);
        else this.#row(target, plan, call, exit, this.#ktime(), ending);
        this.#give(call);
        return;
      }
      if (target.plans[call.probe]!.function === plan.function) above = call;
      else {
        this.#open.unlink(target, g, call, above);
        this.#end(target, call, this.#ktime());
      }
      call = below;
    }
    if (this.#drops.entries(probe) > 0n || this.#refused > 0) this.stats.unmatched++;
    else this.stats.beganBefore++;
  }

  /** Events that had been lost at the one that the record is of. */
  #lost(plan: ProbePlan, entry: RecordBytes | undefined, exit?: RecordBytes): number {
    const [record, layout, slot] =
      exit === undefined ? [entry, plan.entry, plan.tree!.entry] : [exit, plan.return, plan.tree!.return];
    const at = layout?.slots[slot]?.offset;
    if (record === undefined || at === undefined) throw new BugError('a place in a tree without a count of drops');
    return record.view.getUint32(record.offset + at, true) + this.#refused;
  }

  /** Where the row's call is in the tree; `entry` is an open call but where it was never one. */
  #placeOf(
    target: Target,
    plan: ProbePlan,
    entry: OpenCall | RecordBytes | undefined,
    exit: RecordBytes | undefined,
    end: bigint,
    ending: Ending,
  ): TreePlace | undefined {
    if (plan.tree === undefined || entry === undefined) return undefined;
    if ('place' in entry && entry.place !== undefined) {
      const lost =
        exit === undefined ? this.#drops.all(target.plans.length) + this.#refused : this.#lost(plan, undefined, exit);
      return this.#tree.leave(entry, entry.place, ending, end, lost);
    }
    const { view, offset } = entry;
    const known = (view.getUint32(offset + header.flags, true) & headerFlags.g) !== 0;
    const g = view.getUint32(offset + header.g + 4, true) * 0x1_0000_0000 + view.getUint32(offset + header.g, true);
    const around = known ? this.#open.around(target, g, view.getUint32(offset + header.depth, true), plan) : undefined;
    const place = this.#tree.enter(around, this.#lost(plan, entry), end);
    if (around?.place?.unknown === '') around.place.unknown = `of a call in it no time is known: ${ending.reason}`;
    const doubt = known ? place.doubt : ending.reason;
    return { id: place.id, parent: place.parentId, doubt, own: ending.reason };
  }

  #unwind(target: Target, g: number, depth: number, ending: Ending): void {
    this.#closeOtherGoroutine(target, g);
    this.#open.closeDeeper(target, g, depth, this.#ktime(), ending);
    target.panics?.reached(g, depth);
  }

  /** Calls deeper than `depth` are unwound, and the copies that are inlined into the function that goes on: it is about to return. */
  #recovered(target: Target, g: number, depth: number): void {
    this.#closeOtherGoroutine(target, g);
    const now = this.#ktime();
    this.#open.closeDeeper(target, g, depth, now, panicked);
    // On arm64 the event's depth is a word less than that of the stack pointer.
    const inFrame = ({ probe, depth: own }: OpenCall) => {
      const { frameBytes } = target.plans[probe]!;
      return frameBytes !== undefined && (own + frameBytes === depth || own + frameBytes === depth + 8);
    };
    for (let call = target.calls.get(g); call !== undefined && inFrame(call); ) {
      const { below } = call;
      this.#open.unlink(target, g, call, undefined);
      this.#end(target, call, now, causeOf(target, g, call, panicked));
      call = below;
    }
    target.panics?.reached(g, depth);
  }

  #panic(target: Target, g: number): void {
    this.#closeOtherGoroutine(target, g);
    const calls = target.calls.get(g);
    if (calls !== undefined) target.panics?.begin(g, this.#depth(), this.#record, calls);
  }

  /** An event of another goid on this `g`: the goroutine that its open calls belonged to is gone. */
  #closeOtherGoroutine(target: Target, g: number): void {
    const top = target.calls.get(g);
    if (top === undefined) return;
    const { view, offset } = this.#record;
    const flags = view.getUint32(offset + header.flags, true);
    const low = view.getUint32(offset + header.goid, true);
    const high = view.getUint32(offset + header.goid + 4, true);
    if (isOtherGoroutine(top, flags, low, high)) this.#open.closeDeeper(target, g, -1, this.#ktime(), goroutineGone);
    if (target.calls.get(g) === undefined) target.panics?.reached(g, -1);
  }

  #closeAll(index: number, now: bigint, ending: Ending): void {
    const target = this.#targets.get(index);
    if (target === undefined) return;
    for (const g of [...target.calls.keys()]) this.#open.closeDeeper(target, g, -1, now, ending);
  }

  /**
   * The row of a call that ended without its return event; `call` is unlinked already and free afterwards. Where an event
   * that would have ended it earlier was dropped, it is lost, whatever `ending` says.
   */
  #end(target: Target, call: OpenCall, now: bigint, ending: Ending = neverReturned): void {
    const told = this.#drops.since(call, target.plans.length) ?? ending;
    this.#row(target, target.plans[call.probe]!, call, undefined, now, told);
    this.#give(call);
  }

  #row(
    target: Target,
    plan: ProbePlan,
    entry: OpenCall | RecordBytes | undefined,
    exit: RecordBytes | undefined,
    end: bigint,
    ending: Ending,
  ): void {
    const place = this.#placeOf(target, plan, entry, exit, end, ending);
    const written = this.#rows.write(target, plan, entry ?? this.#record, entry, exit, end, ending, place);
    if (written !== 'written') {
      if (written === 'undecided') {
        this.stats.undecided++;
        this.#undecided(target.plans.indexOf(plan));
      }
      return;
    }
    this.stats.rows++;
    if (ending.outcome === 'lost') this.stats.lost++;
  }

  #give(call: OpenCall): void {
    this.#pool.give(call);
  }

  #depth(): number {
    return this.#record.view.getUint32(this.#record.offset + header.depth, true);
  }

  #ktime(): bigint {
    return this.#record.view.getBigInt64(this.#record.offset + header.ktime, true);
  }
}
