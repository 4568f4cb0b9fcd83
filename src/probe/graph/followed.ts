const otel = 'go.opentelemetry.io/otel/';

/** Structs of libraries of which only these fields are followed: what the decoder shows of them. */
export const followed: Readonly<Record<string, readonly string[]>> = {
  'time.Location': ['name', 'cacheZone'],
  'context.cancelCtx': ['Context', 'err', 'cause'],
  'context.timerCtx': ['cancelCtx', 'deadline'],
  'context.afterFuncCtx': ['cancelCtx'],
  'context.stopCtx': ['Context'],
  'time.Timer': ['C'],
  'time.Ticker': ['C'],
  'google.golang.org/protobuf/internal/impl.MessageState': [],
  'reflect.rtype': [],
  'internal/abi.Type': [],
  'reflect.Value': [],
  'regexp.Regexp': ['expr'],
  'os.file': ['name'],
  'net.netFD': ['net', 'laddr', 'raddr'],
  'net.TCPListener': ['fd'],
  'net.UnixListener': ['fd'],
  'crypto/tls.Conn': ['conn', 'serverName', 'clientProtocol', 'handshakeErr'],
  'net/http.response': ['req', 'handlerHeader'],
  'net/http.http2responseWriterState': ['req', 'handlerHeader'],
  'golang.org/x/net/http2.responseWriterState': ['req', 'handlerHeader'],
  'sync.Pool': ['New'],
  'sync.Cond': ['L'],
  'container/list.List': ['root'],
  'container/list.Element': ['next', 'Value'],
  [`${otel}sdk/trace.recordingSpan`]: ['name'],
  [`${otel}sdk/trace.nonRecordingSpan`]: [],
  [`${otel}trace.nonRecordingSpan`]: [],
  [`${otel}trace.SpanContext`]: [],
  'github.com/DataDog/dd-trace-go/v2/ddtrace/tracer.Span': ['name'],
  'gopkg.in/DataDog/dd-trace-go.v1/ddtrace/tracer.span': ['Name'],
};

/** A context's values are aside of it: what they lead to counts as so much deeper, or a server's own structs would fill the event. */
export const contextValueDepth = 2;

/** How much deeper what these interfaces hold is than what they are in: a chain of contexts may be long, so its links are not. */
export const heldDeeper: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'context.cancelCtx': { Context: 0 },
  'context.valueCtx': { Context: 0, val: contextValueDepth },
  'context.stopCtx': { Context: 0 },
  'context.withoutCancelCtx': { c: 0 },
};

/** By the struct's name without type arguments. Pointers in these fields lead to more of the same value, which is no deeper: a time's zone, what a `sync.Map` is made of up to Go 1.23, a list's next element. */
export const chained: Readonly<Record<string, readonly string[]>> = {
  'time.Time': ['loc'],
  'time.Location': ['cacheZone'],
  'sync.readOnly': ['m'],
  'sync.entry': ['p'],
  'internal/sync.entry': ['overflow'],
  'container/list.Element': ['next'],
  'weak.Pointer': ['u'],
};
