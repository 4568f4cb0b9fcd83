import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** RFC 6455, 1.3. */
const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** RFC 6455, 11.8. */
const opcode = { continuation: 0, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The server's end of a WebSocket of binary messages, no more of RFC 6455 than Kubernetes' streams use. */
export class WebSocketEnd {
  onMessage: (bytes: Buffer) => void = () => {};
  onClose: () => void = () => {};
  readonly #socket: Duplex;
  #rest = Buffer.alloc(0);
  #fragments: Buffer[] = [];

  /** Answers the request of an HTTP server's `upgrade` event. */
  constructor(request: IncomingMessage, socket: Duplex, protocol: string) {
    this.#socket = socket;
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${guid}`).digest('base64');
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    socket.write(
      [...head, `Sec-WebSocket-Accept: ${accept}`, `Sec-WebSocket-Protocol: ${protocol}`, '', ''].join('\r\n'),
    );
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.onClose());
  }

  /** False: wait for `drained` before sending more. */
  send(...parts: readonly Buffer[]): boolean {
    return this.#write(opcode.binary, Buffer.concat(parts));
  }

  drained(then: () => void): void {
    this.#socket.once('drain', then);
  }

  close(): void {
    if (this.#socket.writable) {
      this.#write(opcode.close, Buffer.alloc(0));
      this.#socket.end();
    }
  }

  #write(code: number, payload: Buffer): boolean {
    const long = payload.length > 0xffff;
    const head = Buffer.alloc(payload.length < 126 ? 2 : long ? 10 : 4);
    head[0] = 0x80 | code;
    if (payload.length < 126) head[1] = payload.length;
    else if (long) {
      head[1] = 127;
      head.writeBigUInt64BE(BigInt(payload.length), 2);
    } else {
      head[1] = 126;
      head.writeUInt16BE(payload.length, 2);
    }
    return this.#socket.write(Buffer.concat([head, payload]));
  }

  /** Clients' frames are masked (RFC 6455, 5.3). */
  #read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 2) {
      const short = this.#rest[1]! & 0x7f;
      const lengthEnd = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (this.#rest.length < lengthEnd + 4) return;
      const length =
        short === 127 ? Number(this.#rest.readBigUInt64BE(2)) : short === 126 ? this.#rest.readUInt16BE(2) : short;
      const end = lengthEnd + 4 + length;
      if (this.#rest.length < end) return;
      const mask = this.#rest.subarray(lengthEnd, lengthEnd + 4);
      const payload = Buffer.from(this.#rest.subarray(lengthEnd + 4, end));
      for (let i = 0; i < payload.length; i++) payload[i]! ^= mask[i & 3]!;
      const first = this.#rest[0]!;
      this.#rest = this.#rest.subarray(end);
      this.#frame(first & 0x0f, (first & 0x80) !== 0, payload);
    }
  }

  #frame(code: number, last: boolean, payload: Buffer): void {
    if (code === opcode.close) this.close();
    else if (code === opcode.ping) this.#write(opcode.pong, payload);
    else if (code === opcode.binary || code === opcode.continuation) {
      this.#fragments.push(payload);
      if (!last) return;
      const whole = Buffer.concat(this.#fragments);
      this.#fragments = [];
      this.onMessage(whole);
    }
  }
}
