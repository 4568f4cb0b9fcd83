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
import { allDropsOffset, controlOffset, unwindDropsOffset } from '../emit/index.ts';
import type { ProbePlan } from '../types.ts';
import { CallPool, isOtherGoroutine, type OpenCall } from './call.ts';
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
  returnDropped,
  returned,
  running,
  tail,
  tooMany,
  unknownPanic,
  unwindDropped,
} from './ending.ts';
import { Notes } from './notes.ts';
import { Panics } from './panics.ts';
import type { RecordBytes } from './record.ts';
import { type RowTarget, RowWriter, rowTarget } from './row.ts';
import type { BinaryServices } from './target.ts';
import { CallTree, type TreePlace } from './tree.ts';
import { json } from './value.ts';

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

/** A call that runs now. */
export interface RunningCall {
  readonly target: number;
  readonly upid: Upid;
  readonly function: string;
  /** Its place in the tree of calls, where that was asked for. */
  readonly id: bigint | undefined;
  readonly parentId: bigint | undefined;
  /** Undefined when it is not known. */
  readonly goid: bigint | undefined;
  /** Wall clock, nanoseconds since 1970. */
  readonly since: bigint;
  /** How long it has been running, nanoseconds. */
  readonly runningNs: bigint;
  /** The columns that are captured at the entry, by name: a JSON object text. */
  readonly captured: string;
  /** As a row's. */
  readonly notes: string | null;
}

interface Target extends RowTarget {
  readonly index: number;
  readonly plans: readonly ProbePlan[];
  /** `g` → its deepest open call. */
  readonly calls: Map<number, OpenCall>;
  /** Undefined: nobody wants to know. */
  readonly panics: Panics | undefined;
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
  readonly #readCounters: () => BigUint64Array | undefined;
  readonly #undecided: (probe: number) => void;
  readonly #tree = new CallTree();
  readonly #maxCalls: number;
  readonly #maxBytes: number;
  /** As of the last `setClock`. */
  #counters: BigUint64Array | undefined;
  #open = 0;
  #openBytes = 0;
  /** Calls that were not kept: their returns will have no entry. */
  #refused = 0;
  /** The record under way, for `RecordBytes`. */
  readonly #record: { bytes: Uint8Array; view: DataView; offset: number };

