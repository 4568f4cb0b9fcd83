import * as grpc from '@grpc/grpc-js';
import { apiFingerprint, grpcService, sonde, vizier } from '#api';
import { type Access, callHandlers, Deliveries, guard, OpenCalls, type StreamCall } from '#door';

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const access: Access = {
  identify: () => ({
    name: 'px',
    role: 'tracer',
    audience: 'sonde',
    open: new OpenCalls('', 1),
    ahead: 16,
    owner: 'px',
  }),
};

/** A server as a broker is one to px, that answers scripts by `run`. Close it. */
export class ResumeServer {
  readonly port: number;
  /** How often px has said how much it has. */
  confirmed = 0;
  readonly #server: grpc.Server;

  private constructor(server: grpc.Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** `version`: of the px that comes; `patienceMs`: what it answers waits so long for px to come again. */
  static async start(
    version: string,
    run: (call: StreamCall<vizier.ExecuteScriptResponse>) => Promise<void>,
    patienceMs = 5_000,
  ): Promise<ResumeServer> {
    const server = new grpc.Server({ interceptors: [guard(access)] });
    const greeting = () => {
      const metadata = new grpc.Metadata();
      metadata.set('sonde-version', version);
      metadata.set('sonde-api', apiFingerprint);
      return metadata;
    };
    const deliveries = new Deliveries(patienceMs);
    const { resumable, unary } = callHandlers({ enter: () => () => {}, greeting }, deliveries);
    const ofPixie = grpcService(vizier.VizierServiceDefinition, asBuffer);
    server.addService(ofPixie, { executeScript: resumable(ofPixie.executeScript, (_, call) => run(call)) });
    server.addService(grpcService(sonde.SondeServiceDefinition, asBuffer), {
      received: unary<sonde.ReceivedRequest, sonde.ReceivedReply>(({ call, messages }, { owner }) => {
        started.confirmed++;
        deliveries.received({ id: call, received: Number(messages) }, owner);
        return {};
      }),
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    const started = new ResumeServer(server, port);
    return started;
  }

  close(): void {
    this.#server.forceShutdown();
  }
}
