import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { openLibrary } from '../run/bundle.ts';

/** Prints the text of a script of the library. */
export async function showScript(
  context: Context,
  name: string,
  { bundle }: { readonly bundle?: string },
): Promise<ExitCode> {
  await context.out.write((await openLibrary(bundle)).script(name).text);
  await context.out.flush();
  return exitCodes.ok;
}
