import { address } from '#base';
import {
  type AttachSite,
  attachUprobes,
  type BpfMap,
  kernelFeatures,
  loadProgram,
  makeMap,
  type OnRecord,
  openRingBuffer,
} from '#bpf';
import type { GoBinary } from '#gobin';
import type { LogicalProbe, LogicalTracepoint } from '#model';
import {
  compileTarget,
  control,
  controlOffset,
  EventDecoder,
  type FloatState,
  mapNames,
  type ProbePlan,
  type ProcessFilter,
  type Redaction,
} from '#probe';
import { Fd, openSys } from '#sys';
import { FilledMaps } from '../../src/agent/filled-maps.ts';
import { executableOf } from '../../src/agent/process-executable.ts';
import { loadBias } from '../../src/agent/stacks.ts';
import { instructionText } from './go-binary.ts';
import { rowsOf, type TestRow } from './rows.ts';

/** A tracepoint on a live process: without agent, store and API. */
export interface Tracer {
  readonly decoder: EventDecoder;
  /** The control map's words, live. */
  readonly words: BigUint64Array;
  readonly plans: readonly ProbePlan[];
  /** Rows since the last call. */
  rows(): TestRow[];
  /** Hands over the records themselves instead: then there are no rows of them. */
  records(onRecord: OnRecord): void;
  close(): void;
}

export interface TracerOptions {
  /** Load and attach for uprobe_multi, or by perf events. */
  readonly multi: boolean;
  /** Default: the process by its pid in the host's namespace. */
  readonly filter?: ProcessFilter;
  /** Default: where the kernel has it. */
  readonly mayGoto?: boolean;
  /** Default: what the tracepoint needs. */
  readonly ringBytes?: number;
  /** Default: nothing is hidden. */
  readonly redaction?: Redaction;
  readonly waitForPages?: true;
  /** How float registers are read; default: they are not. */
  readonly floats?: { readonly state: FloatState; readonly kicks: BpfMap };
}

/** Compiles, loads, attaches, opens the gate. Throws what is wrong. */
export function trace(pid: number, binary: GoBinary, probes: readonly LogicalProbe[], options: TracerOptions): Tracer {
  const upid = { agentId: 1, pid, startTicks: 5n };
  const logical: LogicalTracepoint = {
    name: 't',
    table: 't',
    target: { kind: 'upid', upid },
    ttlNs: 1n,
    probes,
    ...(options.waitForPages === true ? { waitForPages: true } : {}),
  };
  const sys = openSys();
  using image = executableOf(pid);
  const bias = loadBias(sys, pid, image, binary) ?? 0;
  const found = compileTarget(logical, binary, {
    bias,
    filter: options.filter ?? { tgid: pid },
    features: {
      attachCookie: true,
      mayGoto: options.mayGoto ?? kernelFeatures(sys).mayGoto.present,
      sleepable: options.waitForPages === true,
    },
    floats: () => options.floats?.state ?? 'not asked for',
    targetIndex: 0,
    ...(options.redaction === undefined ? {} : { redaction: options.redaction }),
    instructionText,
  });
  if (!found.ok) throw new Error(JSON.stringify(found.diagnostics));
  const { compiled, relation, maps } = found.value;
  const cleanup: (() => void)[] = [];
  const close = () => {
    for (const each of cleanup.splice(0).reverse()) each();
  };
  try {
    const ring = makeMap(sys, { ...maps.ring, maxEntries: options.ringBytes ?? maps.ring.maxEntries });
    cleanup.push(() => ring.close());
    const counters = makeMap(sys, maps.control);
    cleanup.push(() => counters.close());
    const executable = new Fd(sys, sys.open(`/proc/${pid}/exe`, 0));
    cleanup.push(() => executable.close());
    const byName = new Map([
      ['ring', ring],
      ['control', counters],
    ]);
    for (const spec of [...maps.others, ...maps.shared]) {
      const other = makeMap(sys, spec);
      cleanup.push(() => other.close());
      byName.set(spec.name, other);
    }
    if (options.floats) byName.set(mapNames.kicks, options.floats.kicks);
    const filled = new FilledMaps().lease(sys, maps, bias);
    cleanup.push(() => filled[Symbol.dispose]());
    for (const map of filled.maps) byName.set(map.spec.name, map);
    for (const { program, sites, cookies, sleepable } of compiled.programs) {
      const loaded = loadProgram(sys, program, byName, { multi: options.multi, sleepable: sleepable !== undefined });
      cleanup.push(() => loaded.close());
      const places: AttachSite[] = sites.map(({ offset }, i) => ({ offset, cookie: cookies?.[i] ?? i }));
      const attached = attachUprobes(sys, loaded, { executable, pid, sites: places });
      cleanup.push(() => attached.close());
      if (attached.refused.length > 0) throw new Error(`refused: ${sites[attached.refused[0]!.site.cookie]!.text}`);
    }
    const reader = openRingBuffer(sys, ring.fd, options.ringBytes ?? maps.ring.maxEntries);
    cleanup.push(() => reader.close());
    const { words } = counters;
    const decoder = new EventDecoder({
      relation,
      counters: () => words,
      undecided: (probe) => Atomics.add(words, controlOffset(probe, 'undecided') / 8, 1n),
    });
    decoder.addTarget(0, upid, compiled.plans, {
      bias,
      functionName: (code) => binary.functionAt(address(code - bias))?.name,
      typeName: (descriptor) => binary.descriptorName(address(descriptor - bias)),
    });
    Atomics.store(words, control.gate, 1n);
    return {
      decoder,
      words,
      plans: compiled.plans,
      records: (onRecord) => void reader.drain(onRecord),
      rows() {
        decoder.setClock(0n);
        reader.drain((bytes, view, offset, length) => decoder.record(bytes, view, offset, length));
        return rowsOf(decoder.takeRows(), relation);
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
