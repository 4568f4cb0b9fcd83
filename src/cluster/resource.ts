import { createHash } from 'node:crypto';
import type { KubernetesObject, V1ObjectMeta } from '@kubernetes/client-node';
import { parseDuration, SondeError } from '#base';
import {
  type AggregatedValue,
  type AggregateFunction,
  aggregateFunctions,
  type CallSelection,
  type Capture,
  type CaptureLimits,
  formatUpid,
  type LogicalTracepoint,
  type PodSelector,
  parseUpid,
  type Target,
} from '#model';

/** The API group and version of Sonde's resources (k8s/crds.yaml). */
export const group = 'sonde.dev';
export const apiVersion = `${group}/v1alpha1`;

/** Tracepoint lies in the namespace of its target, ClusterTracepoint is for processes outside any pod. */
export type TracepointKind = 'Tracepoint' | 'ClusterTracepoint';

/** `tracepoints`, as paths and RBAC name it. */
export const plural: Readonly<Record<TracepointKind, string>> = {
  Tracepoint: 'tracepoints',
  ClusterTracepoint: 'clustertracepoints',
};

export interface TracepointTarget extends Omit<PodSelector, 'namespace'> {
  readonly upid?: string;
}

/** Which calls are kept: `CallSelection`. */
type CallsSpec = Omit<CallSelection, 'per'> & { readonly per?: string };

export interface TracepointSpec {
  /** As scripts name it. */
  readonly name: string;
  /** None: rows are for who follows them (`px trace`), and are not kept. */
  readonly table?: string;
  readonly ttl: string;
  /** RFC 3339; the time to live counts from here, else from the object's creation. */
  readonly renewedAt?: string;
  readonly target: TracepointTarget;
  /** Of what is captured of values, those that are not the defaults. */
  readonly limits?: Partial<CaptureLimits>;
  readonly waitForPages?: boolean;
  /** It stays whatever it costs. */
  readonly noBudget?: boolean;
  /** Path on the nodes of a file with the debug info that the executable lacks. */
  readonly debugFile?: string;
  readonly probes: readonly {
    readonly function: string;
    readonly when?: string;
    readonly signature?: string;
    readonly calls?: CallsSpec;
    readonly columns: readonly {
      readonly name: string;
      readonly capture: Exclude<Capture['kind'], 'aggregate'> | AggregateFunction;
      readonly expression?: string;
      /** Of an aggregate, what it is of. */
      readonly of?: AggregatedValue['kind'];
    }[];
  }[];
}

/** What one node says of a tracepoint; each agent owns its own entry. */
export interface NodeStatus {
  readonly node: string;
  readonly state: 'PENDING' | 'RUNNING' | 'FAILED' | 'TERMINATED';
  readonly reason: string;
  /** Processes that are traced now. */
  readonly processes: number;
  readonly hits: number;
  /** Calls without a row because their condition could not be decided. */
  readonly undecided?: number;
  /** Of the hits; an older agent does not say. */
  readonly kept?: number;
  readonly rows: number;
  readonly drops: number;
  /** Of the node when its agent wrote this: after a reboot a UPID of before may be that of another process. */
  readonly bootId: string;
  /** The `metadata.generation` that this is about. */
  readonly observedGeneration: number;
  readonly conditions: readonly {
    readonly type: 'Armed';
    readonly status: 'True' | 'False';
    readonly reason: string;
    readonly message: string;
    readonly lastTransitionTime: string;
  }[];
}

export interface TracepointObject extends KubernetesObject {
  readonly apiVersion: string;
  readonly kind: TracepointKind;
  readonly metadata: V1ObjectMeta;
  readonly spec: TracepointSpec;
  readonly status?: { readonly nodes?: readonly NodeStatus[] };
}

/** An object whose spec the schema let through and that means nothing. */
export class UnusableTracepoint extends SondeError {
  readonly code = 'cluster.unusable-tracepoint';
}

/**
 * The object's name for a tracepoint's: Kubernetes has lower-case letters, digits and hyphens only. `compute_e_data` becomes
 * `compute-e-data`; what would lose more than that gets a hash. The API server refuses to change `spec.name` under one name.
 */
