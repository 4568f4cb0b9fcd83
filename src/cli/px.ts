import { CommanderError } from 'commander';
import { BugError, SondeError } from '#base';
import { type Context, tell } from './context.ts';
import { type ExitCode, exitCodes, Failure, UsageError } from './failure.ts';
import { program } from './program.ts';

/** Splits off what stands behind `--`: `px run` and its like give it to the script. `--version` is the command `version`. */
export function splitScriptArguments(words: readonly string[]): { own: string[]; script: string[] } {
  // What everybody types first.
  if (words[0] === '--version' || words[0] === '-V') return splitScriptArguments(['version', ...words.slice(1)]);
  const [command, second] = words;
  const takes =
    /^(run|live|explain)$/.test(command ?? '') ||
    (/^scripts?$/.test(command ?? '') && second === 'run') ||
    (command === 'debug' && second === 'compile');
  const at = takes ? words.indexOf('--') : -1;
  return at < 0 ? { own: [...words], script: [] } : { own: words.slice(0, at), script: words.slice(at + 1) };
}

/** Runs one command line (without `node` and the program) and gives its exit code; every failure has been told on standard error. */
export async function px(words: readonly string[], context: Context): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok;
  const command = program(context, (result) => {
    code = result;
  });
  const all = [command];
  for (const each of all) {
    each.exitOverride();
    each.configureOutput({
      writeOut: (text) => void context.out.write(text),
      writeErr: (text) => tell(context, text.replace(/\n$/, '')),
    });
    all.push(...each.commands);
  }
  try {
    await command.parseAsync(words, { from: 'user' });
  } catch (error) {
    code = explain(context, error);
    const [first] = words;
    const name = words.find((word) => command.commands.some((each) => each.name() === word));
    if (error instanceof CommanderError && error.code === 'commander.unknownOption' && first?.startsWith('-') && name) {
      tell(context, `(options stand behind the command: px ${name} … ${first} …)`);
    }
  }
  await context.out.finish();
  const { failure } = context.out;
  if (failure === undefined) return code;
  tell(context, `standard output could not be written: ${failure.message}`);
  return code === exitCodes.ok ? exitCodes.partial : code;
}

function explain(context: Context, error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    // Commander has said what was wrong; help that was asked for is no error.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  if (error instanceof Failure) {
    if (error.message !== '') tell(context, `${error instanceof UsageError ? 'error: ' : ''}${error.message}`);
    return error.exitCode;
  }
  if (error instanceof SondeError && !(error instanceof BugError)) {
    tell(context, error.message);
    return exitCodes.agent;
  }
  tell(context, `bug in px: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return exitCodes.agent;
}
