import { get } from 'node:http';
import { connect } from 'node:net';
import { freePort } from '../../../testing/free-port.ts';
import { startProcess } from '../../../testing/process.ts';
import { built } from './built.ts';
import { Load } from './load.ts';
import type { Served } from './watch.ts';

export const city = (n: number) => ['köln', 'münchen', 'graz'][n % 3]!;
export const reading = (n: number) => n + 0.25;

/** What request n sends: a counter, a gauge and a timer, with tags. */
export const lines = (n: number): readonly string[] => [
  `load.requests:1|c|#city:${city(n)},shard:${n % 5}`,
  `load.reading:${reading(n)}|g|#city:${city(n)}`,
  `load.time:${reading(n)}|ms|#shard:${n % 5}`,
];

/** StatsD's lines over TCP; what the server then shows of its counters is held against what was sent. */
export async function serveStatsd(): Promise<Served> {
  const program = await built('statsd_exporter');
  const [web, statsd] = [await freePort(), await freePort()];
  const server = await startProcess(program, {
    args: [`--web.listen-address=127.0.0.1:${web}`, `--statsd.listen-tcp=127.0.0.1:${statsd}`, '--statsd.listen-udp='],
    ready: /Accepting/i,
    timeoutMs: 60_000,
  });
  const socket = connect(statsd, '127.0.0.1');
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let sent = 0;
  const seen = async () => {
    const text = await new Promise<string>((resolve, reject) => {
      get({ host: '127.0.0.1', port: web, path: '/metrics' }, (answer) => {
        let body = '';
        answer.setEncoding('utf8');
        answer.on('data', (part) => {
          body += part;
        });
        answer.on('end', () => resolve(body));
      }).on('error', reject);
    });
    return [...text.matchAll(/^load_requests\{.*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  return {
    server,
    faults: /level=ERROR|panic:|fatal error:/,
    load: new Load(async (n) => {
      socket.write(`${lines(n).join('\n')}\n`);
      const wanted = ++sent;
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (n % 50 !== 0) return;
      for (const until = performance.now() + 20_000; (await seen()) < wanted; ) {
        if (performance.now() > until) throw new Error(`${await seen()} of ${wanted} requests are counted`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }),
  };
}
