import { defineConfig } from 'vitest/config';

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
  test: { root: '.', include: ['test/matrix/**/*.matrix.ts'], testTimeout: 600_000, fileParallelism: false },
});
