import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { goCommand, goEnvironment } from './go-toolchain.ts';
import { root } from './root.ts';

interface RealServer {
  readonly module: string;
  readonly version: string;
  /** Its program within the module; or, of a program that is put together from packages, these: `blank` ones for what they register. */
  readonly main: string | { readonly run: readonly [pkg: string, call: string]; readonly blank: readonly string[] };
  readonly env?: NodeJS.ProcessEnv;
  readonly flags?: readonly string[];
}

const coredns = 'github.com/coredns/coredns';

const programs = {
  'nats-server': { module: 'github.com/nats-io/nats-server/v2', version: 'v2.15.2', main: '' },
  'go-httpbin': { module: 'github.com/mccutchen/go-httpbin/v2', version: 'v2.26.0', main: '/cmd/go-httpbin' },
  // As CoreDNS's manual has it: its main package with the plugins that one wants. With all of them it takes six minutes.
  coredns: {
    module: coredns,
    version: 'v1.15.0',
    main: {
      run: [`${coredns}/coremain`, 'coremain.Run()'],
      blank: ['bind', 'cache', 'errors', 'file', 'forward', 'hosts', 'log', 'template', 'whoami'].map(
        (plugin) => `${coredns}/plugin/${plugin}`,
      ),
    },
  },
  // Built as `make cluster-binaries` does, so that they share what is compiled.
  etcd: {
    module: 'go.etcd.io/etcd/server/v3',
    version: 'v3.7.3',
    main: '',
    env: { CGO_ENABLED: '0' },
    flags: ['-trimpath'],
  },
  statsd_exporter: { module: 'github.com/prometheus/statsd_exporter', version: 'v0.31.0', main: '' },
  caddy: { module: 'github.com/caddyserver/caddy/v2', version: 'v2.11.9', main: '/cmd/caddy' },
} as const satisfies Readonly<Record<string, RealServer>>;

export type RealServerName = keyof typeof programs;

/**
 * Path of a real server, built through the Go module proxy on first use: on two cores nats-server takes under a minute, caddy seven. In a module of its
 * own, because `go install` refuses modules with replace lines. `stripped`: without symbol table and debug info, as releases often are.
 */
export async function realServer(name: RealServerName, stripped = false): Promise<string | undefined> {
  const folder = join(root, '.cache', 'bench', name);
  const program = join(folder, stripped ? `${name}-stripped` : name);
  if (existsSync(program)) return program;
  const { module, version, main, env: more, flags = [] }: RealServer = programs[name];
  console.log(`building ${name} ${version}${stripped ? ', stripped' : ''}`);
  mkdirSync(folder, { recursive: true });
  try {
    const env = { ...(await goEnvironment('local')), ...more };
    if (!existsSync(join(folder, 'go.mod'))) await goCommand(['mod', 'init', `example.invalid/${name}`], env, folder);
    const path = typeof main === 'string' ? `${module}${main}` : '.';
    if (typeof main !== 'string') writeFileSync(join(folder, 'main.go'), mainText(main));
    await goCommand(['get', path === '.' ? `${module}@${version}` : `${path}@${version}`], env, folder);
    if (path === '.') await goCommand(['get', '.'], env, folder);
    await goCommand(['build', ...flags, ...(stripped ? ['-ldflags=-s -w'] : []), '-o', program, path], env, folder);
    return program;
  } catch (error) {
    console.log(`no ${name}: ${(error as Error).message.split('\n')[0]}`);
    return undefined;
  }
}

function mainText({ run: [pkg, call], blank }: Exclude<RealServer['main'], string>): string {
  const imports = [`\t"${pkg}"`, ...blank.map((path) => `\t_ "${path}"`)];
  return `package main\n\nimport (\n${imports.join('\n')}\n)\n\nfunc main() { ${call} }\n`;
}
