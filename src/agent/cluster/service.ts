import * as grpc from '@grpc/grpc-js';
import { apiFingerprint, grpcService, sonde, type vizier } from '#api';
import { SondeError } from '#base';
import type { BrokerConnection } from '#cluster';
import type { Agent } from '../agent.ts';
import { version } from '../service.ts';
import type { Followers } from './followers.ts';
import type { NodeRows } from './rows.ts';

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface NodeParts {
  readonly agent: Agent;
  readonly rows: NodeRows;
  readonly followers: Followers;
  readonly connection: BrokerConnection;
}

/** The service for the broker, to which the agent has made the connection: who is at its other end the certificate has told. */
export function serveNode({ agent, rows, followers, connection }: NodeParts): grpc.Server {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 16 << 20 });

  const unary =
    <Request, Reply>(handle: (request: Request) => Reply) =>
    (call: grpc.ServerUnaryCall<Request, Reply>, callback: grpc.sendUnaryData<Reply>) => {
      try {
        callback(null, handle(call.request));
      } catch (error) {
        callback(statusOf(error));
      }
    };

  const stream =
    <Request, Reply>(
      handle: (request: Request, signal: AbortSignal, send: (reply: Reply) => Promise<void>) => Promise<void>,
    ) =>
    async (call: grpc.ServerWritableStream<Request, Reply>) => {
      const abort = new AbortController();
      for (const event of ['cancelled', 'close', 'error']) call.on(event, () => abort.abort());
      const send = async (reply: Reply) => {
        if (abort.signal.aborted || call.write(reply)) return;
        await new Promise<void>((resolve) => {
          call.once('drain', resolve);
          abort.signal.addEventListener('abort', () => resolve(), { once: true });
        });
      };
      try {
        await handle(call.request, abort.signal, send);
        call.end();
      } catch (error) {
        if (!abort.signal.aborted) call.emit('error', statusOf(error));
      }
    };

  server.addService(grpcService(sonde.NodeServiceDefinition, asBuffer), {
    identify: unary<sonde.IdentifyRequest, sonde.IdentifyReply>(() => ({
      token: connection.token(),
      version,
      api: apiFingerprint,
    })),
    welcome: unary<sonde.WelcomeRequest, sonde.WelcomeReply>(({ refused }) => {
      connection.judged(refused);
      return {};
    }),
    describe: unary<sonde.DescribeRequest, sonde.DescribeReply>((request) => rows.describe(request)),
    listProcesses: unary<sonde.ListProcessesRequest, sonde.ListProcessesReply>(() => agent.listProcesses()),
    listFunctions: stream<sonde.ListFunctionsRequest, sonde.FunctionInfo>((request, signal, send) =>
      agent.listFunctions(request, signal, send),
    ),
    follow: stream<sonde.FollowRequest, sonde.TraceReply>((request, signal, send) =>
      followers.follow(request, signal, send),
    ),
    runPlan: stream<sonde.RunPlanRequest, vizier.RowBatchData>((request, signal, send) =>
      rows.runPlan(request, signal, send),
    ),
    callFunction: stream<sonde.CallFunctionRequest, vizier.RowBatchData>((request, _signal, send) =>
      rows.callFunction(request, send),
    ),
  });
  return server;
}

function statusOf(error: unknown): Partial<grpc.StatusObject> {
  const { code, message } = error as { code?: unknown; message: string };
  if (typeof code === 'number') return { code, details: message };
  return {
    code: error instanceof SondeError ? grpc.status.FAILED_PRECONDITION : grpc.status.INTERNAL,
    details: message,
  };
}
