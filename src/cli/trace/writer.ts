import type { sonde } from '#api';
import type { Context } from '../context.ts';
import { CsvPrinter } from '../output/csv.ts';
import { column } from '../output/printer.ts';
import { type OutputFormat, parseNotes } from '../output/row.ts';
import { callJson, callLine, runningLine } from './call.ts';

/** Prints calls on standard output, each one at once. */
export interface CallWriter {
  call(call: sonde.TraceCall): Promise<void>;
}

export interface CallWriterOptions {
  /** Several processes are traced: the lines say which. */
  readonly withPid: boolean;
  /** The calls are those that are running now. */
  readonly open: boolean;
}

export async function callWriter(
  context: Context,
  format: OutputFormat,
  options: CallWriterOptions,
): Promise<CallWriter> {
  if (format === 'csv') return csvWriter(context);
  return {
    async call(call) {
      const text =
        format === 'json'
          ? callJson(call)
          : options.open
            ? runningLine(call, options.withPid)
            : callLine(call, options.withPid);
      await context.out.write(`${text}\n`);
      await context.out.flush();
    },
  };
}

/** The columns are always the same, `notes` too: the header goes out before the first call. */
async function csvWriter(context: Context): Promise<CallWriter> {
  const printer = new CsvPrinter(context.out, context.outIsTerminal);
  const columns = [
    column('time', 'TIME64NS'),
    column('upid', 'UINT128'),
    column('goid', 'INT64'),
    column('function'),
    column('args'),
    column('results'),
    column('latency_ns', 'INT64'),
    column('outcome'),
    column('notes'),
  ];
  printer.begin({ name: 'trace', columns });
  await printer.end();
  await context.out.flush();
  return {
    async call(call) {
      const cells = [
        call.timeNs === 0n ? null : call.timeNs,
        call.upid,
        call.goid ?? null,
        call.function,
        call.argsJson || '{}',
        call.resultsJson || '{}',
        call.latencyNs ?? null,
        call.outcome,
        parseNotes(call.notesJson) === undefined ? null : call.notesJson,
      ];
      await printer.row({ cells });
      await context.out.flush();
    },
  };
}
