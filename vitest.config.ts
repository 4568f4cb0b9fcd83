import { defineConfig } from 'vitest/config';

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'testing/**/*.test.ts', 'tools/**/*.test.ts'],
          exclude: ['**/*.bpf.test.ts', '**/*.cluster.test.ts'],
          // A busy machine is no failure.
          testTimeout: 60_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'bpf',
          include: ['src/**/*.bpf.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['src/**/*.cluster.test.ts', 'testing/**/*.cluster.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          // Each file has an API server, agents and ports of its own, and mostly waits.
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: 'pods',
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.test.ts'],
          exclude: ['test/cluster/**'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          // Each file has agents and programs of its own, and half of the time waits.
          maxWorkers: 2,
          expect: { poll: { timeout: 20_000 } },
        },
      },
    ],
  },
});
