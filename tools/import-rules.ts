import { posix } from 'node:path';
import { cycles } from './cycles.ts';
import { folders, onlyIn, parts, rootFiles, testPackages } from './import-table.ts';
import { type Import, importsOf } from './imports.ts';

/** A file that git would keep: path from the root with `/`, and its text if it is TypeScript. */
export interface SourceFile {
  readonly path: string;
  readonly text?: string;
}

/** Everything in `files` that the table does not allow, one sentence each. */
export function violations(files: readonly SourceFile[]): string[] {
  const found: string[] = [...tableContradictions()];
  const known = new Set(files.map((file) => file.path));
  const fileEdges = new Map<string, Set<string>>();
  const partEdges = new Map<string, Set<string>>();
  for (const file of files) {
    const misplaced = misplacedFile(file.path);
    if (misplaced !== undefined) found.push(`${file.path}: ${misplaced}`);
    if (file.text === undefined) continue;
    let imports: Import[];
    try {
      imports = importsOf(file.text, file.path);
    } catch (error) {
      found.push(`${file.path}: cannot be parsed: ${(error as Error).message}`);
      continue;
    }
    for (const one of imports) {
      const where = `${file.path}:${one.line}`;
      const reason = forbidden(file.path, one.specifier);
      if (reason !== undefined) found.push(`${where}: ${one.specifier}: ${reason}`);
      const target = resolved(file.path, one.specifier);
      if (target !== undefined && !known.has(target)) found.push(`${where}: ${one.specifier}: there is no such file`);
      if (!one.value || target === undefined || isTest(file.path)) continue;
      edge(fileEdges, file.path, target);
      const [from, to] = [partOf(file.path), partOf(target)];
      if (from !== undefined && to !== undefined && from !== to) edge(partEdges, from, to);
    }
  }
  for (const cycle of cycles(fileEdges)) found.push(`import cycle: ${[...cycle, cycle[0]].join(' → ')}`);
  for (const cycle of cycles(partEdges)) found.push(`import cycle between parts: ${[...cycle, cycle[0]].join(' → ')}`);
  return found;
}

function edge(edges: Map<string, Set<string>>, from: string, to: string): void {
  const targets = edges.get(from);
  if (targets) targets.add(to);
  else edges.set(from, new Set([to]));
}

function tableContradictions(): string[] {
  return Object.entries(onlyIn).flatMap(([name, allowed]) =>
    Object.entries(parts)
      .filter(([part, row]) => row.packages?.includes(name) && !allowed.includes(part))
      .map(([part]) => `import table: ${part} may not import ${name}`),
  );
}

function isTest(path: string): boolean {
  return path.endsWith('.test.ts');
}

function partOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** The file that a specifier leads to; undefined for packages. */
function resolved(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return `src/${specifier.slice(1)}/index.ts`;
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier);
  return undefined;
}

function misplacedFile(path: string): string | undefined {
  const [top, ...below] = path.split('/') as [string, ...string[]];
  if (below.length === 0) return rootFiles.includes(path) ? undefined : 'no such file is expected in the root';
  if (top === 'src') {
    const [part, ...rest] = below as [string, ...string[]];
    const row = parts[part];
    if (rest.length === 0) return 'no file is expected in src/ itself';
    if (row === undefined) return `src/${part} is not a part`;
    const name = rest.join('/');
    const allowed =
      name.endsWith('.ts') ||
      /(^|\/)(golden|testdata|__snapshots__)\//.test(name) ||
      row.files?.some((pattern) => pattern.test(name));
    return allowed ? undefined : `the part ${part} holds no such file`;
  }
  const row = folders[top];
  if (row === undefined) return `no folder ${top}/ is expected in the root`;
  return row.files.some((pattern) => pattern.test(below.join('/'))) ? undefined : `${top}/ holds no such file`;
}

/** Why `path` may not import `specifier`, or undefined if it may. */
function forbidden(path: string, specifier: string): string | undefined {
  const part = partOf(path);
  return part === undefined ? forbiddenInFolder(path, specifier) : forbiddenInPart(part, path, specifier);
}

function forbiddenInPart(part: string, path: string, specifier: string): string | undefined {
  const row = parts[part];
  if (row === undefined) return undefined; // said by misplacedFile
  if (specifier === '(computed)') return 'a computed import cannot be checked';
  const test = isTest(path);
  if (specifier.startsWith('#')) {
    const name = partNamed(specifier);
    if (name === undefined) return 'there is no such part';
    if (name === part && !test) return 'a part imports its own files by relative paths';
    return test || row.parts.includes(name)
      ? undefined
      : `${part} may import ${list(row.parts.map((other) => `#${other}`))}`;
  }
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier);
    if (!specifier.endsWith('.ts') && !specifier.endsWith('.json')) return 'a relative import ends in .ts';
    if (target.startsWith(`src/${part}/`)) return undefined;
    if (test && target.startsWith('testing/')) return undefined;
    return test
      ? 'leads out of the part and not into testing/'
      : 'leads out of the part; other parts are imported as #name';
  }
  if (specifier.startsWith('node:'))
    return test || row.world === 'node' ? undefined : `${part} is ${row.world}: no platform modules`;
  const name = packageName(specifier);
  if (test && testPackages.includes(name)) return undefined;
  return row.packages?.includes(name) ? undefined : `${part} may import ${list(row.packages ?? [])} of the packages`;
}

function forbiddenInFolder(path: string, specifier: string): string | undefined {
  const top = path.split('/')[0]!;
  if (path === 'vitest.config.ts') return undefined;
  const row = folders[top];
  if (row === undefined || specifier.startsWith('node:') || specifier === '(computed)') return undefined;
  if (specifier.startsWith('#')) return partNamed(specifier) === undefined ? 'there is no such part' : undefined;
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier);
    const folder = target.split('/')[0]!;
    if (folder === top || row.folders?.includes(folder)) return undefined;
    const part = partOf(target);
    if (part !== undefined && row.programs?.includes(part)) return undefined;
    return `${top}/ may import files of ${list([top, ...(row.folders ?? [])])}, and parts as #name`;
  }
  return row.packages?.includes(packageName(specifier))
    ? undefined
    : `${top}/ may import ${list(row.packages ?? [])} of the packages`;
}

/** The part that `#name`, or `#name/folder`, is of. */
function partNamed(specifier: string): string | undefined {
  const [name, folder] = specifier.slice(1).split('/') as [string, string?];
  const row = parts[name];
  return folder === undefined || row?.entries?.includes(folder) ? row && name : undefined;
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
