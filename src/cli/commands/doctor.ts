import type { sonde } from '#api';
import { escapeControls, escapeLines } from '#base';
import { sondeMethods, withAgent } from '../connect/agent.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat, Row } from '../output/row.ts';

const marks: Readonly<Record<string, string>> = { ok: '✔', warning: '!', missing: '✕' };

/** `px doctor`: each check is printed when it is done. Something that is missing is an answer, not a failure. */
export async function doctor(context: Context, format: OutputFormat): Promise<ExitCode> {
  return withAgent(context, async (agent) => {
    const stream = agent.stream(sondeMethods.doctor, {});
    context.out.onClosed(() => stream.cancel());
    if (format === 'table') {
      for await (const check of stream) {
        await context.out.write(describe(check));
        await context.out.flush();
      }
      return exitCodes.ok;
    }
    async function* rows(): AsyncGenerator<Row> {
      for await (const { name, state, detail, advice } of stream)
        yield { cells: [name, state, orMissing(detail), orMissing(advice)] };
    }
    await printRows(
      context,
      format,
      'doctor',
      [column('name'), column('state'), column('detail'), column('advice')],
      rows(),
    );
    return exitCodes.ok;
  });
}

function describe({ name, state, detail, advice }: sonde.DoctorCheck): string {
  const first = ` ${marks[state] ?? '?'}  ${escapeControls(name)}${detail === '' ? '' : `: ${escapeLines(detail).replaceAll('\n', '\n      ')}`}\n`;
  return advice === '' ? first : `${first}      → ${escapeLines(advice).replaceAll('\n', '\n        ')}\n`;
}
