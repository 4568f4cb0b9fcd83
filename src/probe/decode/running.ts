import { header, headerFlags, type Upid } from '#model';
import type { OpenCall } from './call.ts';
import type { Ending } from './ending.ts';
import { Notes } from './notes.ts';
import type { Target } from './open-calls.ts';
import { json } from './value.ts';

/** A call that runs now. */
export interface RunningCall {
  readonly target: number;
  readonly upid: Upid;
  readonly function: string;
  /** The function whose code an inlined copy is part of; empty for a call. */
  readonly inlinedInto: string;
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

/** `drop`: what may have hidden that the call has ended. `clockOffset`: REALTIME − MONOTONIC. */
export function runningCall(
  target: Target,
  call: OpenCall,
  now: bigint,
  drop: Ending | undefined,
  clockOffset: bigint,
): RunningCall {
  const plan = target.plans[call.probe]!;
  const notes = new Notes();
  const fields: string[] = [];
  const context = { layout: plan.entry!, graph: plan.graph, target: target.context };
  for (const { column, source } of plan.columns) {
    if (source.kind !== 'entry') continue;
    fields.push(`${JSON.stringify(column.name)}:${json(source.shape, context, call, column.name, notes)}`);
  }
  if (drop !== undefined) notes.add('outcome', `it may have ended: ${drop.reason}`);
  const ktime = call.view.getBigInt64(header.ktime, true);
  return {
    target: target.index,
    upid: target.upid,
    function: plan.function,
    inlinedInto: plan.names?.inlinedInto ?? '',
    id: call.place?.id,
    parentId: call.place?.parentId,
    goid: (call.flags & headerFlags.goid) === 0 ? undefined : call.view.getBigInt64(header.goid, true),
    since: ktime + clockOffset,
    runningNs: now - ktime,
    captured: `{${fields.join(',')}}`,
    notes: notes.take(),
  };
}