export function objectName(name: string): string {
  const plain = name.replaceAll('_', '-');
  if (/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(plain) && plain.length <= 63) return plain;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
  const kept = plain
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .replace(/^-+/, '')
    .slice(0, 50);
  return `${kept}${kept === '' ? 't' : '-'}${digest}`;
}

/** `namespace`: of the target's pod; undefined makes a ClusterTracepoint. */
export function toObject(logical: LogicalTracepoint, namespace: string | undefined, now: Date): TracepointObject {
  return {
    apiVersion,
    kind: namespace === undefined ? 'ClusterTracepoint' : 'Tracepoint',
    metadata: { name: objectName(logical.name), ...(namespace === undefined ? {} : { namespace }) },
    spec: {
      name: logical.name,
      ...(logical.table === '' ? {} : { table: logical.table }),
      ttl: exactDuration(logical.ttlNs),
      renewedAt: now.toISOString(),
      target: targetSpec(logical.target),
      ...(logical.limits === undefined ? {} : { limits: logical.limits }),
      ...(logical.waitForPages === true ? { waitForPages: true } : {}),
      ...(logical.noBudget === true ? { noBudget: true } : {}),
      ...(logical.debugFile === undefined ? {} : { debugFile: logical.debugFile }),
      probes: logical.probes.map((probe) => ({
        function: probe.function,
        ...(probe.when === undefined ? {} : { when: probe.when.text }),
        ...(probe.signature === undefined ? {} : { signature: probe.signature.text }),
        ...(probe.calls === undefined ? {} : { calls: callsSpec(probe.calls) }),
        columns: probe.columns.map(({ name, capture }) => ({
          name,
          ...captureSpec(capture),
        })),
      })),
    },
  };
}

/** What names an object of these kinds. An empty namespace: a ClusterTracepoint. */
export function tracepointReference(name: string, namespace: string): ObjectReference {
  return namespace === ''
    ? { apiVersion, kind: 'ClusterTracepoint', metadata: { name } }
    : { apiVersion, kind: 'Tracepoint', metadata: { name, namespace } };
}

export interface ObjectReference {
  apiVersion: string;
  kind: TracepointKind;
  metadata: { name: string; namespace?: string };
}

function callsSpec({ per, ...rest }: CallSelection): CallsSpec {
  return per === undefined ? rest : { ...rest, per: per.text };
}

function callsOf({ per, ...rest }: CallsSpec): CallSelection {
  return per === undefined ? rest : { ...rest, per: { text: per } };
}

/** In the largest unit that loses nothing. */
function exactDuration(ns: bigint): string {
  const units = { h: 3_600_000_000_000n, m: 60_000_000_000n, s: 1_000_000_000n, ms: 1_000_000n, us: 1_000n } as const;
  const unit = Object.entries(units).find(([, size]) => ns % size === 0n);
  return unit === undefined ? `${ns}ns` : `${ns / unit[1]}${unit[0]}`;
}

function targetSpec(target: Target): TracepointTarget {
  if (target.kind === 'upid') return { upid: formatUpid(target.upid) };
  if (target.kind === 'processes') throw new UnusableTracepoint('processes are selected by their pods in a cluster');
  const { namespace: _namespace, ...narrower } = target.pods;
  return narrower;
}

/** What a tracepoint without a table captures, in order, or `nothing` in its stead: what `px trace` shows. */
const callCaptures = [
  ...['function', 'type-arguments', 'inlined-into', 'arguments', 'results', 'latency', 'outcome'],
  ...['panic', 'call-id', 'parent-call-id', 'own-time', 'log', 'stack'],
];

