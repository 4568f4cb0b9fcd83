import {
  Client,
  compressionAlgorithms,
  credentials,
  Metadata as Headers,
  type Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { otlp } from '#api';
import { SondeError } from '#base';
import type { RowBatch, RowExport } from '#model';
import { telemetryOf } from './messages.ts';

/** The endpoint cannot be reached or did not take what was sent. */
export class ExportFailed extends SondeError {
  readonly code = 'otlp.failed';
}

/** What became of the rows, in points and spans. */
export interface Exported {
  readonly sent: number;
  /** Lacked a value. */
  readonly without: number;
  /** The endpoint says that it did not take them, and why. */
  readonly rejected: number;
  readonly reason: string;
}

/** For whoever ran the script. */
export function exportedText(
  { sent, without, rejected, reason }: Exported,
  { endpoint, metrics, spans }: RowExport,
): string {
  const what = [...(metrics.length > 0 ? ['points of metrics'] : []), ...(spans.length > 0 ? ['spans'] : [])].join(
    ' and ',
  );
  const left = without > 0 ? [`${without} lacked a value that they need`] : [];
  const refused = rejected > 0 ? [`${rejected} were rejected there: ${reason}`] : reason === '' ? [] : [reason];
  return [`sent ${sent} ${what} to ${endpoint.url}`, ...left, ...refused].join('; ');
}

interface Service<Request> {
  readonly path: string;
  readonly encode: (request: Request) => Buffer;
}

const metricsService: Service<otlp.ExportMetricsRequest> = {
  path: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  encode: (request) => Buffer.from(otlp.ExportMetricsRequest.encode(request).finish()),
};
const traceService: Service<otlp.ExportTraceRequest> = {
  path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  encode: (request) => Buffer.from(otlp.ExportTraceRequest.encode(request).finish()),
};

/** Sends rows to the endpoint that they are for, with gRPC. `end` it. */
export class Exporter {
  readonly #to: RowExport;
  readonly #signal: AbortSignal;
  readonly #client: Client;
  readonly #became = { sent: 0, without: 0, rejected: 0, reason: '' };

  constructor(to: RowExport, signal: AbortSignal) {
    const { url, insecure } = to.endpoint;
    this.#to = to;
    this.#signal = signal;
    this.#client = new Client(url, insecure ? credentials.createInsecure() : credentials.createSsl(), {
      'grpc.default_compression_algorithm': compressionAlgorithms.gzip,
    });
  }

  /** A request for each kind of what is made of them. @throws ExportFailed */
  async send(batch: RowBatch): Promise<void> {
    const became = this.#became;
    const { metrics, spans, without, made } = telemetryOf(batch, this.#to);
    became.without += without;
    became.sent += made;
    const answers = [
      ...(metrics.resourceMetrics.length > 0 ? [await this.#call(metricsService, metrics)] : []),
      ...(spans.resourceSpans.length > 0 ? [await this.#call(traceService, spans)] : []),
    ];
    for (const { partialSuccess } of answers) {
      became.rejected += Number(partialSuccess?.rejected ?? 0n);
      became.reason = partialSuccess?.errorMessage || became.reason;
    }
  }

  end(): Exported {
    this.#client.close();
    const { sent, rejected } = this.#became;
    return { ...this.#became, sent: sent - rejected };
  }

  #call<Request>(service: Service<Request>, request: Request): Promise<otlp.ExportResponse> {
    return call(this.#client, service, request, this.#to, this.#signal);
  }
}

/** Sends all rows. @throws ExportFailed */
export async function exportRows(
  batches: AsyncIterable<RowBatch>,
  to: RowExport,
  signal: AbortSignal,
): Promise<Exported> {
  const exporter = new Exporter(to, signal);
  try {
    for await (const batch of batches) await exporter.send(batch);
  } finally {
    exporter.end();
  }
  return exporter.end();
}

function call<Request>(
  client: Client,
  { path, encode }: Service<Request>,
  request: Request,
  { endpoint: { url, headers, timeout, insecure } }: RowExport,
  signal: AbortSignal,
): Promise<otlp.ExportResponse> {
  const metadata: Metadata = new Headers();
  for (const [name, value] of headers) metadata.add(name, value);
  const deadline = timeout > 0 ? Date.now() + timeout * 1000 : Number.POSITIVE_INFINITY;
  const { promise, resolve, reject } = Promise.withResolvers<otlp.ExportResponse>();
  const sending = client.makeUnaryRequest(
    path,
    encode,
    (bytes) => otlp.ExportResponse.decode(bytes),
    request,
    metadata,
    { deadline },
    (error: ServiceError | null, answer?: otlp.ExportResponse) => {
      if (error === null) resolve(answer!);
      else reject(new ExportFailed(`${url} took no rows: ${reasonOf(error, timeout, insecure)}`, { cause: error }));
    },
  );
  const cancel = () => sending.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  return promise.finally(() => signal.removeEventListener('abort', cancel));
}

function reasonOf({ code, details }: ServiceError, timeout: number, insecure: boolean): string {
  if (code === status.DEADLINE_EXCEEDED) return `no answer within ${timeout} s`;
  const hint = code === status.UNAVAILABLE && !insecure ? '; is it one without TLS? then insecure=True' : '';
  return `${status[code]}: ${details}${hint}`;
}
