import * as grpc from '@grpc/grpc-js';
import { grpcService, sonde, type vizier } from '#api';
import { SondeError } from '#base';
import type { ClusterClient } from '#cluster';
import type { Agent } from '../agent.ts';
import type { Followers } from './followers.ts';
import type { NodeRows } from './rows.ts';

/** What the broker's tokens are for. */
export const nodeAudience = 'sonde-agent';
/** A token that was good is not reviewed again for so long. */
const trustMs = 60_000;

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface NodeParts {
  readonly agent: Agent;
  readonly rows: NodeRows;
  readonly followers: Followers;
}

/** The service for the broker. Whoever may port-forward to the agent's pod gets here too: only the broker's token is let in. */
export function serveNode({ agent, rows, followers }: NodeParts, client: ClusterClient, broker: string): grpc.Server {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 16 << 20 });
  const trusted = new Map<string, number>();

  async function admit(metadata: grpc.Metadata): Promise<void> {
    const token = /^Bearer (.+)$/.exec(String(metadata.get('authorization')[0] ?? ''))?.[1];
    if (token !== undefined && (trusted.get(token) ?? 0) > Date.now()) return;
    const who = token === undefined ? undefined : await client.reviewToken(token, nodeAudience);
    if (token === undefined || who?.user !== broker) {
      const details =
        who === undefined ? 'this is for the broker: a token is needed' : `this is for the broker, not for ${who.user}`;
      throw Object.assign(new Error(details), { code: grpc.status.UNAUTHENTICATED, details });
    }
    for (const [old, until] of trusted) if (until <= Date.now()) trusted.delete(old);
    trusted.set(token, Date.now() + trustMs);
  }

  const unary =
    <Request, Reply>(handle: (request: Request) => Reply) =>
    async (call: grpc.ServerUnaryCall<Request, Reply>, callback: grpc.sendUnaryData<Reply>) => {
      try {
        await admit(call.metadata);
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
        await admit(call.metadata);
        await handle(call.request, abort.signal, send);
        call.end();
      } catch (error) {
        if (!abort.signal.aborted) call.emit('error', statusOf(error));
      }
    };

  server.addService(grpcService(sonde.NodeServiceDefinition, asBuffer), {
    describe: unary<sonde.DescribeRequest, sonde.DescribeReply>((request) => rows.describe(request)),
    listProcesses: unary<sonde.ListProcessesRequest, sonde.ListProcessesReply>(() => agent.listProcesses()),
    listFunctions: stream<sonde.ListFunctionsRequest, sonde.FunctionInfo>((request, signal, send) =>
      agent.listFunctions(request, signal, send),
    ),
    follow: stream<sonde.FollowRequest, sonde.TraceReply>((request, signal, send) =>
      followers.follow(request.tracepoint, signal, send),
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
