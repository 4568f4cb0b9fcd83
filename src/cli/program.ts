import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '#base';
import { type CaptureLimit, defaultLimits, limitSettings } from '#model';
import type { RunOptions } from './commands/run.ts';
import type { TraceOptions } from './commands/trace.ts';
import type { PodOptions } from './connect/pods.ts';
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

  bundle(where(rows(px.command('run'))))
    .summary('run a PxL script and print its tables')
    .description(
      "Runs a PxL script: a bundled one by name, or a file. What stands behind -- sets the script's parameters; `-- --help` lists them.",
    )
    .argument('[script]', 'bundled script, such as px/upids, or a .pxl file')
    .option('-f, --file <file>', 'a .pxl file, a folder with one, or - for standard input')
    .option('-l, --list', 'list the bundled scripts')
    .option('-w, --watch', 'run again and again, until Ctrl-C')
    .option('--replace', 'in a cluster: take over tracepoints of these names that are somebody else’s')
    .option('--no-budget', 'trace whatever it costs the process')
    .addOption(every())
    .usage('[options] [script] [-- --name value …]')
    .addHelpText('after', outputHelp)
    .action(async (script: string | undefined, options: Shared & Where & RunOptions & { every: bigint }) =>
      finish(await (await import('./commands/run.ts')).run(context, script, options)),
    );

  bundle(where(px.command('live')))
    .summary('run a PxL script again and again, on the whole terminal')
    .description(
      'Shows the tables of a script on the whole terminal and keeps them fresh: sort, filter, a row as JSON, a chart of latencies, edit and run again. ? lists the keys.',
    )
    .argument('[script]', 'bundled script, such as px/upids, or a .pxl file')
    .option('-f, --file <file>', 'a .pxl file, or a folder with one')
    .addOption(every())
    .usage('[options] [script] [-- --name value …]')
    .action(async (script: string | undefined, options: Where & { file?: string; bundle?: string; every: bigint }) =>
      finish(await (await import('./commands/live.ts')).live(context, script, options)),
    );

  rows(px.command('check'))
    .summary('say which PxL scripts compile, and why the others do not')
    .description(
      'Compiles scripts without running them: parse, names and types, plan. A folder means every .pxl below it, a bundle all its scripts.',
    )
    .argument('<path...>', 'a .pxl file, a folder, or a bundle.json or its URL')
    .option('-r, --reasons', 'count the refusals by reason')
    .option('--schemas <file>', 'tables that there are, as `px run px/schemas -o json` prints them')
    .action(async (paths: string[], options: Shared & { reasons?: boolean; schemas?: string }) =>
      finish(await (await import('./commands/check.ts')).check(context, paths, options)),
    );

  bundle(where(px.command('explain')))
    .summary("print a script's plans and SQL")
    .description(
      'Prints of each output of a script its plan, the plan after the rules, and the SQL. Starts no agent; one that runs tells its tables, as a cluster does.',
    )
    .argument('[script]', 'bundled script, such as px/upids, or a .pxl file')
    .option('-f, --file <file>', 'a .pxl file, a folder with one, or - for standard input')
    .usage('[options] [script] [-- --name value …]')
    .action(async (script: string | undefined, options: Where & { file?: string; bundle?: string }) =>
      finish(await (await import('./commands/explain.ts')).explain(context, script, options)),
    );

  px.command('fmt')
    .description('lay PxL scripts out in one way; prints them, or standard input without a file')
    .argument('[file...]', '.pxl files')
    .option('-w, --write', 'change the files')
    .option('--check', 'only say which files are not formatted')
    .action(async (paths: string[], options: { write?: boolean; check?: boolean }) =>
      finish(await (await import('./commands/fmt.ts')).fmt(context, paths, options)),
    );

  px.command('lsp')
    .summary('a language server for PxL, for editors')
    .description(
      'Speaks the Language Server Protocol on standard input and output: completion (tables, columns, functions of px, functions of running programs in probes), types, faults as you type, formatting. Asks the agent if one runs.',
    )
    .option(
      '-p, --process <process>',
      'pid, UPID or name: whose functions to offer; default: those of the processes that the script traces',
    )
    .action(async (options: { process?: string }) =>
      finish(await (await import('./commands/lsp.ts')).lsp(context, options)),
    );

  const script = px.command('script').alias('scripts').description('list, show and run the bundled scripts');
  bundle(rows(script.command('list')))
    .description('list the bundled scripts')
    .action(async (options: Shared & { bundle?: string }) =>
      finish(await (await import('./commands/run.ts')).run(context, undefined, { ...options, list: true })),
    );
  bundle(script.command('show'))
    .description('print a bundled script')
    .argument('<script>', 'as in `px script list`')
    .action(async (name: string, options: { bundle?: string }) =>
      finish(await (await import('./commands/script.ts')).showScript(context, name, options)),
    );
  bundle(rows(script.command('run')))
    .description('run a bundled script, as `px run`')
    .argument('<script>', 'as in `px script list`')
    .usage('[options] <script> [-- --name value …]')
    .action(async (name: string, options: Shared & { bundle?: string }) =>
      finish(await (await import('./commands/run.ts')).run(context, name, options)),
    );

  pods(where(rows(px.command('trace'))))
    .summary('print every call of a function as it happens')
    .description('Prints calls of a function with arguments, results and latency until Ctrl-C; the probe goes with px.')
    .argument(
      '<process>',
      'pid, UPID or name; a name traces every process of that name; pod/NAME, deploy/NAME in a cluster',
    )
    .argument(
      '<function>',
      'main.computeE, net/http.(*Server).Serve; server.go:120; or a pattern: net/http.*, re:^main\\., module:*, impl:io.Reader.Read',
    )
    .addOption(new Option('--for <time>', 'end after this time: 10s, 2m').argParser(pause))
    .addOption(new Option('--count <n>', 'end after this many calls').argParser(positiveInteger))
    .option('--within <function>', 'only calls while this function is on the goroutine’s stack')
    .addOption(new Option('--sample <n>', 'one call in n').argParser(callCount))
    .addOption(new Option('--rate <n>', 'at most n calls in each second').argParser(callCount))
    .addOption(new Option('--first <n>', 'the first n calls').argParser(callCount))
    .option('--per <expression>', '--sample, --rate and --first for each value of this argument: user.ID')
    .option(
      '--tree',
      'calls in the calls that they began in, per goroutine, with total and own time; with a pattern: main.*, module:*; values two references deep, unless --depth says otherwise',
    )
    .option('--stack', 'below each call its callers: how the program got there')
    .option('--log <line>', "a line for each call: 'charge {user.ID} {amount} -> {err} in {latency}'")
    .option('--open', 'list the calls that are running now, and since when, and end')
    .option(
      '--when <condition>',
      'only calls for which a Go expression is true: n > 1000 && err != nil, $latency > 10ms',
    )
    .option('--signature <declaration>', 'of a binary without debug info: func(n int, s string) (float64, error)')
    .option('--debug-file <path>', 'debug info that the executable lacks: an unstripped build, or what was split off')
    .option('--no-budget', 'trace whatever it costs the process')
    .addOption(limit('depth', 'follow so many pointers, slices, maps and interfaces, one behind the other'))
    .addOption(limit('elements', 'elements of a slice, entries of a map'))
    .addOption(limit('stringBytes', 'bytes of a string'))
    .addOption(limit('eventBytes', "bytes of all of a call's arguments, or results"))
    .action(async (target: string, name: string, options: TraceOptions) =>
      finish(await (await import('./commands/trace.ts')).trace(context, target, name, options)),
    );

  pods(where(rows(px.command('ps'))))
    .description('list the Go processes of this machine, or of a cluster')
    .argument('[process]', 'only these: pid, UPID or name; pod/NAME, deploy/NAME in a cluster')
    .action(async (target: string | undefined, options: Shared & Where & PodOptions) =>
      finish(await (await import('./commands/processes.ts')).processes(context, target, options)),
    );

  pods(where(rows(px.command('funcs'))))
    .description('list the functions of a process that can be traced, with signature and place')
    .argument('<process>', 'pid, UPID or name; pod/NAME, deploy/NAME in a cluster')
    .argument('[pattern]', 'part of the name')
    .action(async (target: string, pattern: string | undefined, options: Shared & Where & PodOptions) =>
      finish(await (await import('./commands/functions.ts')).functions(context, target, pattern ?? '', options)),
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
  namespaced(where(rows(tracepoint.command('list'))))
    .description('list tracepoints: state, target, table, TTL left, hits, rows, drops, owner, reason of failure')
    .action(async (options: Shared & Where & PodOptions) =>
      finish(await (await import('./commands/tracepoints.ts')).listTracepoints(context, options)),
    );
  namespaced(where(tracepoint.command('delete')))
    .description('remove tracepoints and their probes; the rows stay')
    .argument('<name...>', 'as in `px tracepoint list`')
    .action(async (names: string[], options: Where & PodOptions) =>
      finish(await (await import('./commands/tracepoints.ts')).deleteTracepoints(context, names, options)),
    );

  const agent = px.command('agent').description('the agent that holds probes and rows; it starts and ends by itself');
  rows(agent.command('status'))
    .description('say whether an agent runs, and what it holds')
    .action(async (options: Shared) =>
      finish(await (await import('./commands/agent.ts')).agentStatus(context, options.output)),
    );
  agent
    .command('start')
    .description('start the agent if none runs; with --listen it takes clients with tokens from the network too')
    .addOption(
      new Option('--listen <address:port>', 'listen there too, with TLS 1.3, until `px agent stop`').argParser(place),
    )
    .option('--plaintext', 'without TLS: on a loopback address only')
    .option('--plaintext-over-network', 'without TLS on any address: who is on the way can read tokens and rows')
    .action(async (options: { listen?: Place; plaintext?: boolean; plaintextOverNetwork?: boolean }) =>
      finish(await (await import('./commands/agent.ts')).agentStart(context, options)),
    );
  agent
    .command('stop')
    .description('end the agent, its tracepoints and its rows')
    .action(async () => finish(await (await import('./commands/agent.ts')).agentStop(context)));

  const token = px
    .command('token')
    .description(
      'tokens for clients that come from the network: to this machine (px agent start --listen), or to a cluster',
    );
  where(rows(token.command('create')))
    .description('make a token and print it: the only time that it can be seen')
    .argument('<name>', 'whose it is: the owner of the tracepoints that it places')
    .addOption(
      new Option('--role <role>', 'viewer: run queries; tracer: place probes as well; admin: end the agent as well')
        .choices(['viewer', 'tracer', 'admin'])
        .default('viewer'),
    )
    .addOption(
      new Option('--expires <time>', 'how long it is valid: 12h, 30d; default: until revoked').argParser(duration),
    )
    .option(
      '-n, --namespace <name...>',
      'in a cluster: good for these namespaces only; default: where its subject has rights',
    )
    .action(async (name: string, options: Shared & Where & { role: string; expires?: bigint; namespace?: string[] }) =>
      finish(await (await import('./commands/tokens.ts')).createToken(context, name, options)),
    );
  where(rows(token.command('list')))
    .description('list the tokens, those that are valid no longer too')
    .action(async (options: Shared & Where) =>
      finish(await (await import('./commands/tokens.ts')).listTokens(context, options)),
    );
  where(token.command('revoke'))
    .description('make tokens invalid; what their clients are doing ends at once')
    .argument('<name...>', 'as in `px token list`')
    .action(async (names: string[], options: Where) =>
      finish(await (await import('./commands/tokens.ts')).revokeTokens(context, names, options)),
    );

  rows(px.command('doctor'))
    .description('try what this machine offers and lacks for tracing')
    .action(async (options: Shared) =>
      finish(await (await import('./commands/doctor.ts')).doctor(context, options.output)),
    );

  rows(px.command('config'))
    .description('say what the environment sets, and what holds where it says nothing')
    .action(async (options: Shared) =>
      finish(await (await import('./commands/config.ts')).config(context, options.output)),
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

  px.command('man')
    .description('print the manual page: `px man | man -l -`')
    .action(async () => finish(await (await import('./commands/man.ts')).man(context, px)));

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
  px trace -n shop deploy/cart main.add      the same in all pods of a deployment
  px run px/upids                            a bundled script
  px run -f capture_args.pxl -- --upid UPID  a file, with a parameter

Exit codes: 0 done, 1 script or user error, 2 usage, 3 agent or permission, 4 partial result.
`;

const outputHelp = `
Output:
  table  for people: readable units, local time; what was not captured or was cut says so in its place
  json   one object a line: _tableName_, the columns in order, then notes_ (column to reason) if a row has any;
         integers exact, times RFC 3339 in UTC, durations in ns, missing values null, NaN and infinities as
         "NaN", "+Inf", "-Inf"; a string stays a string
  csv    RFC 4180, table_id first, values as in json; missing values empty, an empty string "";
         a last column notes_ if rows have notes
`;

function rows(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'form of the rows').choices(outputFormats).default('table'),
  );
}

function every(): Option {
  return new Option('--every <time>', 'time between two runs').argParser(pause).default(2_000_000_000n, '2s');
}

/** Commands that can go to a cluster. */
function where(command: Command): Command {
  return command
    .option('--local', 'this machine, whatever the kubeconfig and PX_TARGET say')
    .option('--context <name>', 'the cluster of this context of the kubeconfig');
}

/** Commands that take a script by name. */
function bundle(command: Command): Command {
  return command.option(
    '-b, --bundle <where>',
    'named scripts of this folder, bundle.json or URL, not those that come along',
  );
}

function namespaced(command: Command): Command {
  return command.option('-n, --namespace <name>', 'in a cluster: this namespace');
}

/** Commands that take pods. */
function pods(command: Command): Command {
  return namespaced(command).option('-c, --container <name>', 'in a cluster: this container of the pods');
}

function duration(text: string): bigint {
  const ns = parseDuration(text);
  if (ns === undefined || ns <= 0n) throw new InvalidArgumentError('Give a time such as 10s, 500ms or 2m.');
  return ns;
}

/** What a timer can wait: one that is told to wait longer does not wait at all. */
function pause(text: string): bigint {
  const ns = duration(text);
  if (ns > 2_147_483_647_000_000n) throw new InvalidArgumentError('Give at most 24d.');
  return ns;
}

/** Where to listen. */
export interface Place {
  readonly address: string;
  readonly port: number;
}

function place(text: string): Place {
  const [, ipv6, other, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65535)
    throw new InvalidArgumentError(
      'Give an address and a port: 127.0.0.1:50305, [::1]:50305, 0.0.0.0:50305 for every address.',
    );
  return { address: ipv6 ?? other!, port: Number(port) };
}

/** A limit on what is captured of values. */
function limit(of: CaptureLimit, what: string): Option {
  const { option, least, most } = limitSettings[of];
  return new Option(`${option} <n>`, `${what} (default: ${defaultLimits[of]})`).argParser((text) => {
    if (/^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`Give a number from ${least} to ${most}.`);
  });
}

/** What the programs in the kernel can compare with. */
function callCount(text: string): bigint {
  const count = positiveInteger(text);
  if (count > 0x7fff_ffffn) throw new InvalidArgumentError('Give at most 2147483647.');
  return count;
}

function positiveInteger(text: string): bigint {
  if (!/^[1-9]\d{0,17}$/.test(text)) throw new InvalidArgumentError('Give a whole number above 0.');
  return BigInt(text);
}
