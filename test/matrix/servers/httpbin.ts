import { deepStrictEqual, strictEqual } from 'node:assert';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { expect } from 'vitest';
import { freePort } from '../../../testing/free-port.ts';
import { startProcess } from '../../../testing/process.ts';
import { built } from './built.ts';
import { Load } from './load.ts';
import type { Served } from './watch.ts';

const agent = new Agent({ keepAlive: true });
let port: number;

function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | Buffer,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    const length = Buffer.byteLength(body);
    const all = length === 0 ? headers : { ...headers, 'Content-Length': String(length) };
    const sent = request({ agent, host: '127.0.0.1', port, method, path, headers: all }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(parts).toString() }),
      );
    });
    sent.on('error', reject);
    sent.end(Buffer.from(body));
  });
}

export const name = 'jörg größe';
const seen = (n: number) => ({
  'X-Seq': String(n),
  // Node.js writes each character of a header as a byte.
  'X-Name': Buffer.from(name).toString('latin1'),
  Authorization: `Bearer ${n}`,
});
export const document = (n: number) => ({
  n,
  name: `größe ${n}`,
  half: n / 2,
  list: [n, null, true, 'x'],
  in: { deep: -n },
});
export const form = (n: number) => `n=${n}&n=${n + 1}&name=j%C3%B6rg+${n}`;
const boundary = 'the-boundary-of-parts';
export const file = (n: number) => `file ${n}: ${'ä'.repeat(n % 50)}`;
export const multipart = (n: number) =>
  [
    `--${boundary}\r\nContent-Disposition: form-data; name="n"\r\n\r\n${n}\r\n`,
    `--${boundary}\r\nContent-Disposition: form-data; name="up"; filename="f${n}.txt"\r\nContent-Type: text/plain\r\n\r\n${file(n)}\r\n`,
    `--${boundary}--\r\n`,
  ].join('');
const microseconds = (n: number) => (n % 20_000) + 1;

/** What request n sends as its body, if it does. */
export function contents(n: number): { kind: string; method: string; type: string; body: string } | undefined {
  switch (n % 7) {
    case 0:
      return { kind: 'form', method: 'POST', type: 'application/x-www-form-urlencoded', body: form(n) };
    case 1:
      return { kind: 'json', method: 'PUT', type: 'application/json', body: JSON.stringify(document(n)) };
    case 2:
      return { kind: 'files', method: 'POST', type: `multipart/form-data; boundary=${boundary}`, body: multipart(n) };
    default:
      return undefined;
  }
}

/** Forms, JSON, files, choices, event streams, and a duration that is none. */
async function talk(n: number): Promise<void> {
  const sent = contents(n);
  if (sent !== undefined) {
    const path = `/${sent.method.toLowerCase()}?n=${n}&kind=${sent.kind}`;
    const { body } = await send(sent.method, path, { ...seen(n), 'Content-Type': sent.type }, sent.body);
    const got = JSON.parse(body);
    if (sent.kind === 'form') deepStrictEqual(got.form, { n: [`${n}`, `${n + 1}`], name: [`jörg ${n}`] });
    else if (sent.kind === 'json') deepStrictEqual(got.json, document(n));
    else deepStrictEqual(got.files, { up: [file(n)] });
    return;
  }
  switch (n % 7) {
    case 3: {
      const { status } = await send('GET', `/status/200:${n},202:0.25,418:0`, seen(n), '');
      expect([200, 202]).toContain(status);
      return;
    }
    case 4: {
      const { body } = await send('GET', `/sse?count=3&duration=${microseconds(n)}us&jitter=0.25`, seen(n), '');
      strictEqual(body.match(/event: ping/g)?.length, 3);
      return;
    }
    case 5: {
      const { status, body } = await send('GET', `/delay/bad${n}`, seen(n), '');
      strictEqual(status, 400);
      expect(body).toContain(`bad${n}`);
      return;
    }
    default: {
      const { body } = await send('GET', `/get?n=${n}&q=a%20b%C3%BC`, seen(n), '');
      deepStrictEqual(JSON.parse(body).args, { n: [String(n)], q: ['a bü'] });
    }
  }
}

export async function serveHttpbin(stripped = false): Promise<Served> {
  const program = await built('go-httpbin', stripped);
  port = await freePort();
  const server = await startProcess(program, {
    args: ['-host', '127.0.0.1', '-port', String(port)],
    ready: /listening/,
    timeoutMs: 60_000,
  });
  return { server, load: new Load(talk) };
}
