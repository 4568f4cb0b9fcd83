import { all, type ErrorTexts, type Fields, integer, quoted, string } from './error-fields.ts';
import type { GraphRenderer } from './graph.ts';

/** Names of gRPC's codes (google.golang.org/grpc/codes). */
const codes = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const;

/** Texts of signals from 1 on (syscall/zerrors_linux_amd64.go). */
const signals = [
  'hangup',
  'interrupt',
  'quit',
  'illegal instruction',
  'trace/breakpoint trap',
  'aborted',
  'bus error',
  'floating point exception',
  'killed',
  'user defined signal 1',
  'segmentation fault',
  'user defined signal 2',
  'broken pipe',
  'alarm clock',
  'terminated',
] as const;

const itself = (renderer: GraphRenderer, { place }: Fields) => renderer.wholeText(place);
const named = (name: string) => (renderer: GraphRenderer, error: Fields) => string(renderer, error, name);
const always = (text: string) => () => text;

/** Errors of packages above the first few, at Go 1.26, and of libraries. */
export const libraryErrors: ErrorTexts = {
  '*encoding/json.SyntaxError': named('msg'),
  '*encoding/xml.SyntaxError': (renderer, error) =>
    all`XML syntax error on line ${integer(renderer, error, 'Line')}: ${string(renderer, error, 'Msg')}`,
  '*regexp/syntax.Error': (renderer, error) =>
    all`error parsing regexp: ${string(renderer, error, 'Code')}: \`${string(renderer, error, 'Expr')}\``,
  '*time.ParseError': time,
  '*os/exec.Error': (renderer, error, wrapped) =>
    all`exec: ${quoted(string(renderer, error, 'Name'))}: ${wrapped.one('Err')}`,
  '*os/exec.ExitError': exit,
  '*internal/poll.DeadlineExceededError': always('i/o timeout'),
  'internal/poll.errNetClosing': always('use of closed network connection'),
  '*net.timeoutError': always('i/o timeout'),
  'net.canceledError': always('operation was canceled'),
  'net.UnknownNetworkError': (renderer, { place }) => all`unknown network ${renderer.wholeText(place)}`,
  'net.InvalidAddrError': itself,
  '*net.ParseError': (renderer, error) =>
    all`invalid ${string(renderer, error, 'Type')}: ${string(renderer, error, 'Text')}`,
  '*net.AddrError': (renderer, error) => {
    const address = string(renderer, error, 'Addr');
    return all`${address === '' ? '' : all`address ${address}: `}${string(renderer, error, 'Err')}`;
  },
  'net/textproto.ProtocolError': itself,
  '*net/http.MaxBytesError': always('http: request body too large'),
  '*net/http.ProtocolError': named('ErrorString'),
  '*net/http.timeoutError': named('err'),
  'net/http.tlsHandshakeTimeoutError': always('net/http: TLS handshake timeout'),
  '*go.uber.org/multierr.multiError': (_, _error, wrapped) => wrapped.all('errors')?.join('; '),
  '*github.com/pkg/errors.fundamental': named('msg'),
  '*github.com/pkg/errors.withStack': (_, _error, wrapped) => wrapped.one('error'),
  '*github.com/pkg/errors.withMessage': (renderer, error, wrapped) =>
    all`${string(renderer, error, 'msg')}: ${wrapped.one('cause')}`,
  '*google.golang.org/grpc/internal/status.Error': rpc,
  '*github.com/jackc/pgx/v5/pgconn.PgError': (renderer, error) =>
    all`${string(renderer, error, 'Severity')}: ${string(renderer, error, 'Message')} (SQLSTATE ${string(renderer, error, 'Code')})`,
  'github.com/redis/go-redis/v9/internal/proto.RedisError': itself,
  '*k8s.io/apimachinery/pkg/api/errors.StatusError': (renderer, { type, place }) => {
    const status = renderer.field(type, place, 'ErrStatus');
    return status && string(renderer, status, 'Message');
  },
};

/** time/format.go; its own quotes differ from `strconv`'s for other than printable ASCII. */
function time(renderer: GraphRenderer, error: Fields): string | undefined {
  const text = (name: string) => {
    const found = string(renderer, error, name);
    return found !== undefined && /^[ -~]*$/.test(found) ? quoted(found) : undefined;
  };
  const message = string(renderer, error, 'Message');
  if (message !== '') return all`parsing time ${text('Value')}${message}`;
  return all`parsing time ${text('Value')} as ${text('Layout')}: cannot parse ${text('ValueElem')} as ${text('LayoutElem')}`;
}

/** os/exec_posix.go, ProcessState.String: of processes that have ended. */
function exit(renderer: GraphRenderer, { type, place }: Fields): string | undefined {
  const field = renderer.field(type, place, 'ProcessState');
  const state = field && renderer.pointee(field.type, field.place);
  const status = state && integer(renderer, state, 'status');
  if (status === undefined) return undefined;
  const signal = Number(status & 0x7fn);
  if (signal === 0) return `exit status ${(status >> 8n) & 0xffn}`;
  const name = signals[signal - 1];
  return name && `signal: ${name}${(status & 0x80n) === 0n ? '' : ' (core dumped)'}`;
}

/** google.golang.org/grpc/internal/status, Status.String. */
function rpc(renderer: GraphRenderer, error: Fields): string | undefined {
  let at: Fields | undefined = error;
  for (let i = 0; i < 2; i++) {
    const field: Fields | undefined = at && renderer.field(at.type, at.place, 's');
    at = field && renderer.pointee(field.type, field.place);
  }
  const code = at && integer(renderer, at, 'Code');
  const name = code === undefined ? undefined : (codes[Number(code)] ?? `Code(${code})`);
  return at && all`rpc error: code = ${name} desc = ${string(renderer, at, 'Message')}`;
}
