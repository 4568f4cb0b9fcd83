/** `node tools/fuzz.ts SECONDS [target]`: runs every target in fuzz/, or one, for so long each; exit 1 if one finds something. */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [seconds = '30', only] = process.argv.slice(2);
const folder = join(dirname(import.meta.dirname), 'fuzz');
const targets = readdirSync(folder)
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => name.slice(0, -3))
  .filter((name) => only === undefined || name === only)
  .sort();
if (targets.length === 0) {
  console.error(only === undefined ? 'there are no targets in fuzz/' : `there is no target ${only} in fuzz/`);
  process.exit(2);
}

/** Each exports `run`: throws (with the seed in its message) when it finds something, else tells how many inputs it tried. */
interface Target {
  run(options: { milliseconds: number; seed?: number }): number | undefined | Promise<number | undefined>;
}

let passed = 0;
let failed = 0;
for (const name of targets) {
  // The one computed import: the list of targets is the folder itself.
  const target = (await import(pathToFileURL(join(folder, `${name}.ts`)).href)) as Partial<Target>;
  if (target.run === undefined) continue; // shared by targets
  const began = performance.now();
  try {
    const inputs = await target.run({ milliseconds: Number(seconds) * 1000 });
    passed++;
    console.log(
      `${name}: ${inputs ?? 'all'} inputs in ${((performance.now() - began) / 1000).toFixed(1)} s, nothing found`,
    );
  } catch (error) {
    failed++;
    console.error(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}
console.log(`fuzz: ${passed} targets found nothing, ${failed} found something`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
