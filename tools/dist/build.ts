/**
 * `make dist`: dist/px, one file to bring to a host that has no Node.js: the runtime, our source, the packages that it needs at
 * run time with their licences. It wants the C and C++ libraries of the host (glibc 2.28 or later) and writes what it unpacks below the
 * user's cache folder.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';

const root = dirname(dirname(import.meta.dirname));
const output = process.argv[2] ?? join(root, 'dist', 'px');

/** What the tree of an installation has beside its packages (tools/install.sh). */
const folders = ['scripts', 'k8s', 'src'];
const loader = { file: 'load.cjs', bytes: Buffer.from('module.exports = (url) => import(url);\n') };
const single = ['package.json', 'package-lock.json', 'LICENSE', loader.file];

/** The folders of the packages that are not for development alone, as far as this machine has them. */
function packages(): string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true && existsSync(join(root, path)))
    .map(([path]) => path);
}

function below(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/** What lies in a package itself: the packages in it are listed on their own. */
function ofPackage(path: string): string[] {
  return below(path).filter((file) => !file.startsWith(`${path}/node_modules/`));
}

/** The runtime is the executable itself; types, maps and C sources are for developers. */
function isNeeded(path: string): boolean {
  if (/^node_modules\/(\.bin|\.package-lock\.json|node-linux-[^/]+|@types|undici-types)(\/|$)/.test(path)) return false;
  if (/\.(d\.[cm]?ts|map|md|cc?|hh?|S|asm)$/.test(path)) return false;
  return !/\.test\.ts$/.test(path) && !(path.startsWith('node_modules/') && /\.ts$/.test(path));
}

const staging = mkdtempSync(join(tmpdir(), 'sonde-dist-'));
try {
  const files = [...single, ...folders.flatMap(below), ...packages().flatMap(ofPackage)].filter(isNeeded).sort();
  const hash = createHash('sha256').update(process.version);
  const assets: Record<string, string> = {};
  const packed = join(staging, 'packed');
  for (const [index, file] of files.entries()) {
    const bytes = file === loader.file ? loader.bytes : readFileSync(join(root, file));
    hash.update(file).update('\0').update(bytes);
    assets[`tree/${file}`] = join(packed, String(index));
    mkdirSync(packed, { recursive: true });
    writeFileSync(
      join(packed, String(index)),
      zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 12 } }),
    );
  }
  const id = join(staging, 'id');
  writeFileSync(id, hash.digest('hex').slice(0, 16));
  assets.id = id;
  const main = join(staging, 'bootstrap.mjs');
  writeFileSync(main, stripTypeScriptTypes(readFileSync(join(import.meta.dirname, 'bootstrap.ts'), 'utf8')));
  const config = join(staging, 'sea.json');
  mkdirSync(dirname(output), { recursive: true });
  const settings = {
    main,
    mainFormat: 'module',
    output,
    disableExperimentalSEAWarning: true,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // The agent's own flags come as --node-options.
    execArgvExtension: 'cli',
    assets,
  };
  writeFileSync(config, JSON.stringify(settings));
  execFileSync(process.execPath, ['--build-sea', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  console.log(`dist: ${output}, ${Math.round(statSync(output).size / 1e6)} MB, ${files.length} files in it`);
} finally {
  rmSync(staging, { recursive: true, force: true });
}
