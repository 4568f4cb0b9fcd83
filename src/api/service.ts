/** A message type as generated: bytes and back. */
export interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** A generated service definition (`vizier.VizierServiceDefinition`, `sonde.SondeServiceDefinition`). */
export interface ServiceDefinition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

export interface MethodDefinition {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: the message type is taken from the definition where it is used
  readonly requestType: MessageType<any>;
  readonly requestStream: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly responseType: MessageType<any>;
  readonly responseStream: boolean;
}

type MessageOf<M> = M extends { decode(bytes: Uint8Array): infer T } ? T : never;
export type RequestOf<M extends MethodDefinition> = MessageOf<M['requestType']>;
export type ResponseOf<M extends MethodDefinition> = MessageOf<M['responseType']>;

/** What grpc-js calls a MethodDefinition, as plain data. */
export interface GrpcMethod<Request, Response, Bytes> {
  readonly path: string;
  readonly originalName: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: Request) => Bytes;
  readonly requestDeserialize: (bytes: Bytes) => Request;
  readonly responseSerialize: (value: Response) => Bytes;
  readonly responseDeserialize: (bytes: Bytes) => Response;
}

export type GrpcService<D extends ServiceDefinition, Bytes> = {
  readonly [K in keyof D['methods']]: GrpcMethod<RequestOf<D['methods'][K]>, ResponseOf<D['methods'][K]>, Bytes>;
};

/**
 * A service for grpc-js: `server.addService(grpcService(definition, asBuffer), handlers)`, or
 * `makeGenericClientConstructor(grpcService(definition, asBuffer), definition.name)`. Handlers and client methods are
 * named as in the definition (`executeScript`). `wrap` makes Node's Buffer of bytes without a copy:
 * `(b) => Buffer.from(b.buffer, b.byteOffset, b.byteLength)`; this package has no Node types.
 */
export function grpcService<D extends ServiceDefinition, Bytes extends Uint8Array>(
  definition: D,
  wrap: (bytes: Uint8Array) => Bytes,
): GrpcService<D, Bytes> {
  const entries = Object.entries(definition.methods).map(([key, method]) => [
    key,
    {
      path: `/${definition.fullName}/${method.name}`,
      originalName: key,
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      requestSerialize: (value: unknown) => wrap(method.requestType.encode(value).finish()),
      requestDeserialize: (bytes: Bytes) => method.requestType.decode(bytes),
      // What is encoded already goes as it is.
      responseSerialize: (value: unknown) =>
        wrap(value instanceof Uint8Array ? value : method.responseType.encode(value).finish()),
      responseDeserialize: (bytes: Bytes) => method.responseType.decode(bytes),
    },
  ]);
  return Object.fromEntries(entries) as GrpcService<D, Bytes>;
}
