import type { sonde } from '#api';
import { type Agent, sondeMethods, withAgent } from '../connect/agent.ts';
import { meantBy, type PodOptions } from '../connect/pods.ts';
import type { Where } from '../connect/where.ts';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, longText, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat, Row } from '../output/row.ts';

interface FunctionsOptions extends Where, PodOptions {
  readonly output: OutputFormat;
}

/** `px funcs`: rows are printed as they come. */
export async function functions(
  context: Context,
  target: string,
  pattern: string,
  { output: format, ...where }: FunctionsOptions,
): Promise<ExitCode> {
  const person = format === 'table';
  const columns = [
    column('name'),
    longText('signature'),
    ...(person ? [column('place')] : [column('file'), column('line', 'INT64'), column('address', 'INT64')]),
  ];
  const list = async (agent: Agent) => {
    const meant = await meantBy(target, where, agent.endpoint.cluster);
    const request =
      meant.kind === 'pods'
        ? { process: '', pattern, pods: meant.pods, path: '' }
        : { process: meant.process, pattern, pods: undefined, path: '' };
    const stream = agent.stream(sondeMethods.listFunctions, request);
    context.out.onClosed(() => stream.cancel());
    let count = 0;
    let partly = 0;
    async function* rows(): AsyncGenerator<Row> {
      for await (const info of stream) {
        count++;
        if (info.pods.length > 0) partly++;
        const only = info.pods.length === 0 ? '' : ` (only in ${info.pods.join(', ')})`;
        const place = person
          ? [`${whereIs(info) ?? ''}${only}`.trim() || null]
          : [orMissing(info.file), info.line === 0 ? null : BigInt(info.line), info.address];
        const pods = agent.endpoint.cluster === undefined || person ? [] : [orMissing(info.pods.join(' '))];
        yield { cells: [info.name, orMissing(info.signature), ...place, ...pods] };
      }
    }
    const more = agent.endpoint.cluster === undefined || person ? [] : [column('only_in')];
    await printRows(context, format, 'functions', [...columns, ...more], rows());
    if (count === 0)
      tell(context, pattern === '' ? `${target} has no functions` : `no function of ${target} matches ${pattern}`);
    if (partly > 0)
      tell(
        context,
        `the pods run several versions of the program: ${partly} of ${count} functions are not in all of them`,
      );
    return exitCodes.ok;
  };
  return withAgent(context, list, { where });
}

function whereIs(info: sonde.FunctionInfo): string | null {
  return info.file === '' ? null : info.line === 0 ? info.file : `${info.file}:${info.line}`;
}
