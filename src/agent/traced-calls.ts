import { type sonde, textAt } from '#api';
import { formatUpid, type RowBatch, type Upid } from '#model';
import type { OpenCall } from './deployment.ts';
import type { StackedCall } from './stacks.ts';

/** So many rows from `row` on, or all that there are. */
export function tracedCalls(batch: RowBatch, row: number, most: number): sonde.TraceCall[] {
  const calls: sonde.TraceCall[] = [];
  for (let i = row; i < Math.min(batch.rows, row + most); i++) calls.push(tracedCall(batch, i));
  return calls;
}

/** Row `row` of a batch whose columns are the implicit ones and `callColumns`. */
function tracedCall(batch: RowBatch, row: number): sonde.TraceCall {
  const there = (i: number) => batch.columns[i] !== undefined && batch.columns[i]!.valid?.[row] !== 0;
  const int = (i: number): bigint | undefined => {
    const column = batch.columns[i];
    return there(i) && (column?.type === 'INT64' || column?.type === 'TIME64NS') ? column.values[row] : undefined;
  };
  const text = (i: number): string => {
    const column = batch.columns[i];
    return there(i) && column?.type === 'STRING' ? textAt(column.values, row) : '';
  };
  const upid = batch.columns[0]!.values as BigUint64Array;
  return {
    upid: formatUpid({
      agentId: Number(upid[2 * row]! >> 32n),
      pid: Number(upid[2 * row]! & 0xffff_ffffn),
      startTicks: upid[2 * row + 1]!,
    }),
    timeNs: int(1) ?? 0n,
    goid: int(2),
    function: text(4) === '' ? text(3) : `${text(3)}[${text(4)}]`,
    inlinedInto: text(5),
    argsJson: text(6),
    resultsJson: text(7),
    latencyNs: int(8),
    outcome: text(9),
    panicJson: text(10),
    callId: int(11),
    parentCallId: int(12),
    ownNs: int(13),
    log: text(14),
    stackJson: text(15),
    notesJson: batch.notes?.[row] ?? '',
  };
}

/** A call that a tracepoint has seen begin. */
export function runningCall(call: OpenCall, upid: Upid): sonde.TraceCall {
  const { args, stack } = atEntry(call);
  return {
    upid: formatUpid(upid),
    timeNs: call.sinceNs,
    goid: call.goid,
    function: call.function,
    argsJson: args,
    resultsJson: '',
    latencyNs: call.forNs,
    outcome: 'running',
    inlinedInto: call.inlinedInto,
    callId: call.id,
    parentCallId: call.parentId,
    ownNs: undefined,
    panicJson: '',
    log: '',
    stackJson: stack,
    notesJson: call.notes ?? '',
  };
}

/** A call that began before anybody traced it: that it runs is all that its goroutine's stack tells. */
export function stackedCall({ goid, state, function: fn, inlinedInto }: StackedCall, upid: Upid): sonde.TraceCall {
  return {
    upid: formatUpid(upid),
    timeNs: 0n,
    goid,
    function: fn,
    argsJson: '',
    resultsJson: '',
    latencyNs: undefined,
    outcome: 'running',
    inlinedInto,
    callId: undefined,
    parentCallId: undefined,
    ownNs: undefined,
    panicJson: '',
    log: '',
    stackJson: '',
    notesJson: JSON.stringify({ args: 'not captured: the call began before it was traced', goroutine: state }),
  };
}

/**
 * What was captured at the entry. A trace's own is `{"args": {…}, "stack": […]}`, or one of them: their text as it is, since numbers may not survive a parse (in a
 * string quotes would be escaped); a script's tracepoint has its own columns there.
 */
function atEntry({ captured }: OpenCall): { readonly args: string; readonly stack: string } {
  const [, own = '', stack] = /^\{(?:"args":(.*),)?"stack":(\[.*\]|null)\}$/s.exec(captured) ?? [];
  if (stack !== undefined) return { args: own, stack: stack === 'null' ? '' : stack };
  const [, args = captured] = /^\{"args":(.*)\}$/s.exec(captured) ?? [];
  return { args, stack: '' };
}
