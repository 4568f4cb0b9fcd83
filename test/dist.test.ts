/** The single executable, alone in an empty root with /proc: the first story, on a host that has nothing else. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { killStarted, temporaryFolder } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { root } from '../testing/root.ts';
import { printedTables } from '../testing/table.ts';
import { DemoServer } from '../testing/targets.ts';

let sonde: PxEnvironment;
let emptyRoot: string;
let demo: DemoServer;

beforeAll(async () => {
  const folder = temporaryFolder('sonde-dist-');
  const executable = join(folder, 'px');
  execFileSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(root, 'tools', 'dist', 'build.ts'), executable],
    { stdio: 'pipe' },
  );
  emptyRoot = join(folder, 'root');
  mkdirSync(join(emptyRoot, 'proc'), { recursive: true });
  copyFileSync(executable, join(emptyRoot, 'px'));
  // Each px has a mount namespace of its own: what is mounted goes with it, and with the agent.
  const inRoot = join(folder, 'px-in-root');
  writeFileSync(
    inRoot,
    `#!/bin/sh\nexec unshare --mount sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" /px "$@"' '${emptyRoot}' "$@"\n`,
  );
  chmodSync(inRoot, 0o755);
  sonde = new PxEnvironment({ HOME: '/home', NODE_EXTRA_CA_CERTS: undefined }, inRoot);
  demo = await DemoServer.start();
});
afterAll(async () => {
  await sonde?.dispose();
  await killStarted();
});

it('unpacks itself once and says so', async () => {
  const first = await sonde.ok(['version']);
  expect(first.stdout).toMatch(/^px \d/);
  expect(first.stderr).toMatch(/^px: unpacking into \/home\/\.cache\/sonde\/px-[0-9a-f]+ \(once\) …\n$/);
  expect((await sonde.ok(['version'])).stderr).toBe('');
});

it.runIf(existsSync('/var/lib/dpkg'))('has the licences of the libraries that it brings', () => {
  const [tree] = globSync(join(emptyRoot, 'home/.cache/sonde/px-*/runtime'));
  const licences = readdirSync(join(tree!, 'licences')).map((file) => file.split(' ')[0]);
  expect(licences.sort()).toEqual(['libatomic1', 'libc6', 'libgcc-s1', 'libstdc++6']);
});

it('runs the first story', async () => {
  const upid = await sonde.upid(demo.pid);
  const input = readFileSync(join(root, 'examples', 'simple-gotracing', 'capture_args.pxl'), 'utf8');
  const run = () => sonde.ok(['run', '-f', '-', '--', '--upid', upid], { input });
  expect((await run()).stderr).toBe(' ✔    Preparing schema\n ✔    Deploying compute_e_data\n');
  for (const query of ['', '?iters=2', '?iters=200']) await demo.get(`/e${query}`);
  const [table] = printedTables((await run()).stdout);
  expect(table!.rows.map((row) => row[4])).toEqual(['100', '2', '200']);
});

it('traces calls as they happen', async () => {
  const trace = await sonde.trace(demo.pid, 'main.computeE');
  await demo.get('/e?iters=7');
  expect(await trace.atLeast(1)).toMatchObject([{ args: { iterations: 7 }, outcome: 'returned' }]);
  await trace.stop();
});
