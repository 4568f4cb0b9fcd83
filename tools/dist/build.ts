/**
 * `make dist`: dist/px, one file to bring to a host that has nothing else: a static program (launcher/main.go), and behind it, compressed, our source, the
 * packages that it needs at run time with their licences, Node.js, and the C and C++ libraries with their loader. It writes what it unpacks below the user's
 * cache folder.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { runtimePackages } from '../../testing/cluster/image.ts';
import { copyLicences, librariesOf, withoutSections } from '../../testing/cluster/libraries.ts';

const root = dirname(dirname(import.meta.dirname));
const output = process.argv[2] ?? join(root, 'dist', 'px');

/** What the tree of an installation has beside its packages (tools/install.sh). */
const folders = ['scripts', 'k8s', 'src'];
const single = ['package.json', 'package-lock.json', 'LICENSE'];
/** As launcher/main.go knows it. */
const magic = 'sonde-px';

function below(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/** What lies in a package itself: the packages in it are listed on their own. */
function ofPackage(path: string): string[] {
  return below(path).filter((file) => !file.startsWith(`${path}/node_modules/`));
}

/** The runtime has a folder of its own; types, maps and C sources are for developers. */
function isNeeded(path: string): boolean {
  if (/^node_modules\/(\.bin|\.package-lock\.json|node-linux-[^/]+|@types|undici-types)(\/|$)/.test(path)) return false;
  if (/\.(d\.[cm]?ts|map|md|cc?|hh?|S|asm)$/.test(path)) return false;
  return !/\.test\.ts$/.test(path) && !(path.startsWith('node_modules/') && /\.ts$/.test(path));
}

/** Node.js, all libraries that it and the packages' own need, and the loader that finds them there. */
function fillRuntime(runtime: string, natives: readonly string[]): void {
  mkdirSync(runtime);
  const nodePackage = join(root, 'node_modules', `node-linux-${process.arch}`);
  const node = join(runtime, 'node');
  copyFileSync(realpathSync(join(nodePackage, 'bin', 'node')), node);
  copyFileSync(join(nodePackage, 'LICENSE'), join(runtime, 'LICENSE'));
  withoutSections(node);
  const libraries = librariesOf([node, ...natives]);
  copyLicences(libraries, join(runtime, 'licences'));
  for (const library of libraries) {
    const name = basename(library);
    copyFileSync(realpathSync(library), join(runtime, /^ld-linux/.test(name) ? 'ld.so' : name));
  }
}

const staging = mkdtempSync(join(tmpdir(), 'sonde-dist-'));
try {
  const tree = join(staging, 'tree');
  const files = [...single, ...folders.flatMap(below), ...runtimePackages().flatMap(ofPackage)].filter(isNeeded).sort();
  for (const file of files) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    copyFileSync(join(root, file), join(tree, file));
  }
  const natives = files.filter((file) => /\.node$|\.so$/.test(file)).map((file) => join(tree, file));
  for (const native of natives) withoutSections(native);
  fillRuntime(join(tree, 'runtime'), natives);
  const packed = join(staging, 'tree.tar.gz');
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=go-w'];
  execFileSync('tar', [...same, '-I', 'gzip -9n', '-cf', packed, '-C', tree, '.'], { stdio: 'pipe' });
  const bytes = readFileSync(packed);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  const id = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  mkdirSync(dirname(output), { recursive: true });
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -trimpath', GOTOOLCHAIN: 'local' };
  const launcher = join(import.meta.dirname, 'launcher', 'main.go');
  execFileSync('go', ['build', '-ldflags=-s -w', '-o', output, launcher], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  appendFileSync(output, Buffer.concat([bytes, length, Buffer.from(id + magic)]));
  console.log(`dist: ${output}, ${Math.round(statSync(output).size / 1e6)} MB, ${files.length} files in it`);
} finally {
  rmSync(staging, { recursive: true, force: true });
}
