/** Where rows go by the OpenTelemetry protocol, and what is made of each. Numbers are places of columns in the rows. */
export interface RowExport {
  readonly endpoint: ExportEndpoint;
  readonly resource: readonly ExportAttribute[];
  readonly metrics: readonly ExportMetric[];
  readonly spans: readonly ExportSpan[];
}

export interface ExportEndpoint {
  /** `host:port` of an OTLP receiver that speaks gRPC. */
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Without TLS. */
  readonly insecure: boolean;
  /** Seconds for each request; 0: no limit. */
  readonly timeout: number;
}

/** `each`: the column may hold a JSON array of texts, for each of which all is sent once. */
export type ExportAttribute =
  | { readonly name: string; readonly text: string }
  | { readonly name: string; readonly column: number; readonly each?: true };

export interface ExportMetric {
  readonly name: string;
  readonly description: string;
  /** UCUM, or empty. */
  readonly unit: string;
  readonly time: number;
  readonly attributes: readonly ExportAttribute[];
  readonly data:
    | { readonly kind: 'gauge'; readonly value: number }
    | {
        readonly kind: 'summary';
        readonly count: number;
        readonly sum: number;
        readonly quantiles: readonly { readonly quantile: number; readonly value: number }[];
      };
}

export interface ExportSpan {
  readonly name: { readonly text: string } | { readonly column: number };
  readonly start: number;
  readonly end: number;
  /** Hexadecimal texts; random ones where there is none or the text is no id. */
  readonly traceId?: number;
  readonly spanId?: number;
  /** Empty where the text is no id. */
  readonly parentSpanId?: number;
  /** OpenTelemetry's number: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly attributes: readonly ExportAttribute[];
}
