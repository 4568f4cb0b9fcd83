/**
 * `make cluster-binaries`: builds what is missing of Kubernetes, etcd and the CNI plugins into the cache, from the Go module
 * proxy. Once: ten minutes on two idle cores, up to 3 GB of memory for one process.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, type Recipe, recipes } from './binaries.ts';

const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -trimpath', GOTOOLCHAIN: 'local' };

function go(cwd: string, args: readonly string[]): string {
  return execFileSync('go', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The flags by which Kubernetes' programs know their version; without them they call themselves v0.0.0-master. */
function linkerFlags({ module, version }: Recipe): string {
  if (module !== 'k8s.io/kubernetes') return '-s -w';
  const [major, minor] = version.split('.');
  const values = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const settings = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((path) =>
    Object.entries(values).map(([name, value]) => `-X ${path}.${name}=${value}`),
  );
  return ['-s', '-w', ...settings].join(' ');
}

/**
 * k8s.io/kubernetes replaces its staging modules by folders of its own repository, which a dependency's go.mod cannot do for
 * us: each by its published version.
 */
function replacements({ module, version }: Recipe): string[] {
  if (module !== 'k8s.io/kubernetes') return [];
  const { GoMod } = JSON.parse(go('/', ['mod', 'download', '-json', `${module}@v${version}`])) as { GoMod: string };
  const published = `v0.${version.split('.').slice(1).join('.')}`;
  const staged = readFileSync(GoMod, 'utf8').matchAll(/^\s+(k8s\.io\/\S+) => \.\/staging/gm);
  return [...staged].map(([, name]) => `replace ${name} => ${name} ${published}`);
}

function build(recipe: Recipe, names: readonly string[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-cluster-build-'));
  try {
    const packages = Object.values(recipe.packages);
    const lines = [
      'module build',
      'go 1.26.0',
      'godebug default=go1.26',
      `require ${recipe.module} v${recipe.version}`,
    ];
    writeFileSync(join(folder, 'go.mod'), `${[...lines, ...replacements(recipe)].join('\n')}\n`);
    const imports = packages.map((path) => `import _ "${path}"`).join('\n');
    writeFileSync(join(folder, 'tools.go'), `//go:build tools\n\npackage tools\n\n${imports}\n`);
    go(folder, ['mod', 'tidy', '-e']);
    const target = join(cacheFolder, recipe.folder);
    mkdirSync(target, { recursive: true });
    for (const name of names) {
      const began = performance.now();
      const unfinished = join(target, `.${name}.${process.pid}`);
      go(folder, ['build', '-ldflags', linkerFlags(recipe), '-o', unfinished, recipe.packages[name]!]);
      renameSync(unfinished, join(target, name));
      console.log(`${name} ${recipe.version}: ${((performance.now() - began) / 1000).toFixed(0)} s`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const recipe of recipes) {
  const names = Object.keys(recipe.packages).filter((name) => !existsSync(join(cacheFolder, recipe.folder, name)));
  if (names.length > 0) build(recipe, names);
}
console.log(`the cluster's binaries are in ${cacheFolder}`);