  constructor(options: DecoderOptions) {
    this.#relation = options.relation;
    this.#rows = new RowWriter(options.relation.columns);
    this.#readCounters = options.counters ?? (() => undefined);
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
    this.#counters = this.#readCounters()?.slice();
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
    return this.#open;
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
          found.push(this.#describe(target, call, now));
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
    this.#closeDeeper(target, g, depth, this.#ktime());
    if (plan.nested === true) this.#closeSame(target, g, depth, probe);
    else this.#closeAtDepth(target, g, depth, probe, plan.function);
    const size = plan.entry!.size;
    if (this.#open >= this.#maxCalls || this.#openBytes + size > this.#maxBytes) {
      this.#refused++;
      this.#row(target, plan, record, undefined, this.#ktime(), tooMany);
      return;
    }
    const call = this.#pool.take(record.bytes, record.view, record.offset, size);
    call.unwindDrops = this.#counter(this.#counters, unwindDropsOffset(target.plans.length));
    call.below = target.calls.get(g);
    if (plan.tree !== undefined)
      call.place = this.#tree.enter(this.#around(target, g, depth, plan), this.#lost(plan, record), this.#ktime());
    target.calls.set(g, call);
    this.#open++;
    this.#openBytes += size;
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
    this.#closeDeeper(target, g, depth, this.#ktime());
    // At this depth are this call, the same call for other probes of its function, and calls whose return was not seen.
    let above: OpenCall | undefined;
    let call = plan.nested !== true || this.#isOpen(target, g, depth, probe) ? target.calls.get(g) : undefined;
    while (call !== undefined && call.depth === depth) {
      const { below } = call;
      if (call.probe === probe) {
        this.#unlink(target, g, call, above);
        if (this.#isDoubtful(target, call)) this.#row(target, plan, call, undefined, this.#ktime(), doubtful);
        else this.#row(target, plan, call, exit, this.#ktime(), ending);
        this.#give(call);
        return;
      }
      if (target.plans[call.probe]!.function === plan.function) above = call;
      else {
        this.#unlink(target, g, call, above);
        this.#end(target, call, this.#ktime());
      }
      call = below;
    }
    const counters = this.#readCounters();
    const drops = this.#counter(counters, controlOffset(probe, 'entryDrops'));
    if (drops > 0n || this.#refused > 0) this.stats.unmatched++;
    else this.stats.beganBefore++;
  }

  /** The innermost open call that a call at `depth` began in: not the same call as another probe of its function sees it. */
  #around(target: Target, g: number, depth: number, plan: ProbePlan): OpenCall | undefined {
    let call = target.calls.get(g);
    const same = (open: OpenCall) =>
      open.depth > depth ||
      (open.depth === depth && plan.nested !== true && target.plans[open.probe]!.function === plan.function);
    while (call !== undefined && same(call)) call = call.below;
    return call;
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
        exit === undefined
          ? Number(this.#counter(this.#readCounters(), allDropsOffset(target.plans.length))) + this.#refused
          : this.#lost(plan, undefined, exit);
      return this.#tree.leave(entry, entry.place, ending, end, lost);
    }
    const { view, offset } = entry;
    const known = (view.getUint32(offset + header.flags, true) & headerFlags.g) !== 0;
    const g = view.getUint32(offset + header.g + 4, true) * 0x1_0000_0000 + view.getUint32(offset + header.g, true);
    const around = known ? this.#around(target, g, view.getUint32(offset + header.depth, true), plan) : undefined;
    const place = this.#tree.enter(around, this.#lost(plan, entry), end);
    if (around?.place?.unknown === '') around.place.unknown = `of a call in it no time is known: ${ending.reason}`;
    const doubt = known ? place.doubt : ending.reason;
    return { id: place.id, parent: place.parentId, doubt, own: ending.reason };
  }

  #unwind(target: Target, g: number, depth: number, ending: Ending): void {
    this.#closeOtherGoroutine(target, g);
    this.#closeDeeper(target, g, depth, this.#ktime(), ending);
    target.panics?.reached(g, depth);
  }

  /** Calls deeper than `depth` are unwound, and the copies that are inlined into the function that goes on: it is about to return. */
  #recovered(target: Target, g: number, depth: number): void {
    this.#closeOtherGoroutine(target, g);
    const now = this.#ktime();
    this.#closeDeeper(target, g, depth, now, panicked);
    // On arm64 the event's depth is a word less than that of the stack pointer.
    const inFrame = ({ probe, depth: own }: OpenCall) => {
      const { frameBytes } = target.plans[probe]!;
      return frameBytes !== undefined && (own + frameBytes === depth || own + frameBytes === depth + 8);
    };
    for (let call = target.calls.get(g); call !== undefined && inFrame(call); ) {
      const { below } = call;
      this.#unlink(target, g, call, undefined);
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
    if (isOtherGoroutine(top, flags, low, high)) this.#closeDeeper(target, g, -1, this.#ktime(), goroutineGone);
    if (target.calls.get(g) === undefined) target.panics?.reached(g, -1);
  }

  /** Ends the open calls of `g` that are deeper than `depth`, deepest first. */
  #closeDeeper(target: Target, g: number, depth: number, now: bigint, ending?: Ending): void {
    if (ending === undefined && target.panics?.some) target.panics.reached(g, depth);
    for (let call = target.calls.get(g); call !== undefined && call.depth > depth; ) {
      const { below } = call;
      this.#unlink(target, g, call, undefined);
      this.#end(target, call, now, ending && causeOf(target, g, call, ending));
      call = below;
    }
  }

