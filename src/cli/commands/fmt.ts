import { writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { excerpt } from '#base';
import { format } from '#pxl';
import { type Context, tell } from '../context.ts';
import { type ExitCode, exitCodes, UserError } from '../failure.ts';
import { readScript, scriptText } from '../run/library.ts';

export interface FmtOptions {
  /** Change the files instead of printing. */
  readonly write?: boolean;
  /** Change and print nothing; 1 when a file is not formatted. */
  readonly check?: boolean;
}

/** Lays PxL scripts out in one way; without files, standard input. A script that does not parse stays as it is. */
export async function fmt(context: Context, paths: readonly string[], options: FmtOptions): Promise<ExitCode> {
  if (paths.length === 0) {
    const text = scriptText('standard input', await buffer(context.input));
    await context.out.write(formatted('<stdin>', text));
    await context.out.flush();
    return exitCodes.ok;
  }
  let code: ExitCode = exitCodes.ok;
  for (const path of paths) {
    const { name, text } = readScript(path);
    const result = formatted(name, text);
    if (options.check) {
      if (result === text) continue;
      tell(context, `${name} is not formatted`);
      code = exitCodes.script;
    } else if (!options.write) await context.out.write(result);
    else if (result !== text) {
      writeFileSync(name, result);
      tell(context, `formatted ${name}`);
    }
  }
  await context.out.flush();
  return code;
}

function formatted(name: string, text: string): string {
  const result = format(text);
  if (result.ok) return result.source;
  const faults = result.diagnostics.map(({ message, span }) => {
    return span ? `${name}:${span.line}:${span.column}: ${message}\n${excerpt(text, span)}` : `${name}: ${message}`;
  });
  throw new UserError(faults.join('\n'));
}
