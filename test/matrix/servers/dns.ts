import { strictEqual } from 'node:assert';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../testing/free-port.ts';
import { startProcess, temporaryFolder } from '../../../testing/process.ts';
import { built } from './built.ts';
import { Load } from './load.ts';
import type { Served } from './watch.ts';

const types = { A: 1, CNAME: 5, MX: 15, TXT: 16, AAAA: 28 } as const;
export type RecordType = keyof typeof types;

/** A query (RFC 1035 4.1) with an OPT record, by which the answer may be 1232 bytes. */
function query(id: number, name: string, type: RecordType): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(1, 10);
  const labels = name.split('.').filter((label) => label !== '');
  const bytes = labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const opt = Buffer.from([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...bytes, Buffer.from([0, 0, types[type], 0, 1]), opt]);
}

function skipName(packet: Buffer, at: number): number {
  for (let i = at; ; i += packet[i]! + 1) {
    if (packet[i] === 0) return i + 1;
    if (packet[i]! >= 0xc0) return i + 2;
  }
}

/** The code of the answer, and the data of its first record as hex. */
function answer(packet: Buffer): { code: number; data: string } {
  const code = packet[3]! & 15;
  if (packet.readUInt16BE(6) === 0) return { code, data: '' };
  const record = skipName(packet, skipName(packet, 12) + 4);
  const size = packet.readUInt16BE(record + 8);
  return { code, data: packet.subarray(record + 10, record + 10 + size).toString('hex') };
}

/** The address that the server makes of request n. */
export const address = (n: number) => [10, (n >> 16) & 255, (n >> 8) & 255, n & 255];

/** Of each request the name, the type, and what answers it: hex of its data, or a code. */
export function question(n: number): { name: string; type: RecordType; data?: string; code?: number } {
  const [, a, b, c] = address(n);
  switch (n % 5) {
    case 0:
      return { name: `ip-${a}-${b}-${c}.made.example.`, type: 'A', data: Buffer.from(address(n)).toString('hex') };
    case 1:
      return {
        name: `host${n % 20}.hosts.example.`,
        type: 'A',
        data: Buffer.from([192, 0, 2, n % 20]).toString('hex'),
      };
    case 2:
      return {
        name: `host${n % 20}.hosts.example.`,
        type: 'AAAA',
        data: `20010db8${'00'.repeat(11)}${(n % 20).toString(16).padStart(2, '0')}`,
      };
    case 3: {
      const text = Buffer.from(`text ${n % 20}`);
      return {
        name: `t${n % 20}.zone.example.`,
        type: 'TXT',
        data: Buffer.concat([Buffer.from([text.length]), text]).toString('hex'),
      };
    }
    default:
      return { name: `gone-${n}.zone.example.`, type: 'MX', code: 3 };
  }
}

const corefile = (port: number, folder: string) => `
made.example:${port} {
  bind 127.0.0.1
  template IN A {
    match "^ip-(?P<a>[0-9]+)-(?P<b>[0-9]+)-(?P<c>[0-9]+)[.]made[.]example[.]$"
    answer "{{ .Name }} 60 IN A 10.{{ .Group.a }}.{{ .Group.b }}.{{ .Group.c }}"
  }
  cache 1
  errors
}
hosts.example:${port} {
  bind 127.0.0.1
  hosts ${join(folder, 'hosts')}
  errors
}
zone.example:${port} {
  bind 127.0.0.1
  file ${join(folder, 'zone')} zone.example
  errors
}
`;

export async function serveDns(): Promise<Served> {
  const program = await built('coredns');
  const port = await freePort();
  const folder = temporaryFolder('sonde-dns-');
  const numbers = Array.from({ length: 20 }, (_, i) => i);
  writeFileSync(
    join(folder, 'hosts'),
    numbers
      .map((i) => `192.0.2.${i} host${i}.hosts.example\n2001:db8::${i.toString(16)} host${i}.hosts.example\n`)
      .join(''),
  );
  const soa =
    '@ 60 IN SOA ns.zone.example. admin.zone.example. 2026113001 7200 3600 1209600 60\n@ 60 IN NS ns.zone.example.\nns 60 IN A 192.0.2.53\n';
  writeFileSync(
    join(folder, 'zone'),
    `$ORIGIN zone.example.\n${soa}${numbers.map((i) => `t${i} 60 IN TXT "text ${i}"\n`).join('')}`,
  );
  writeFileSync(join(folder, 'Corefile'), corefile(port, folder));
  const server = await startProcess(program, {
    args: ['-conf', join(folder, 'Corefile')],
    ready: /CoreDNS-/,
    timeoutMs: 60_000,
  });
  const socket = createSocket('udp4');
  const waiting = new Map<number, (packet: Buffer) => void>();
  socket.on('message', (packet) => waiting.get(packet.readUInt16BE(0))?.(packet));
  socket.unref();
  const ask = (n: number) =>
    new Promise<Buffer>((resolve, reject) => {
      const id = n & 0xffff;
      const timer = setTimeout(() => reject(new Error('no answer')), 20_000);
      waiting.set(id, (packet) => {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(packet);
      });
      const { name, type } = question(n);
      socket.send(query(id, name, type), port, '127.0.0.1');
    });
  return {
    server,
    faults: /\[ERROR\]|panic:|fatal error:/,
    load: new Load(async (n) => {
      const { data = '', code = 0 } = question(n);
      const got = answer(await ask(n));
      strictEqual(got.code, code);
      strictEqual(got.data, data);
    }),
  };
}
