import { createServer, type Server } from 'node:http';

/** One number of the /metrics page (Prometheus text format 0.0.4). */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** Of a histogram's samples: `_bucket`, `_sum` or `_count`. */
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export function counter(name: string, help: string, value: number): Metric {
  return { name, help, type: 'counter', samples: [{ value }] };
}

export function gauge(name: string, help: string, value: number): Metric {
  return { name, help, type: 'gauge', samples: [{ value }] };
}

/** Upper ends of buckets, seconds. */
const timeBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** How long things took. */
export class Durations {
  readonly #counts = timeBuckets.map(() => 0);
  #count = 0;
  #sum = 0;

  observe(seconds: number): void {
    this.#count++;
    this.#sum += seconds;
    timeBuckets.forEach((end, i) => {
      if (seconds <= end) this.#counts[i]!++;
    });
  }

  metric(name: string, help: string): Metric {
    const buckets = this.#counts.map(
      (value, i): Sample => ({ suffix: '_bucket', labels: { le: `${timeBuckets[i]}` }, value }),
    );
    const all: Sample = { suffix: '_bucket', labels: { le: '+Inf' }, value: this.#count };
    const totals: Sample[] = [
      { suffix: '_sum', value: this.#sum },
      { suffix: '_count', value: this.#count },
    ];
    return { name, help, type: 'histogram', samples: [...buckets, all, ...totals] };
  }
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
      `# HELP ${name} ${help.replace(/[\\\n]/g, (each) => (each === '\n' ? '\\n' : '\\\\'))}`,
      `# TYPE ${name} ${type}`,
      ...samples.map(
        ({ suffix = '', labels = {}, value }) => `${name}${suffix}${labelText(labels)} ${numberText(value)}`,
      ),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

/** As Go reads it. */
function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const escaped = (text: string) => text.replace(/[\\"\n]/g, (each) => (each === '\n' ? '\\n' : `\\${each}`));
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const startedAt = Date.now() / 1000 - process.uptime();

/** What every metrics page has. */
export function processMetrics(version: string): Metric[] {
  const { user, system } = process.cpuUsage();
  const info: Metric = {
    name: 'sonde_build_info',
    help: 'What runs here; always 1.',
    type: 'gauge',
    samples: [{ labels: { version, node: process.version }, value: 1 }],
  };
  return [
    info,
    gauge('sonde_resident_bytes', 'Resident memory.', process.memoryUsage.rss()),
    gauge('sonde_start_time_seconds', 'When the process started, seconds since 1970.', startedAt),
    counter('sonde_cpu_seconds_total', 'Processor time of all threads.', (user + system) / 1e6),
  ];
}
