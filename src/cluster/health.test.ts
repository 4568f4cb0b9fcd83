import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { metricsText, serveHealth } from './health.ts';

it('answers what operators ask, and nothing else', async () => {
  let ready = false;
  const metrics = () => [{ name: 'sonde_x', help: 'X.', type: 'gauge', samples: [{ value: 3 }] } as const];
  const server = await serveHealth(0, { ready: () => ready, metrics });
  try {
    const get = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
      return [answer.status, await answer.text()];
    };
    expect(await get('/livez')).toEqual([200, 'ok\n']);
    expect(await get('/readyz')).toEqual([503, 'not yet\n']);
    ready = true;
    expect(await get('/readyz')).toEqual([200, 'ok\n']);
    expect(await get('/metrics')).toEqual([200, '# HELP sonde_x X.\n# TYPE sonde_x gauge\nsonde_x 3\n']);
    expect((await get('/'))[0]).toBe(404);
  } finally {
    server.close();
  }
});

it('label values may hold anything', () => {
  const samples = [{ labels: { name: 'a"b\\c\nd', other: '' }, value: 1 }];
  expect(metricsText([{ name: 'x', help: 'X.', type: 'counter', samples }])).toContain(
    'x{name="a\\"b\\\\c\\nd",other=""} 1\n',
  );
});
