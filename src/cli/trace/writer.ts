import type { sonde } from '#api';
import type { Context } from '../context.ts';
import { CsvPrinter } from '../output/csv.ts';
import { column, orMissing } from '../output/printer.ts';
import { type OutputFormat, parseNotes } from '../output/row.ts';
import { callJson, callLine, runningLine, stackLines } from './call.ts';
import { TreeWriter } from './tree.ts';

/** Prints calls on standard output, each one at once. */
export interface CallWriter {
  call(call: sonde.TraceCall): Promise<void>;
  /** No more calls end; `running` have not. */
  end?(running: readonly sonde.TraceCall[]): Promise<void>;
}

export interface CallWriterOptions {
  /** Whose a call is, where the lines are to say that; empty where not. */
  readonly whose: (call: sonde.TraceCall) => string;
  /** UPID to the process's place in a cluster. */
  readonly places: ReadonlyMap<string, sonde.ProcessInfo>;
  /** The calls are those that are running now. */
  readonly open: boolean;
  /** They have their place in the tree of calls. */
  readonly tree: boolean;
  /** They come with their callers. */
  readonly stack: boolean;
  /** They have a line in the stead of arguments and results. */
  readonly log: boolean;
}

export async function callWriter(
  context: Context,
  format: OutputFormat,
  options: CallWriterOptions,
): Promise<CallWriter> {
  if (format === 'csv') return csvWriter(context, options);
  if (format !== 'json' && options.tree) return new TreeWriter(context, options);
  return {
    async call(call) {
      const text =
        format === 'json'
          ? callJson(call, options.places.get(call.upid), options.log)
          : options.open
            ? runningLine(call, options.whose(call))
            : [callLine(call, options.whose(call), options.log), ...(options.stack ? stackLines(call) : [])].join('\n');
      await context.out.write(`${text}\n`);
      await context.out.flush();
    },
  };
}

/** The columns are always the same, `notes` too: the header goes out before the first call. */
async function csvWriter(context: Context, { places, tree, stack, log }: CallWriterOptions): Promise<CallWriter> {
  const printer = new CsvPrinter(context.out, context.outIsTerminal);
  const inCluster = places.size > 0;
  const columns = [
    ...(inCluster ? ['node', 'namespace', 'pod', 'container_name'].map((name) => column(name)) : []),
    column('time', 'TIME64NS'),
    column('upid', 'UINT128'),
    column('goid', 'INT64'),
    column('function'),
    ...(log ? [column('log')] : [column('args'), column('results')]),
    column('latency_ns', 'INT64'),
    column('outcome'),
    column('panic'),
    ...(tree ? ['call_id', 'parent_call_id', 'own_ns'].map((name) => column(name, 'INT64')) : []),
    ...(stack ? [column('stack')] : []),
    column('notes'),
  ];
  printer.begin({ name: 'trace', columns });
  await printer.end();
  await context.out.flush();
  return {
    async call(call) {
      const place = places.get(call.upid);
      const where = [place?.node, place?.namespace, place?.pod, place?.containerName];
      const cells = [
        ...(inCluster ? where.map((each) => orMissing(each ?? '')) : []),
        call.timeNs === 0n ? null : call.timeNs,
        call.upid,
        call.goid ?? null,
        call.function,
        ...(log ? [call.log] : [call.argsJson || '{}', call.resultsJson || '{}']),
        call.latencyNs ?? null,
        call.outcome,
        call.panicJson === '' ? null : call.panicJson,
        ...(tree ? [call.callId ?? null, call.parentCallId ?? null, call.ownNs ?? null] : []),
        ...(stack ? [call.stackJson === '' ? null : call.stackJson] : []),
        parseNotes(call.notesJson) === undefined ? null : call.notesJson,
      ];
      await printer.row({ cells });
      await context.out.flush();
    },
  };
}
