import type { GraphRenderer, Place } from '../graph.ts';
import { heldBy } from '../held.ts';
import type { WellKnown } from './index.ts';
import { netText } from './net.ts';
import { only, part } from './parts.ts';

/** `{"net":"tcp","local":"127.0.0.1:8080","remote":"127.0.0.1:5555","fd":7}` of what holds a `net.netFD`; -1 is closed. */
function socket(...way: readonly string[]): WellKnown {
  return (renderer, type, place) => {
    const name = part(renderer, type, place, ...way, 'net');
    const fd = part(renderer, type, place, ...way, 'pfd', 'Sysfd');
    const net = name && renderer.wholeText(name.place);
    if (net === undefined || !fd) return undefined;
    const ends = [
      ['local', 'laddr'],
      ['remote', 'raddr'],
    ].flatMap(([shown, field]) => {
      const text = endText(renderer, type, place, [...way, field!]);
      return text === undefined ? [] : [`"${shown}":${JSON.stringify(text)}`];
    });
    return `{${[`"net":${JSON.stringify(net)}`, ...ends, `"fd":${renderer.int(fd.place.at, 8)}`].join(',')}}`;
  };
}

function endText(renderer: GraphRenderer, type: number, place: Place, way: readonly string[]): string | undefined {
  const address = part(renderer, type, place, ...way);
  const dynamic = address && heldBy(renderer, false, address.place);
  if (dynamic?.index === undefined || dynamic.data.kind === 'none') return undefined;
  const held = renderer.pointee(dynamic.index, dynamic.data.place);
  return held && netText(renderer, held.type, held.place);
}

/** `{"name":"/etc/hosts","fd":3}`; -1 is closed. */
const file: WellKnown = (renderer, type, place) => {
  const [name, fd] = [part(renderer, type, place, 'file', 'name'), part(renderer, type, place, 'file', 'pfd', 'Sysfd')];
  const text = name && renderer.wholeText(name.place);
  if (text === undefined || !fd) return undefined;
  return `{"name":${JSON.stringify(text)},"fd":${renderer.int(fd.place.at, 8)}}`;
};

/** A server's answer as far as it is made. */
const response: WellKnown = (renderer, type, place, path) => {
  const [method, uri] = ['Method', 'RequestURI'].map((name) => {
    const found = part(renderer, type, place, 'req', name);
    return found && renderer.wholeText(found.place);
  });
  const rest = only(['wroteHeader', 'status', 'written', 'wroteBytes', 'handlerHeader'])(renderer, type, place, path);
  if (method === undefined || uri === undefined || rest === undefined) return undefined;
  return `{"request":${JSON.stringify(`${method} ${uri}`)},${rest.slice(1)}`;
};

const tls = ['conn', 'isClient', 'isHandshakeComplete', 'handshakeStatus', 'handshakeErr', 'vers', 'cipherSuite'];

export const sockets: Readonly<Record<string, WellKnown>> = {
  'net.TCPConn': socket('conn', 'fd'),
  'net.UDPConn': socket('conn', 'fd'),
  'net.UnixConn': socket('conn', 'fd'),
  'net.IPConn': socket('conn', 'fd'),
  'net.TCPListener': socket('fd'),
  'net.UnixListener': socket('fd'),
  'os.File': file,
  'crypto/tls.Conn': only([...tls, 'serverName', 'clientProtocol']),
  'net/http.response': response,
  'net/http.http2responseWriterState': response,
  'golang.org/x/net/http2.responseWriterState': response,
};
