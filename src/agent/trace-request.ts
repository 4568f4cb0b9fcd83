import { callColumns, type sonde } from '#api';
import { UserError } from '#door';
import {
  type CallSelection,
  type CaptureLimit,
  type CaptureLimits,
  captureLimits,
  limitSettings,
  type ProcessTracepoint,
  type Upid,
} from '#model';

/** What a client asks for, as a tracepoint of one process. @throws UserError for a number that is out of its range. */
export function requestedTracepoint(name: string, request: sonde.TraceRequest): (upid: Upid) => ProcessTracepoint {
  const limits = requestedLimits(request);
  const calls = request.calls && selectionOf(request.calls);
  const { when, tree, stack, log, signature, debugFile } = request;
  return (upid) => ({
    name,
    table: '',
    target: { kind: 'upid', upid },
    ttlNs: 0n,
    probes: [
      {
        function: request.function,
        ...(calls === undefined ? {} : { calls }),
        columns: callColumns({ tree, stack, log: log === '' ? undefined : log }),
        ...(when === '' ? {} : { when: { text: when } }),
        ...(signature === '' ? {} : { signature: { text: signature } }),
      },
    ],
    ...(request.noBudget ? { noBudget: true } : {}),
    ...(debugFile === '' ? {} : { debugFile }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  });
}

/** Those that are not 0. @throws UserError for one that is out of its range. */
function requestedLimits(request: sonde.TraceRequest): Partial<CaptureLimits> {
  const found: Partial<Record<CaptureLimit, number>> = {};
  for (const limit of captureLimits) {
    const value = request[limit];
    if (value === 0) continue;
    const { option, least, most } = limitSettings[limit];
    if (value < least || value > most)
      throw new UserError(`${option} is a number from ${least} to ${most}, not ${value}`);
    found[limit] = value;
  }
  return found;
}

/** What a client asks for; undefined: all calls. */
function selectionOf({ within, sample, rate, first, per }: sonde.CallSelection): CallSelection | undefined {
  const selection: CallSelection = {
    ...(within === '' ? {} : { within }),
    ...(sample === 0 ? {} : { sample }),
    ...(rate === 0 ? {} : { rate }),
    ...(first === 0 ? {} : { first }),
    ...(per === '' ? {} : { per: { text: per } }),
  };
  for (const [name, count] of Object.entries({ sample, rate, first })) {
    if (count > 0x7fff_ffff) throw new UserError(`${name}: ${count} is more than 2147483647`);
  }
  if (per !== '' && sample === 0 && rate === 0 && first === 0) {
    throw new UserError('per says for what sample, rate and first count apart, and there is none of them');
  }
  return Object.keys(selection).length === 0 ? undefined : selection;
}
