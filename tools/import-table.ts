/**
 * Who may import whom, and which files may be where: the table of the design as data. `check-imports.ts` enforces it.
 * To allow something new, change a row here and say why in the commit.
 */

export type World = 'pure' | 'node' | 'browser';

export interface PartRow {
  /** `pure`: plain ECMAScript, no platform module. `node`: may import `node:` modules. `browser`: DOM, no `node:`. */
  readonly world: World;
  /** Other parts, imported as `#name`. */
  readonly parts: readonly string[];
  /** Folders of it that are imported as `#name/folder` where no more of it is to be loaded. */
  readonly entries?: readonly string[];
  /** npm packages, by package name. */
  readonly packages?: readonly string[];
  /** Files other than `.ts` that the part may hold, as patterns of the path below its folder. */
  readonly files?: readonly RegExp[];
}

/** Folders of `src/`. */
export const parts: Readonly<Record<string, PartRow>> = {
  base: { world: 'pure', parts: [] },
  model: { world: 'pure', parts: ['base'] },
  elf: { world: 'pure', parts: ['base'] },
  dwarf: { world: 'pure', parts: ['base'] },
  gobin: { world: 'pure', parts: ['base', 'elf', 'dwarf'] },
  asm: { world: 'pure', parts: ['base'] },
  goexpr: { world: 'pure', parts: ['base', 'model'] },
  // The reader's thread decodes: it needs none of the compiler.
  probe: { world: 'pure', parts: ['base', 'model', 'gobin', 'asm', 'goexpr'], entries: ['decode'] },
  pxl: { world: 'pure', parts: ['base'] },
  // A profile is a message of Protocol Buffers; the package is plain ECMAScript.
  functions: { world: 'pure', parts: [], packages: ['@bufbuild/protobuf'] },
  // Of functions, what is known of formats when a script is compiled.
  planner: { world: 'pure', parts: ['base', 'model', 'pxl', 'goexpr', 'functions'] },
  // The generated code writes and reads its messages with this package's wire format, which is plain ECMAScript.
  api: {
    world: 'pure',
    parts: ['base', 'model'],
    packages: ['@bufbuild/protobuf'],
    files: [/^proto\/\w+\.proto$/, /\.ya?ml$/],
  },
  sys: { world: 'node', parts: ['base'], packages: ['koffi'] },
  bpf: { world: 'node', parts: ['base', 'asm', 'sys'] },
  store: {
    world: 'node',
    parts: ['base', 'model', 'functions'],
    packages: ['@duckdb/node-bindings'],
  },
  // How clients come in and are answered: what the agent and the broker share of that.
  door: { world: 'node', parts: ['base', 'model', 'api'], packages: ['@grpc/grpc-js', 'jose'] },
  // What px.export sends, and to whom.
  otlp: { world: 'node', parts: ['base', 'model', 'api'], packages: ['@grpc/grpc-js'] },
  cluster: { world: 'node', parts: ['base', 'model'], packages: ['@kubernetes/client-node'] },
  agent: {
    world: 'node',
    parts: [
      'base',
      'model',
      'elf',
      'dwarf',
      'gobin',
      'asm',
      'goexpr',
      'probe',
      'pxl',
      'planner',
      'api',
      'sys',
      'bpf',
      'store',
      'cluster',
      'door',
      'otlp',
    ],
    packages: ['@grpc/grpc-js', 'iced-x86', 'zod', 'pino'],
  },
  broker: {
    world: 'node',
    parts: ['base', 'model', 'api', 'pxl', 'planner', 'store', 'cluster', 'door', 'otlp'],
    packages: ['@grpc/grpc-js', 'zod', 'pino'],
  },
  cli: {
    world: 'node',
    // door: the tokens of a cluster are Secrets that px writes.
    parts: ['base', 'model', 'api', 'pxl', 'planner', 'cluster', 'door'],
    packages: [
      '@grpc/grpc-js',
      'commander',
      'string-width',
      'vscode-languageserver',
      'vscode-languageserver-textdocument',
      'zod',
    ],
  },
  web: { world: 'browser', parts: ['base', 'model', 'api', 'pxl'], files: [/\.(html|css|svg)$/] },
};

