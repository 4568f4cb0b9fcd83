import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { bundledScript } from '../run/library.ts';

/** Prints a bundled script's text. */
export async function showScript(context: Context, name: string): Promise<ExitCode> {
  await context.out.write(bundledScript(name).text);
  await context.out.flush();
  return exitCodes.ok;
}
