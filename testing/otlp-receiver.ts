import * as grpc from '@grpc/grpc-js';

/** A receiver of OTLP over gRPC, which keeps what comes: the bytes as they are. */
export class OtlpReceiver {
  readonly metrics: Buffer[] = [];
  readonly traces: Buffer[] = [];
  readonly headers: grpc.Metadata[] = [];
  answer = Buffer.alloc(0);
  readonly #server = new grpc.Server();
  url = '';

  async start(): Promise<void> {
    const service = (kept: Buffer[]) => ({
      export: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
        kept.push(call.request);
        this.headers.push(call.metadata);
        callback(null, this.answer);
      },
    });
    this.#server.addService(definition('metrics.v1.MetricsService'), service(this.metrics));
    this.#server.addService(definition('trace.v1.TraceService'), service(this.traces));
    const bind = Promise.withResolvers<number>();
    this.#server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error ? bind.reject(error) : bind.resolve(port),
    );
    this.url = `127.0.0.1:${await bind.promise}`;
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

function definition(name: string): grpc.ServiceDefinition {
  const same = (bytes: Buffer) => bytes;
  return {
    export: {
      path: `/opentelemetry.proto.collector.${name}/Export`,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  };
}