  /** A call enters at `depth`: what was open there is over, but for the same call as other probes of its function see it. */
  #closeAtDepth(target: Target, g: number, depth: number, probe: number, fn: string): void {
    const top = target.calls.get(g);
    let again = false;
    for (let call = top; call !== undefined && call.depth === depth; call = call.below) {
      if (call.probe === probe || target.plans[call.probe]!.function !== fn) again = true;
    }
    if (again) this.#closeDeeper(target, g, depth - 1, this.#ktime());
  }

  /** An inlined copy begins in the frame at `depth`: only a call of the same copy that is open there is over, and what began after it. */
  #closeSame(target: Target, g: number, depth: number, probe: number): void {
    if (!this.#isOpen(target, g, depth, probe)) return;
    for (let call = target.calls.get(g); call !== undefined; ) {
      const { below } = call;
      const last = call.probe === probe;
      this.#unlink(target, g, call, undefined);
      this.#end(target, call, this.#ktime());
      if (last) return;
      call = below;
    }
  }

  #isOpen(target: Target, g: number, depth: number, probe: number): boolean {
    for (let call = target.calls.get(g); call !== undefined && call.depth === depth; call = call.below)
      if (call.probe === probe) return true;
    return false;
  }

  #closeAll(index: number, now: bigint, ending: Ending): void {
    const target = this.#targets.get(index);
    if (target === undefined) return;
    for (const g of [...target.calls.keys()]) this.#closeDeeper(target, g, -1, now, ending);
  }

  /** Takes a call out of its goroutine's chain; `above` is the call that it hangs on. */
  #unlink(target: Target, g: number, call: OpenCall, above: OpenCall | undefined): void {
    if (above !== undefined) above.below = call.below;
    else if (call.below !== undefined) target.calls.set(g, call.below);
    else target.calls.delete(g);
    this.#open--;
    this.#openBytes -= call.bytes.length;
  }

  /**
   * The row of a call that ended without its return event; `call` is unlinked already and free afterwards. Where an event
   * that would have ended it earlier was dropped, it is lost, whatever `ending` says.
   */
  #end(target: Target, call: OpenCall, now: bigint, ending: Ending = neverReturned): void {
    const told = this.#drop(target, call) ?? ending;
    this.#row(target, target.plans[call.probe]!, call, undefined, now, told);
    this.#give(call);
  }

  /**
   * May the return under way be that of a later call at the same place? Then the end of this one was dropped, and the
   * entry of that one too.
   */
  #isDoubtful(target: Target, call: OpenCall): boolean {
    const { view, offset } = this.#record;
    if (view.getUint32(offset + header.entryDrops, true) === call.entryDrops) return false;
    if (view.getUint32(offset + header.returnDrops, true) !== call.returnDrops) return true;
    return this.#counter(this.#readCounters(), unwindDropsOffset(target.plans.length)) > call.unwindDrops;
  }

  /** The drop that may have hidden how a call ended; undefined: there was none since it entered. */
  #drop(target: Target, call: OpenCall): Ending | undefined {
    const counters = this.#readCounters();
    const drops = this.#counter(counters, controlOffset(call.probe, 'returnDrops'));
    if (counters !== undefined && Number(drops & 0xffff_ffffn) !== call.returnDrops) return returnDropped;
    if (this.#counter(counters, unwindDropsOffset(target.plans.length)) > call.unwindDrops) return unwindDropped;
    return undefined;
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

  #describe(target: Target, call: OpenCall, now: bigint): RunningCall {
    const plan = target.plans[call.probe]!;
    const notes = new Notes();
    const fields: string[] = [];
    const context = { layout: plan.entry!, graph: plan.graph, target: target.context };
    for (const { column, source } of plan.columns) {
      if (source.kind !== 'entry') continue;
      fields.push(`${JSON.stringify(column.name)}:${json(source.shape, context, call, column.name, notes)}`);
    }
    const drop = this.#drop(target, call);
    if (drop !== undefined) notes.add('outcome', `it may have ended: ${drop.reason}`);
    const ktime = call.view.getBigInt64(header.ktime, true);
    return {
      target: target.index,
      upid: target.upid,
      function: plan.function,
      id: call.place?.id,
      parentId: call.place?.parentId,
      goid: (call.flags & headerFlags.goid) === 0 ? undefined : call.view.getBigInt64(header.goid, true),
      since: ktime + this.#rows.clockOffset,
      runningNs: now - ktime,
      captured: `{${fields.join(',')}}`,
      notes: notes.take(),
    };
  }

  #depth(): number {
    return this.#record.view.getUint32(this.#record.offset + header.depth, true);
  }

  #ktime(): bigint {
    return this.#record.view.getBigInt64(this.#record.offset + header.ktime, true);
  }

  #counter(counters: BigUint64Array | undefined, byteOffset: number): bigint {
    return counters?.[byteOffset / 8] ?? 0n;
  }
}

/** The ending with what the call was left with. */
function causeOf(target: Target, g: number, call: OpenCall, ending: Ending): Ending {
  if (target.panics === undefined || (ending !== panicked && ending !== exited)) return ending;
  const panic = target.panics.of(g, call) ?? (ending === panicked ? unknownPanic : undefined);
  return { ...ending, panic };
}
