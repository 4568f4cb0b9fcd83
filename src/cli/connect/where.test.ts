import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Context } from '../context.ts';
import { destination, type Where } from './where.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-where-'));
const kubeconfig = join(folder, 'config');
writeFileSync(kubeconfig, '{}');
afterAll(() => rmSync(folder, { recursive: true }));

const go = (where: Where, env: Record<string, string> = {}) =>
  destination({ env: { HOME: folder, ...env } } as unknown as Context, where);

it.each<[string, Where, Record<string, string>, unknown]>([
  ['nothing said, no kubeconfig', {}, {}, { kind: 'local' }],
  ['nothing said, a kubeconfig', {}, { KUBECONFIG: kubeconfig }, { kind: 'cluster', asked: true }],
  [
    'one of several kubeconfigs is there',
    {},
    { KUBECONFIG: `/nowhere:${kubeconfig}` },
    { kind: 'cluster', asked: true },
  ],
  ['a kubeconfig that is not there', {}, { KUBECONFIG: '/nowhere' }, { kind: 'local' }],
  ['--local', { local: true }, { KUBECONFIG: kubeconfig, PX_TARGET: 'prod' }, { kind: 'local', why: '--local' }],
  ['--local, no kubeconfig', { local: true }, {}, { kind: 'local' }],
  ['--context', { context: 'test' }, { PX_TARGET: 'local' }, { kind: 'cluster', context: 'test' }],
  ['PX_TARGET=local', {}, { KUBECONFIG: kubeconfig, PX_TARGET: 'local' }, { kind: 'local', why: 'PX_TARGET' }],
  ['PX_TARGET', {}, { PX_TARGET: 'prod' }, { kind: 'cluster', context: 'prod' }],
])('%s', (_, where, env, expected) => {
  expect(go(where, env)).toEqual(expected);
});

it('--local and --context contradict each other', () => {
  expect(() => go({ local: true, context: 'x' })).toThrow(/contradict/);
});