/** @throws UnusableTracepoint for what a schema cannot refuse. */
export function toLogical({ metadata, spec }: TracepointObject): LogicalTracepoint {
  const name = objectName(spec.name);
  if (metadata.name !== name)
    throw new UnusableTracepoint(`metadata.name: the object of the tracepoint ${spec.name} has the name ${name}`);
  const ttlNs = parseDuration(spec.ttl);
  if (ttlNs === undefined || ttlNs <= 0n) throw new UnusableTracepoint(`spec.ttl: '${spec.ttl}' is no time such as 5m`);
  if (
    spec.table === undefined &&
    spec.probes.some(({ columns }) =>
      columns.some(
        ({ capture }, i) => capture !== callCaptures[i] && (capture !== 'nothing' || i >= callCaptures.length),
      ),
    )
  )
    throw new UnusableTracepoint(
      `spec.table: without one the columns are those that \`px trace\` shows, or \`nothing\`: ${callCaptures.join(', ')}`,
    );
  return {
    name: spec.name,
    table: spec.table ?? '',
    ttlNs,
    target: targetOf(spec.target, metadata.namespace),
    ...(spec.limits === undefined ? {} : { limits: spec.limits }),
    ...(spec.waitForPages === true ? { waitForPages: true as const } : {}),
    ...(spec.noBudget === true ? { noBudget: true as const } : {}),
    ...(spec.debugFile === undefined ? {} : { debugFile: spec.debugFile }),
    probes: spec.probes.map((probe) => ({
      function: probe.function,
      ...(probe.when === undefined ? {} : { when: { text: probe.when } }),
      ...(probe.signature === undefined ? {} : { signature: { text: probe.signature } }),
      ...(probe.calls === undefined ? {} : { calls: callsOf(probe.calls) }),
      columns: probe.columns.map(({ name, capture, expression, of }) => ({
        name,
        capture: captureOf(capture, expression, of),
      })),
    })),
  };
}

function targetOf({ upid, ...pods }: TracepointTarget, namespace: string | undefined): Target {
  if (upid !== undefined) {
    const parsed = parseUpid(upid);
    if (parsed === undefined) throw new UnusableTracepoint(`spec.target.upid: '${upid}' is no UPID`);
    return { kind: 'upid', upid: parsed };
  }
  if (namespace === undefined) throw new UnusableTracepoint('spec.target: a ClusterTracepoint needs a upid');
  if (pods.process !== undefined) {
    try {
      new RegExp(pods.process, 'u');
    } catch (error) {
      throw new UnusableTracepoint(`spec.target.process: ${(error as Error).message}`);
    }
  }
  return { kind: 'pods', pods: { ...pods, namespace } };
}

type ColumnSpec = TracepointSpec['probes'][number]['columns'][number];

function captureSpec(capture: Capture): Omit<ColumnSpec, 'name'> {
  const expression = (of: Capture) => ('text' in of ? { expression: of.text } : {});
  if (capture.kind !== 'aggregate') return { capture: capture.kind, ...expression(capture) };
  const { function: fn, of } = capture;
  return of === undefined ? { capture: fn } : { capture: fn, of: of.kind, ...expression(of) };
}

function captureOf(kind: ColumnSpec['capture'], expression: string | undefined, of: ColumnSpec['of']): Capture {
  if (isAggregate(kind)) {
    if (of === undefined) return { kind: 'aggregate', function: kind };
    if (of === 'latency') return { kind: 'aggregate', function: kind, of: { kind: 'latency' } };
    if (expression === undefined)
      throw new UnusableTracepoint(`a column that captures a ${kind} of an ${of} needs an expression`);
    return { kind: 'aggregate', function: kind, of: { kind: of, text: expression } };
  }
  if (kind !== 'argument' && kind !== 'result' && kind !== 'log') return { kind };
  if (expression === undefined) throw new UnusableTracepoint(`a column that captures an ${kind} needs an expression`);
  return { kind, text: expression };
}

function isAggregate(kind: ColumnSpec['capture']): kind is AggregateFunction {
  return aggregateFunctions.some((each) => each === kind);
}

/** When it ends, milliseconds of the wall clock. */
export function expiry({ metadata, spec }: TracepointObject): number {
  const from = spec.renewedAt ?? metadata.creationTimestamp ?? new Date();
  const ttlNs = parseDuration(spec.ttl) ?? 0n;
  return new Date(from).getTime() + Number(ttlNs / 1_000_000n);
}
