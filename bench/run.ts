/** `node bench/run.ts [name …]`: the benchmarks one after the other, each in a process of its own. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** `resolve` has to be told its binaries: `node --expose-gc bench/resolve.ts EXE=FUNCTION …`. */
const all = ['hit-cost', 'deploy', 'arm', 'rate', 'budget', 'under-load', 'agent', 'store', 'query'];
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are ${all.join(', ')}`);
  process.exit(2);
}
let failed = 0;
for (const name of wanted.length > 0 ? wanted : all) {
  const file = join(import.meta.dirname, `${name}.ts`);
  if (!existsSync(file)) continue;
  console.log(`\n## ${name}\n`);
  if (spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', file], { stdio: 'inherit' }).status !== 0)
    failed++;
}
process.exit(failed === 0 ? 0 : 1);
