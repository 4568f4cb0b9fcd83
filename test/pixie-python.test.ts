/** Pixie's Python package, as PyPI has it, against the agent over TLS. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../testing/free-port.ts';
import { pixiePythonSuite, pxapiPython } from '../testing/pixie-python-suite.ts';
import { startProcess } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { shellBlocks } from '../testing/readme.ts';
import { root } from '../testing/root.ts';
import { servedByAgent } from '../testing/served.ts';
import { DemoServer } from '../testing/targets.ts';

pixiePythonSuite(servedByAgent);

it('the README’s program prints what the demo was asked for', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const own = new PxEnvironment();
  const python = pxapiPython();
  try {
    const demo = await DemoServer.start();
    const address = `127.0.0.1:${await freePort()}`;
    const here = (text: string) => text.replaceAll('127.0.0.1:50305', address).replaceAll('/run/sonde', own.folder);
    writeFileSync(join(own.folder, 'calls.py'), here(shellBlocks(readme, 'python', 'python').join('')));
    const [open, call] = shellBlocks(readme, 'python').map(here) as [string, string];
    const run = call.replace('python3 ', `${python} ${own.folder}/`).replace('<UPID>', await own.upid(demo.pid));
    const shell = await startProcess('/bin/bash', {
      args: ['-c', `set -eum\npx() { ${own.px} "$@"; }\n${open}\n${run}\necho over\nread again\n${run}`],
      env: own.env,
      cwd: root,
    });
    await shell.waitFor(/^over$/m, 30_000);
    for (const path of ['/e', '/e?iters=2']) await demo.get(path);
    shell.write('go\n');
    await shell.until('its end', () => shell.exit, 30_000);
    expect(shell.exit!.code, shell.stderr).toBe(0);
    const [, , over, ...rows] = shell.lines;
    expect([over, ...rows].map((line) => line?.replace(/ \d+$/, ''))).toEqual(['over', '100', '2']);
  } finally {
    await own.dispose();
  }
});
