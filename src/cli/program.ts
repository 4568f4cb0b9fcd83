import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '#base';
import type { Where } from './connect/where.ts';
import type { Context } from './context.ts';
import type { ExitCode } from './failure.ts';
import { type OutputFormat, outputFormats } from './output/row.ts';

type Finish = (code: ExitCode) => void;

/** What a subcommand's options look like: every command that prints rows has `-o`. */
type Shared = { output: OutputFormat };

/** The whole command line. Every action imports its command when it runs, so that `px version` loads nothing else. */
export function program(context: Context, finish: Finish): Command {
  const px = new Command('px')
    .description('Sonde: dynamic logs in Go programs that are already running')
    .helpOption('-h, --help', 'show help')
    .option('-V, --version', 'print the version')
    .showHelpAfterError('(px --help, or px <command> --help, says more)')
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('after', examples)
    .enablePositionalOptions();

  where(rows(px.command('run')))
    .summary('run a PxL script and print its tables')
    .description(
      "Runs a PxL script: a bundled one by name, or a file. What stands behind -- sets the script's parameters; `-- --help` lists them.",
    )
    .argument('[script]', 'bundled script, such as px/upids')
    .option('-f, --file <file>', 'a .pxl file, a folder with one, or - for standard input')
    .option('-l, --list', 'list the bundled scripts')
    .usage('[options] [script] [-- --name value …]')
    .addHelpText('after', outputHelp)
    .action(async (script: string | undefined, options: Shared & Where & { file?: string; list?: boolean }) =>
      finish(await (await import('./commands/run.ts')).run(context, script, options)),
    );

  rows(px.command('trace'))
    .summary('print every call of a function as it happens')
    .description('Prints calls of a function with arguments, results and latency until Ctrl-C; the probe goes with px.')
    .argument('<process>', 'pid, UPID or name; a name traces every process of that name')
    .argument('<function>', 'as in `px funcs`: main.computeE, net/http.(*Server).Serve')
    .addOption(new Option('--for <time>', 'end after this time: 10s, 2m').argParser(duration))
    .addOption(new Option('--count <n>', 'end after this many calls').argParser(positiveInteger))
    .option('--open', 'list the calls that are running now, and since when, and end')
    .action(async (target: string, name: string, options: Shared & { for?: bigint; count?: bigint; open?: boolean }) =>
      finish(await (await import('./commands/trace.ts')).trace(context, target, name, options)),
    );

  where(rows(px.command('ps')))
    .description('list the Go processes of this machine, or of a cluster')
    .action(async (options: Shared & Where) =>
      finish(await (await import('./commands/processes.ts')).processes(context, options)),
    );

  rows(px.command('funcs'))
    .description('list the functions of a process that can be traced, with signature and place')
    .argument('<process>', 'pid, UPID or name')
    .argument('[pattern]', 'part of the name')
    .action(async (target: string, pattern: string | undefined, options: Shared) =>
      finish(await (await import('./commands/functions.ts')).functions(context, target, pattern ?? '', options.output)),
    );

  px.command('deploy')
    .description('put Sonde into a Kubernetes cluster, or bring it to this version: agents, broker, resources, roles')
    .requiredOption('--image <ref>', 'the image of agents and broker, where the nodes can pull it')
    .option('--context <name>', 'a context of the kubeconfig; default: the current one')
    .action(async (options: { image: string; context?: string }) =>
      finish(await (await import('./commands/deploy.ts')).deploy(context, options)),
    );

  px.command('delete')
    .description('remove Sonde from a Kubernetes cluster, with all tracepoints and rows')
    .option('--context <name>', 'a context of the kubeconfig; default: the current one')
    .action(async (options: { context?: string }) =>
      finish(await (await import('./commands/deploy.ts')).deleteSonde(context, options)),
    );

  const tracepoint = px.command('tracepoint').description('list and delete tracepoints');
  rows(tracepoint.command('list'))
    .description('list tracepoints: state, target, table, TTL left, hits, rows, drops, owner, reason of failure')
    .action(async (options: Shared) =>
      finish(await (await import('./commands/tracepoints.ts')).listTracepoints(context, options.output)),
    );
  tracepoint
    .command('delete')
    .description('remove tracepoints and their probes; the rows stay')
    .argument('<name...>', 'as in `px tracepoint list`')
    .action(async (names: string[]) =>
      finish(await (await import('./commands/tracepoints.ts')).deleteTracepoints(context, names)),
    );

  const agent = px.command('agent').description('the agent that holds probes and rows; it starts and ends by itself');
  rows(agent.command('status'))
    .description('say whether an agent runs, and what it holds')
    .action(async (options: Shared) =>
      finish(await (await import('./commands/agent.ts')).agentStatus(context, options.output)),
    );
  agent
    .command('start')
    .description('start the agent if none runs')
    .action(async () => finish(await (await import('./commands/agent.ts')).agentStart(context)));
  agent
    .command('stop')
    .description('end the agent, its tracepoints and its rows')
    .action(async () => finish(await (await import('./commands/agent.ts')).agentStop(context)));

  rows(px.command('doctor'))
    .description('try what this machine offers and lacks for tracing')
    .action(async (options: Shared) =>
      finish(await (await import('./commands/doctor.ts')).doctor(context, options.output)),
    );

  const debug = px.command('debug').description('look into what Sonde does');
  rows(debug.command('compile'))
    .description("print every stage of a script's compilation")
    .argument('[script]', 'bundled script')
    .option('-f, --file <file>', 'a .pxl file, a folder with one, or - for standard input')
    .usage('[options] [script] [-- --name value …]')
    .action(async (script: string | undefined, options: Shared & { file?: string }) =>
      finish(await (await import('./commands/debug.ts')).debugCompile(context, script, options)),
    );
  rows(debug.command('sites'))
    .description('print where the probes of a function would go, and what a hit costs there')
    .argument('<process>', 'pid, UPID or name')
    .argument('<function>', 'as in `px funcs`')
    .action(async (target: string, name: string, options: Shared) =>
      finish(await (await import('./commands/debug.ts')).debugSites(context, target, name, options.output)),
    );

  rows(px.command('version'))
    .description('print the version')
    .action(async (options: Shared) =>
      finish(await (await import('./commands/version.ts')).printVersion(context, options.output)),
    );

  px.command('completion')
    .description('print a completion script: `px completion bash > /etc/bash_completion.d/px`')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: 'bash' | 'zsh' | 'fish') =>
      finish(await (await import('./commands/completion.ts')).completion(context, px, shell)),
    );

  return px;
}

