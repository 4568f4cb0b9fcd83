/** `node tools/check-imports.ts`: fails on any import and any file that `import-table.ts` does not allow. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type SourceFile, violations } from './import-rules.ts';

const root = dirname(import.meta.dirname);

/** What git keeps or would keep: tracked files, and new ones that it does not ignore. */
function sourceFiles(): SourceFile[] {
  const names = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  return [...new Set(names.split('\0'))]
    .filter((path) => path !== '' && existsSync(join(root, path)))
    .map((path) => (path.endsWith('.ts') ? { path, text: readFileSync(join(root, path), 'utf8') } : { path }));
}

const files = sourceFiles();
const found = violations(files);
for (const violation of found) console.error(violation);
console.log(`import table: ${files.length} files looked at, ${found.length} violations`);
process.exitCode = found.length === 0 ? 0 : 1;
