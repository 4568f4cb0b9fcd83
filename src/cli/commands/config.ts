import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { column, longText, orMissing, printRows } from '../output/printer.ts';
import type { OutputFormat } from '../output/row.ts';
import { settings } from '../settings.ts';

/** `px config`: what the environment says, and what holds where it says nothing. An agent that runs already has the settings that it started with. */
export async function config(context: Context, format: OutputFormat): Promise<ExitCode> {
  const rows = settings.map((setting) => {
    const own = context.env[setting.name];
    const isSet = own !== undefined && own !== '';
    return {
      cells: [
        setting.name,
        orMissing(isSet ? own : setting.fallback(context)),
        isSet ? 'environment' : 'default',
        setting.meaning,
      ],
    };
  });
  const columns = [column('setting'), column('value'), column('from'), longText('meaning')];
  await printRows(context, format, 'settings', columns, rows);
  return exitCodes.ok;
}
