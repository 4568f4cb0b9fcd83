import { deepStrictEqual, strictEqual } from 'node:assert';
import { connect, type Socket } from 'node:net';
import { freePort } from '../../../testing/free-port.ts';
import { startProcess, temporaryFolder } from '../../../testing/process.ts';
import { built } from './built.ts';
import { Load } from './load.ts';
import type { Served } from './watch.ts';

interface Message {
  readonly subject: string;
  readonly reply: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: string;
}

/** A client of NATS (docs.nats.io/reference/reference-protocols/nats-protocol). */
export class Client {
  readonly #socket: Socket;
  readonly #waiting = new Map<string, (message: Message) => void>();
  #rest: Buffer = Buffer.alloc(0);
  error: string | undefined;

  private constructor(socket: Socket, name: string) {
    this.#socket = socket;
    socket.on('data', (data) => this.#read(data));
    socket.on('error', (error) => {
      this.error = error.message;
    });
    socket.write(
      `CONNECT ${JSON.stringify({ verbose: false, headers: true, name, lang: 'größe', version: '1.2.3' })}\r\n`,
    );
  }

  static connect(port: number, name: string): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Client(socket, name)));
      socket.once('error', reject);
    });
  }

  subscribe(subject: string, id: string, queue = ''): void {
    this.#socket.write(`SUB ${subject} ${queue === '' ? '' : `${queue} `}${id}\r\n`);
  }

  unsubscribe(id: string): void {
    this.#socket.write(`UNSUB ${id}\r\n`);
  }

  /** The message that comes to `at` after this one is sent. */
  ask(
    at: string,
    subject: string,
    reply: string,
    data: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Message> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing came to ${at}; ${this.error ?? ''}`)), 20_000);
      this.#waiting.set(at, (message) => {
        clearTimeout(timer);
        resolve(message);
      });
      const body = Buffer.from(data);
      const to = reply === '' ? subject : `${subject} ${reply}`;
      if (headers === undefined) {
        this.#socket.write(Buffer.concat([Buffer.from(`PUB ${to} ${body.length}\r\n`), body, Buffer.from('\r\n')]));
        return;
      }
      const head = headerText(headers);
      const size = Buffer.byteLength(head);
      this.#socket.write(
        Buffer.concat([Buffer.from(`HPUB ${to} ${size} ${size + body.length}\r\n${head}`), body, Buffer.from('\r\n')]),
      );
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(data: Buffer | string): void {
    this.#rest = Buffer.concat([this.#rest, Buffer.from(data)]);
    for (;;) {
      const end = this.#rest.indexOf('\r\n');
      if (end < 0) return;
      const [word, ...fields] = this.#rest.subarray(0, end).toString().split(' ');
      if (word === 'MSG' || word === 'HMSG') {
        const total = Number(fields.at(-1));
        const start = end + 2;
        if (this.#rest.length < start + total + 2) return;
        const head = word === 'HMSG' ? Number(fields.at(-2)) : 0;
        const reply = fields.length === (word === 'HMSG' ? 5 : 4) ? fields[2]! : '';
        const lines = this.#rest
          .subarray(start, start + head)
          .toString()
          .split('\r\n')
          .slice(1)
          .filter((line) => line !== '');
        const message = {
          subject: fields[0]!,
          reply,
          headers: Object.fromEntries(lines.map((line) => line.split(/: ?/) as [string, string])),
          data: this.#rest.subarray(start + head, start + total).toString(),
        };
        this.#rest = this.#rest.subarray(start + total + 2);
        this.#waiting.get(message.subject)?.(message);
        this.#waiting.delete(message.subject);
        continue;
      }
      if (word === 'PING') this.#socket.write('PONG\r\n');
      else if (word === '-ERR') this.error = fields.join(' ');
      this.#rest = this.#rest.subarray(end + 2);
    }
  }
}

export function headerText(headers: Readonly<Record<string, string>>): string {
  return `NATS/1.0\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;
}

/** What request n publishes. */
export const payload = (n: number): string => `${n}: größe ${'x'.repeat((n * 37) % 300)}`;
export const headersOf = (n: number) => ({ 'X-Seq': String(n), 'X-Name': `jörg-${n}` });

/** Each publishes to itself: a plain message, one with headers and a reply, one to a stream of JetStream, and a subscription for one message. */
export async function serveNats(stripped = false): Promise<Served> {
  const program = await built('nats-server', stripped);
  const port = await freePort();
  const server = await startProcess(program, {
    args: ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', temporaryFolder('sonde-nats-')],
    ready: /Server is ready/,
    timeoutMs: 60_000,
  });
  const client = await Client.connect(port, 'the load');
  client.subscribe('back.>', '1');
  client.subscribe('group.>', '2', 'workers');
  const config = {
    name: 'orders',
    subjects: ['orders.>'],
    storage: 'memory',
    max_msgs: 1000,
    metadata: { team: 'blüte' },
  };
  const made = await client.ask('back.made', '$JS.API.STREAM.CREATE.orders', 'back.made', JSON.stringify(config));
  strictEqual(JSON.parse(made.data).config?.name, 'orders', made.data);
  return {
    server,
    faults: /\[(?:ERR|FTL)\]|panic|fatal error/,
    load: new Load(async (n) => {
      switch (n % 5) {
        case 0:
          strictEqual((await client.ask(`back.${n}`, `back.${n}`, '', payload(n))).data, payload(n));
          return;
        case 1: {
          const got = await client.ask(`group.${n}`, `group.${n}`, `answer.${n}`, payload(n), headersOf(n));
          deepStrictEqual([got.reply, got.headers, got.data], [`answer.${n}`, headersOf(n), payload(n)]);
          return;
        }
        case 2: {
          const got = await client.ask(`back.${n}`, `orders.${n}`, `back.${n}`, payload(n), headersOf(n));
          strictEqual(JSON.parse(got.data).stream, 'orders', got.data);
          return;
        }
        case 3: {
          client.subscribe(`once.${n}.*`, String(n), `q${n}`);
          strictEqual((await client.ask(`once.${n}.x`, `once.${n}.x`, '', payload(n))).data, payload(n));
          client.unsubscribe(String(n));
          return;
        }
        default: {
          const own = await Client.connect(port, `client ${n}`);
          own.subscribe(`own.${n}`, '7');
          strictEqual((await own.ask(`own.${n}`, `own.${n}`, '', payload(n))).data, payload(n));
          own.close();
        }
      }
    }),
  };
}