const examples = `
Examples:
  px ps                                      Go processes of this machine
  px trace 4711 main.computeE                calls of a function, live
  px run px/upids                            a bundled script
  px run -f capture_args.pxl -- --upid UPID  a file, with a parameter

Exit codes: 0 done, 1 script or user error, 2 usage, 3 agent or permission, 4 partial result.
`;

const outputHelp = `
Output:
  table  for people: readable units, local time; what was not captured or was cut says so in its place
  json   one object a line: _tableName_, the columns in order, then notes_ (column to reason) if a row has any;
         integers exact, times RFC 3339 in UTC, durations in ns, missing values null, NaN and infinities as
         "NaN", "Infinity", "-Infinity"; a string stays a string
  csv    RFC 4180, table_id first, values as in json; missing values empty, an empty string "";
         a last column notes_ if rows have notes
`;

function rows(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'form of the rows').choices(outputFormats).default('table'),
  );
}

/** Commands that can go to a cluster. */
function where(command: Command): Command {
  return command
    .option('--local', 'this machine, whatever the kubeconfig and PX_TARGET say')
    .option('--context <name>', 'the cluster of this context of the kubeconfig');
}

function duration(text: string): bigint {
  const ns = parseDuration(text);
  if (ns === undefined || ns <= 0n) throw new InvalidArgumentError('Give a time such as 10s, 500ms or 2m.');
  return ns;
}

function positiveInteger(text: string): bigint {
  if (!/^[1-9]\d{0,17}$/.test(text)) throw new InvalidArgumentError('Give a whole number above 0.');
  return BigInt(text);
}
