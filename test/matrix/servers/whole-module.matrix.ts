/** A real server, built through the Go module proxy, with every function of its module traced while it works: `make test-matrix MATRIX=whole-module`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { freePort } from '../../../testing/free-port.ts';
import { killStarted, startProcess } from '../../../testing/process.ts';
import { PxEnvironment } from '../../../testing/px.ts';
import { realServer } from '../../../testing/real-server.ts';
import { writeProbeScript } from '../../../testing/script.ts';

const sonde = new PxEnvironment();
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
});

/** A client of NATS (docs.nats.io/reference/reference-protocols/nats-protocol) that publishes to itself and checks what comes back. */
class Client {
  readonly #socket: Socket;
  #rest = '';
  #next = 0;
  received = 0;
  readonly faults: string[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text) => this.#read(String(text)));
    socket.on('error', (error) => this.faults.push(error.message));
    socket.write('CONNECT {"verbose":false}\r\nSUB here 1\r\n');
  }

  static connect(port: number): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Client(socket)));
      socket.once('error', reject);
    });
  }

  /** Messages a second, each sent when the ones before it but a few have come back. */
  async run(over: () => boolean): Promise<number> {
    const began = performance.now();
    const before = this.received;
    let sent = this.#next;
    while (!over()) {
      for (; sent - this.#next < 64; sent++)
        this.#socket.write(`PUB here ${payload(sent).length}\r\n${payload(sent)}\r\n`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const until = performance.now() + 10_000; this.#next < sent && performance.now() < until; )
      await new Promise((resolve) => setTimeout(resolve, 5));
    if (this.#next < sent) this.faults.push(`${sent - this.#next} messages did not come back`);
    return ((this.received - before) * 1000) / (performance.now() - began);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#rest += text;
    for (;;) {
      const end = this.#rest.indexOf('\r\n');
      if (end < 0) return;
      const line = this.#rest.slice(0, end);
      const [word, , , size] = line.split(' ');
      if (word === 'MSG') {
        const start = end + 2;
        if (this.#rest.length < start + Number(size) + 2) return;
        const got = this.#rest.slice(start, start + Number(size));
        if (got !== payload(this.#next)) this.faults.push(`message ${this.#next} is '${got.slice(0, 40)}'`);
        this.#next++;
        this.received++;
        this.#rest = this.#rest.slice(start + Number(size) + 2);
        continue;
      }
      if (word === 'PING') this.#socket.write('PONG\r\n');
      else if (word === '-ERR') this.faults.push(line);
      this.#rest = this.#rest.slice(end + 2);
    }
  }
}

function within(ms: number): () => boolean {
  const until = performance.now() + ms;
  return () => performance.now() > until;
}

function payload(n: number): string {
  return `${n}:${'x'.repeat((n * 37) % 700)}`;
}

it('nats-server answers every message rightly while all functions of its module are traced', async () => {
  const program = await realServer('nats-server');
  if (program === undefined) throw new Error('nats-server cannot be built: is there a Go module proxy?');
  const port = await freePort();
  const server = await startProcess(program, {
    args: ['-a', '127.0.0.1', '-p', String(port)],
    ready: /Server is ready/,
  });
  const client = await Client.connect(port);
  const before = await client.run(within(2_000));

  const file = writeProbeScript(sonde.folder, {
    upid: await sonde.upid(server.pid),
    name: 'all',
    function: 'module:*',
    columns: { n: 'Count()', latency: 'Histogram(pxtrace.FunctionLatency())' },
  });
  writeFileSync(file, `${readFileSync(file, 'utf8')}#px:set no_budget=true\n`);
  let traced = true;
  const running = client.run(() => !traced);
  await sonde.ok(['run', '-f', file]);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const rows = await sonde.rows<{ function: string; n: number }>(['run', '-f', file]);
  await sonde.ok(['tracepoint', 'delete', 'all']);
  const trace = await sonde.trace(server.pid, 'module:*', ['--no-budget', '--for', '3s']);
  const { stderr } = await trace.ended();
  traced = false;
  const during = await running;
  const after = await client.run(within(2_000));
  client.close();

  const rates = [before, during, after].map((rate) => Math.round(rate)).join(', ');
  process.stderr.write(`messages a second before, meanwhile (most of it traced), after: ${rates}\n${stderr}`);
  expect(client.faults).toEqual([]);
  const functions = new Set(rows.map(({ function: name }) => name));
  expect(functions.size).toBeGreaterThan(20);
  expect([...functions].every((name) => name.startsWith('github.com/nats-io/nats-server'))).toBe(true);
  expect(rows.reduce((sum, { n }) => sum + n, 0)).toBeGreaterThan(10_000);
  expect(Number(/(\d+) calls, /.exec(stderr)?.[1])).toBeGreaterThan(10_000);
  expect(server.exit).toBeUndefined();
  // What the server says of itself.
  expect(`${server.stdout}${server.stderr}`).not.toMatch(/\[(?:ERR|FTL)\]|panic|fatal error/);
});
