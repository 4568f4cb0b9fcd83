import type { Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { settings } from '../settings.ts';
import { version } from '../version.ts';

/** The manual page, made of what the commands say of themselves (man(7)). */
export async function man(context: Context, px: Command): Promise<ExitCode> {
  await context.out.write(manPage(px));
  return exitCodes.ok;
}

export function manPage(px: Command): string {
  const commands = visible(px).flatMap((command) => section(command, 'px'));
  return `${[
    `.TH PX 1 "" "sonde ${version()}" "Sonde"`,
    '.SH NAME',
    `px \\- ${plain(px.description())}`,
    '.SH SYNOPSIS',
    '.B px',
    '\\fIcommand\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]',
    '.SH COMMANDS',
    ...commands,
    '.SH EXIT STATUS',
    '0 done, also after Ctrl\\-C; 1 fault in the script or of the user; 2 usage; 3 agent or permission; 4 partial result.',
    '.SH ENVIRONMENT',
    ...settings.flatMap(({ name, meaning }) => entry(name, meaning)),
  ].join('\n')}\n`;
}

function visible(command: Command): readonly Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help');
}

function section(command: Command, before: string): string[] {
  const path = `${before} ${command.name()}`;
  const under = visible(command);
  if (under.length > 0) return under.flatMap((each) => section(each, path));
  const options = command.createHelp().visibleOptions(command);
  return [
    `.SS ${plain(path)} ${plain(command.usage())}`,
    plain(command.description()),
    ...options.flatMap((option: Option) => entry(option.flags, option.description)),
  ];
}

function entry(term: string, what: string): string[] {
  return ['.TP', `\\fB${plain(term)}\\fR`, plain(what)];
}

/** Text without what troff takes for its own: backslashes, hyphens that are minus signs, a point or quote that begins a line. */
function plain(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}
