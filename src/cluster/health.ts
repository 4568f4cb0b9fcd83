import { createServer, type Server } from 'node:http';

/** One number of the /metrics page (Prometheus text format 0.0.4). */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly samples: readonly { readonly labels?: Readonly<Record<string, string>>; readonly value: number }[];
}

/**
 * What operators ask: `/livez` answers while the process does, `/readyz` once `ready` says so, `/metrics` with the numbers. It says nothing
 * of anybody's rows, and is all that is open to the pod network.
 */
export async function serveHealth(
  port: number,
  { ready, metrics }: { readonly ready: () => boolean; readonly metrics: () => readonly Metric[] },
): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: string) => {
      response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
      response.end(body);
    };
    if (request.url === '/livez') answer(200, 'ok\n');
    else if (request.url === '/readyz') answer(ready() ? 200 : 503, ready() ? 'ok\n' : 'not yet\n');
    else if (request.url === '/metrics') answer(200, metricsText(metrics()));
    else answer(404, 'there are /livez, /readyz and /metrics\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
  return server;
}

export function metricsText(metrics: readonly Metric[]): string {
  return metrics
    .flatMap(({ name, help, type, samples }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...samples.map(({ labels = {}, value }) => `${name}${labelText(labels)} ${value}`),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const escaped = (text: string) => text.replace(/[\\"\n]/g, (each) => (each === '\n' ? '\\n' : `\\${each}`));
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** The memory of this process, which every metrics page has. */
export function memoryMetric(): Metric {
  const value = process.memoryUsage.rss();
  return { name: 'sonde_resident_bytes', help: 'Resident memory.', type: 'gauge', samples: [{ value }] };
}
