import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { goCommand, goEnvironment } from './go-toolchain.ts';
import { root } from './root.ts';

const programs = {
  'nats-server': ['github.com/nats-io/nats-server/v2', 'v2.15.2'],
  caddy: ['github.com/caddyserver/caddy/v2/cmd/caddy', 'v2.11.9'],
} as const;

/**
 * Path of a real server, built through the Go module proxy on first use: nats-server under a minute on two cores, caddy seven. In a module of its own,
 * because `go install` refuses modules with replace lines.
 */
export async function realServer(name: keyof typeof programs): Promise<string | undefined> {
  const folder = join(root, '.cache', 'bench', name);
  const program = join(folder, name);
  if (existsSync(program)) return program;
  const [path, wanted] = programs[name];
  console.log(`building ${name} ${wanted}`);
  mkdirSync(folder, { recursive: true });
  try {
    const env = await goEnvironment('local');
    if (!existsSync(join(folder, 'go.mod'))) await goCommand(['mod', 'init', `example.invalid/${name}`], env, folder);
    await goCommand(['get', `${path}@${wanted}`], env, folder);
    await goCommand(['build', '-o', program, path], env, folder);
    return program;
  } catch (error) {
    console.log(`no ${name}: ${(error as Error).message.split('\n')[0]}`);
    return undefined;
  }
}