/** What test files may import beside what their part may: any part, node, `testing/`, and these. */
export const testPackages: readonly string[] = [
  'vitest',
  'fast-check',
  'iced-x86',
  '@grpc/grpc-js',
  'jose',
  '@bufbuild/protobuf',
  '@duckdb/node-api',
  '@kubernetes/client-node',
  'vscode-jsonrpc',
];

export interface FolderRow {
  /** Patterns of the path below the folder. */
  readonly files: readonly RegExp[];
  /** Packages that its `.ts` files may import; they may import `node:` and any part as well. */
  readonly packages?: readonly string[];
  /** Other folders of this table into which its relative imports may lead. */
  readonly folders?: readonly string[];
  /** Parts into whose files its relative imports may lead: programs, which have no index to be imported by name. */
  readonly programs?: readonly string[];
}

const typescript = /\.ts$/;

/** Folders beside `src/`. */
export const folders: Readonly<Record<string, FolderRow>> = {
  testing: {
    files: [typescript, /^fixtures\//, /^data\//],
    packages: [...testPackages, 'rolldown'],
    programs: ['agent'],
  },
  test: {
    files: [typescript, /^golden\//, /^scripts\/[\w-]+\.pxl$/, /^python\/[\w-]+\.py$/],
    packages: testPackages,
    folders: ['testing'],
  },
  fuzz: { files: [typescript, /^corpus\//], packages: testPackages, folders: ['testing'] },
  bench: {
    files: [typescript, /^[\w-]+\/[\w.-]+$/, /^[\w-]+\.py$/],
    packages: testPackages,
    folders: ['testing'],
  },
  // rolldown (a part of vitest) has the parser by which the check of imports reads TypeScript.
  tools: {
    files: [typescript, /^[\w-]+\.(sh|mjs)$/, /^dist\/launcher\/main\.go$/, /^buf[\w.]*\.ya?ml$/],
    packages: [...testPackages, 'rolldown'],
    folders: ['testing'],
  },
  scripts: {
    files: [
      /^px\/[\w-]+\/[\w-]+\.pxl$/,
      /^px\/[\w-]+\.pxl$/,
      /^px\/[\w-]+\/(vis\.json|manifest\.(json|ya?ml))$/,
      /^px\/[\w-]+\.json$/,
    ],
  },
  examples: { files: [/^[\w-]+\/([\w-]+\.(go|pxl|ya?ml|md)|go\.mod|Dockerfile|\.dockerignore)$/] },
  k8s: { files: [/^[\w-]+\.yaml$/] },
  docs: { files: [/\.(md|svg|png)$/] },
  completion: { files: [/^px\.\w+$/] },
  '.ci': { files: [/^run$/] },
};

/** Files in the root of the clone. */
export const rootFiles: readonly string[] = [
  '.dockerignore',
  '.editorconfig',
  '.gitattributes',
  '.gitignore',
  '.npmrc',
  'Dockerfile',
  'LICENSE',
  'Makefile',
  'README.md',
  'NOTICE',
  'biome.json',
  'buf.gen.yaml',
  'buf.yaml',
  'package-lock.json',
  'package.json',
  'px',
  'tsconfig.json',
  'tsconfig.pure.json',
  'vitest.config.ts',
];

/** Only these parts may import these packages, whatever the rows above say. A row that disagrees fails the check. */
export const onlyIn: Readonly<Record<string, readonly string[]>> = {
  koffi: ['sys'],
  '@duckdb/node-bindings': ['store'],
  '@grpc/grpc-js': ['door', 'otlp', 'agent', 'broker', 'cli'],
  'iced-x86': ['agent'],
  '@kubernetes/client-node': ['cluster'],
};
