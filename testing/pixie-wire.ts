import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { vizier } from '#api';

/** Headers of Pixie's own clients, and how they send a message, as recorded from runs of them. */
export const pixieClients = {
  px: {
    headers: { 'user-agent': 'grpc-go/1.43.0', 'grpc-encoding': 'gzip', 'grpc-accept-encoding': 'gzip' },
    key: 'x-direct-vizier-key',
  },
  go: { headers: { 'user-agent': 'grpc-go/1.43.0', 'pixie-api-client': 'go' }, key: 'pixie-api-key' },
  python: {
    headers: {
      'user-agent': 'grpc-python-asyncio/1.70.0 grpc-c/45.0.0 (linux; chttp2)',
      'grpc-accept-encoding': 'identity, deflate, gzip',
      'pixie-api-client': 'python',
    },
    key: 'pixie-api-key',
  },
} as const;
export type PixieClient = keyof typeof pixieClients;

/** One message as it came. */
export interface WireMessage {
  readonly bytes: Uint8Array;
  /** The flag byte in front of it. */
  readonly compressed: boolean;
}

export interface WireAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly messages: readonly WireMessage[];
  /** grpc-status; -1 when none came. */
  readonly status: number;
  /** grpc-message. */
  readonly details: string;
}

/** An answer while it comes. */
export interface OpenAnswer {
  /** Those that are here whole. */
  messages(): WireMessage[];
  readonly whole: Promise<WireAnswer>;
}

export interface WireRequest {
  readonly client: PixieClient;
  readonly token?: string;
  readonly path?: string;
  /** Default: the message of an ExecuteScript. */
  readonly body?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export const executeScriptPath = '/px.api.vizierpb.VizierService/ExecuteScript';

/** A connection to an agent's network door, frame by frame: what a gRPC library hides is seen here. */
export class PixieWire {
  readonly #connect: () => ClientHttp2Session;
  #session: ClientHttp2Session | undefined;

  /** Without `ca` in plaintext. */
  constructor(address: string, ca?: string) {
    this.#connect = () => (ca === undefined ? connect(`http://${address}`) : connect(`https://${address}`, { ca }));
  }

  /** Made at the first use, and anew when it was closed: as gRPC's clients do. */
  get session(): ClientHttp2Session {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      this.#session = this.#connect();
      this.#session.on('error', () => {});
    }
    return this.#session;
  }

  close(): void {
    this.#session?.destroy();
  }

  /** One unary request, the whole answer. */
  call(request: WireRequest): Promise<WireAnswer> {
    return this.open(request).whole;
  }

  /** One unary request; the answer as it comes. */
  open({ client, token, path = executeScriptPath, body = new Uint8Array(), headers = {} }: WireRequest): OpenAnswer {
    const profile = pixieClients[client];
    const stream = this.session.request({
      ':method': 'POST',
      ':path': path,
      te: 'trailers',
      'content-type': 'application/grpc',
      ...profile.headers,
      ...(token === undefined ? {} : { [profile.key]: token }),
      ...headers,
    });
    stream.end(frame(body, 'grpc-encoding' in profile.headers));
    const chunks: Buffer[] = [];
    const messages = () => messagesOf(Buffer.concat(chunks));
    const whole = new Promise<WireAnswer>((resolve, reject) => {
      let first: IncomingHttpHeaders = {};
      let last: IncomingHttpHeaders | undefined;
      stream.on('response', (given) => {
        first = given;
      });
      stream.on('trailers', (given) => {
        last = given;
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('close', () => {
        const end = last ?? first;
        resolve({
          headers: first,
          messages: messages(),
          status: Number(end['grpc-status'] ?? -1),
          details: decodeURIComponent(String(end['grpc-message'] ?? '')),
        });
      });
    });
    whole.catch(() => {});
    return { messages, whole };
  }

  execute(client: PixieClient, token: string, request: Partial<vizier.ExecuteScriptRequest>): Promise<WireAnswer> {
    return this.call({ client, token, body: scriptBody(request) });
  }
}

export function scriptBody(request: Partial<vizier.ExecuteScriptRequest>): Uint8Array {
  return vizier.ExecuteScriptRequest.encode(vizier.ExecuteScriptRequest.fromPartial(request)).finish();
}

/** A message with its length in front. */
export function frame(body: Uint8Array, gzip = false): Buffer {
  const content = gzip ? gzipSync(body) : Buffer.from(body);
  const head = Buffer.alloc(5);
  head[0] = gzip ? 1 : 0;
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
}

function messagesOf(bytes: Buffer): WireMessage[] {
  const messages: WireMessage[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1);
    if (at + 5 + length > bytes.length) break;
    messages.push({ compressed: bytes[at] !== 0, bytes: bytes.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return messages;
}

export function responses(answer: Pick<WireAnswer, 'messages'>): vizier.ExecuteScriptResponse[] {
  return answer.messages.map(({ bytes }) => vizier.ExecuteScriptResponse.decode(bytes));
}
