import { rmSync } from 'node:fs';
import * as grpc from '@grpc/grpc-js';
import { apiFingerprint, grpcService, sonde, vizier } from '#api';
import { socketPath } from '../connect/directory.ts';
import { version } from '../version.ts';

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

type Stream<Request, Reply> = (call: grpc.ServerWritableStream<Request, Reply>) => void;

/** What a test's agent answers; what is left out is UNIMPLEMENTED. A handler that throws gives that gRPC error. */
export interface FakeHandlers {
  executeScript?: Stream<vizier.ExecuteScriptRequest, vizier.ExecuteScriptResponse>;
  status?: () => Partial<sonde.StatusReply>;
  stop?: () => Partial<sonde.StopReply>;
  listProcesses?: () => Partial<sonde.ProcessInfo>[];
  listFunctions?: Stream<sonde.ListFunctionsRequest, sonde.FunctionInfo>;
  trace?: Stream<sonde.TraceRequest, sonde.TraceReply>;
  listTracepoints?: () => Partial<sonde.TracepointInfo>[];
  deleteTracepoint?: (name: string) => boolean;
  doctor?: Stream<sonde.DoctorRequest, sonde.DoctorCheck>;
  debugCompile?: (script: string) => Partial<sonde.DebugStage>[];
  debugSites?: (request: sonde.DebugSitesRequest) => Partial<sonde.DebugStage>[];
  listen?: (request: sonde.ListenRequest) => sonde.ListenReply;
  createToken?: (request: sonde.CreateTokenRequest) => sonde.CreateTokenReply;
  listTokens?: () => sonde.ListTokensReply;
  revokeToken?: (request: sonde.RevokeTokenRequest) => sonde.RevokeTokenReply;
}

export interface FakeOptions {
  readonly version?: string;
  readonly api?: string;
  readonly clusterId?: string;
  /** As an agent greets with them. */
  readonly settings?: string;
}

export interface FakeAgent {
  /** Metadata of the last call. */
  readonly lastMetadata: () => grpc.Metadata | undefined;
  /** Ends at once, as after SIGKILL: open calls break. */
  kill(): void;
}

/** An agent in this process: a real gRPC server on the folder's socket. */
export async function fakeAgent(
  directory: string,
  handlers: FakeHandlers,
  options: FakeOptions = {},
): Promise<FakeAgent> {
  const server = new grpc.Server();
  let last: grpc.Metadata | undefined;
  const greeting = () => {
    const metadata = new grpc.Metadata();
    metadata.set('sonde-version', options.version ?? version());
    metadata.set('sonde-api', options.api ?? apiFingerprint);
    metadata.set('sonde-cluster-id', options.clusterId ?? '11111111-2222-3333-4444-555555555555');
    if (options.settings !== undefined) metadata.set('sonde-settings', options.settings);
    return metadata;
  };
  const unary =
    <Request, Reply>(handle: ((request: Request) => Reply) | undefined) =>
    (call: grpc.ServerUnaryCall<Request, Reply>, callback: grpc.sendUnaryData<Reply>) => {
      last = call.metadata;
      call.sendMetadata(greeting());
      try {
        if (handle === undefined) throw refusal(grpc.status.UNIMPLEMENTED, 'not faked');
        callback(null, handle(call.request));
      } catch (error) {
        callback(error as grpc.ServiceError);
      }
    };
  const stream =
    <Request, Reply>(handle: Stream<Request, Reply> | undefined) =>
    (call: grpc.ServerWritableStream<Request, Reply>) => {
      last = call.metadata;
      call.sendMetadata(greeting());
      call.on('error', () => {});
      try {
        if (handle === undefined) throw refusal(grpc.status.UNIMPLEMENTED, 'not faked');
        handle(call);
      } catch (error) {
        call.emit('error', error);
      }
    };
  server.addService(grpcService(vizier.VizierServiceDefinition, asBuffer), {
    executeScript: stream(handlers.executeScript),
    healthCheck: stream(undefined),
  });
  server.addService(grpcService(sonde.SondeServiceDefinition, asBuffer), {
    status: unary(handlers.status && (() => sonde.StatusReply.fromPartial(handlers.status!()))),
    stop: unary(handlers.stop && (() => sonde.StopReply.fromPartial(handlers.stop!()))),
    listProcesses: unary(
      handlers.listProcesses && (() => sonde.ListProcessesReply.fromPartial({ processes: handlers.listProcesses!() })),
    ),
    listFunctions: stream(handlers.listFunctions),
    trace: stream(handlers.trace),
    listen: unary(handlers.listen),
    createToken: unary(handlers.createToken),
    listTokens: unary(handlers.listTokens),
    revokeToken: unary(handlers.revokeToken),
    listTracepoints: unary(
      handlers.listTracepoints &&
        (() => sonde.ListTracepointsReply.fromPartial({ tracepoints: handlers.listTracepoints!() })),
    ),
    deleteTracepoint: unary(
      handlers.deleteTracepoint &&
        ((request: sonde.DeleteTracepointRequest) => ({ existed: handlers.deleteTracepoint!(request.name) })),
    ),
    doctor: stream(handlers.doctor),
    debugCompile: unary(
      handlers.debugCompile &&
        ((request: sonde.DebugCompileRequest) =>
          sonde.DebugReply.fromPartial({ stages: handlers.debugCompile!(request.script) })),
    ),
    debugSites: unary(
      handlers.debugSites &&
        ((request: sonde.DebugSitesRequest) => sonde.DebugReply.fromPartial({ stages: handlers.debugSites!(request) })),
    ),
  });
  const socket = socketPath(directory);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return {
    lastMetadata: () => last,
    kill() {
      server.forceShutdown();
      rmSync(socket, { force: true });
    },
  };
}

/** A gRPC error to throw from a handler. */
export function refusal(code: grpc.status, details: string): Partial<grpc.ServiceError> {
  return Object.assign(new Error(details), { code, details });
}
