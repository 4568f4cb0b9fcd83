import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { goFixture } from '../go-fixtures.ts';
import { root } from '../root.ts';
import { copyLicences, librariesOf, withoutSections } from './libraries.ts';

const version: string = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;

/** What the manifests name. */
export const sondeReference = `sonde:${version}`;
export const demoReference = `sonde-demo-gotracing:${version}`;

export interface ImageConfig {
  /** As manifests name it, with a tag. */
  readonly reference: string;
  readonly entrypoint: readonly string[];
  readonly user?: string;
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Writes an image of one layer, the folder's content, as an OCI archive (image-spec, image-layout.md), without a container engine. */
export function writeImage(folder: string, { reference, entrypoint, user }: ImageConfig, archive: string): void {
  const staging = mkdtempSync(join(tmpdir(), 'sonde-image-'));
  try {
    const blobs = join(staging, 'blobs', 'sha256');
    mkdirSync(blobs, { recursive: true });
    const put = (bytes: Buffer) => {
      const hex = createHash('sha256').update(bytes).digest('hex');
      writeFileSync(join(blobs, hex), bytes);
      return { digest: `sha256:${hex}`, size: bytes.length };
    };
    const json = (value: unknown) => put(Buffer.from(JSON.stringify(value)));
    const layerFile = join(staging, 'layer.tar');
    tar(layerFile, folder);
    const layer = put(readFileSync(layerFile));
    rmSync(layerFile);
    const platform = { architecture: architectures[process.arch] ?? process.arch, os: 'linux' };
    const config = json({
      ...platform,
      config: {
        Entrypoint: entrypoint,
        Env: ['PATH=/'],
        WorkingDir: '/',
        ...(user === undefined ? {} : { User: user }),
      },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    });
    const vendor = 'application/vnd.oci.image';
    const manifest = json({
      schemaVersion: 2,
      mediaType: `${vendor}.manifest.v1+json`,
      config: { mediaType: `${vendor}.config.v1+json`, ...config },
      layers: [{ mediaType: `${vendor}.layer.v1.tar`, ...layer }],
    });
    const annotations = {
      'io.containerd.image.name': withRegistry(reference),
      'org.opencontainers.image.ref.name': reference.slice(reference.lastIndexOf(':') + 1),
    };
    const entry = { mediaType: `${vendor}.manifest.v1+json`, ...manifest, platform, annotations };
    writeFileSync(join(staging, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    const index = { schemaVersion: 2, mediaType: `${vendor}.index.v1+json`, manifests: [entry] };
    writeFileSync(join(staging, 'index.json'), JSON.stringify(index));
    tar(archive, staging);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** A bare name means this registry to the kubelet, and to Docker; containerd knows images by whole names only. */
function withRegistry(reference: string): string {
  const [first, ...rest] = reference.split('/');
  if (rest.length === 0) return `docker.io/library/${reference}`;
  return /[.:]|^localhost$/.test(first!) ? reference : `docker.io/${reference}`;
}

/** The same content makes the same bytes. */
function tar(archive: string, folder: string): void {
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=posix'];
  const pax = '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime';
  execFileSync('tar', [...same, pax, '-cf', archive, '-C', folder, '.'], { stdio: 'pipe' });
}

async function inStaging(
  fill: (folder: string) => Promise<void> | void,
  write: (folder: string) => void,
): Promise<void> {
  const staging = mkdtempSync(join(tmpdir(), 'sonde-image-'));
  try {
    // The image's root, which any user of it passes through.
    chmodSync(staging, 0o755);
    await fill(staging);
    write(staging);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** A static program as the only file of an image: as the demo's Dockerfile makes it. */
export async function programImage(
  program: string,
  path: string,
  config: Omit<ImageConfig, 'entrypoint'>,
  archive: string,
): Promise<void> {
  await inStaging(
    (folder) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      copyFileSync(program, join(folder, path));
    },
    (folder) => writeImage(folder, { ...config, entrypoint: [path] }, archive),
  );
}

/** As examples/simple-gotracing/Dockerfile says, too. */
export const demoConfig = { program: '/gotracing', flags: ['-trimpath'], user: '65534:65534' } as const;

export async function demoImage(reference: string, archive: string): Promise<void> {
  const { program, flags, user } = demoConfig;
  const built = await goFixture({ source: 'examples/simple-gotracing', flags: [...flags] });
  await programImage(built, program, { reference, user }, archive);
}

/** As the Dockerfile says, too. */
export const sondeEntrypoint = ['/sonde/node', '/sonde/src/agent/main.ts'] as const;

/** Agent and broker. */
export async function sondeImage(reference: string, archive: string): Promise<void> {
  await inStaging(fillSonde, (folder) => writeImage(folder, { reference, entrypoint: sondeEntrypoint }, archive));
}

/** The files of the image: the tree's sources, the packages that run, their Node, and the C libraries that these need. */
export function fillSonde(folder: string): void {
  const home = join(folder, 'sonde');
  mkdirSync(home);
  const isTest = /\.test\.ts$|\/testdata(\/|$)|\/src\/cli(\/|$)/;
  cpSync(join(root, 'src'), join(home, 'src'), { recursive: true, filter: (path) => !isTest.test(path) });
  copyFileSync(join(root, 'package.json'), join(home, 'package.json'));
  const nodePackage = `node_modules/node-linux-${process.arch}`;
  const natives = [];
  for (const path of runtimePackages()) {
    if (path === nodePackage) continue;
    const from = join(root, path);
    cpSync(from, join(home, path), {
      recursive: true,
      // Nested packages come by their own entries; what only compilers and people read stays out.
      filter: (file) =>
        file === from || !/\/node_modules$|\.(map|md|d\.ts|d\.mts|d\.cts)$|\/musl_/.test(file.slice(from.length)),
    });
  }
  cpSync(join(root, nodePackage, 'bin', 'node'), join(home, nodePackage, 'bin', 'node'), { dereference: true });
  symlinkSync(`${nodePackage}/bin/node`, join(home, 'node'));
  const found = execFileSync('find', [home, '-name', '*.node', '-o', '-name', '*.so'], { encoding: 'utf8' });
  natives.push(join(home, nodePackage, 'bin', 'node'), ...found.split('\n').filter((line) => line !== ''));
  for (const file of natives) withoutSections(file);
  const libraries = librariesOf(natives);
  for (const library of libraries) {
    mkdirSync(dirname(join(folder, library)), { recursive: true });
    copyFileSync(realpathSync(library), join(folder, library));
  }
  copyFileSync(join(root, 'LICENSE'), join(home, 'LICENSE'));
  copyFileSync(join(root, nodePackage, 'LICENSE'), join(home, nodePackage, 'LICENSE'));
  copyLicences(libraries, join(home, 'licences'));
  mkdirSync(join(folder, 'etc'));
  writeFileSync(join(folder, 'etc', 'passwd'), 'root:x:0:0:root:/:\nnobody:x:65534:65534:nobody:/:\n');
  for (const mount of ['tmp', 'run/sonde', 'proc', 'sys', 'dev']) mkdirSync(join(folder, mount), { recursive: true });
}

/** Folders of the packages that the lock file has for running, as far as they are installed on this platform. */
export function runtimePackages(): string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { dev?: boolean; devOptional?: boolean }>>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional && existsSync(join(root, path)))
    .map(([path]) => path);
}
