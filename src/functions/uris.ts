import type { RowFunction } from './row-function.ts';

/** RFC 3986, appendix B, with the authority taken apart and only characters that a URI may have. */
const pattern =
  /^(?:([A-Za-z][\w+.-]*):)?(?:\/\/(?:([^@/?#[\]]*)@)?(\[[\da-fA-F:.]+\]|[^:/?#[\]]*)(?::(\d*))?(?=[/?#]|$))?((?!\/\/)[^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s;
const allowed = /^(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[\da-fA-F]{2})*$/;

/** The parts that a URI has, as a JSON object; the path is without its first `/`, as in Pixie. */
function parse(uri: string): string {
  const match = allowed.test(uri) ? pattern.exec(uri) : null;
  // A relative reference has no colon in its first segment (4.2).
  if (match === null || (match[1] === undefined && /^[^/?#]*:/.test(uri))) return 'Failed to parse URI';
  const [, scheme, userInfo, host, port, path = '', query, fragment] = match;
  const rooted = path.replace(/^\//, '');
  return JSON.stringify({
    scheme,
    userInfo,
    host: host?.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined || port === '' ? undefined : Number(port),
    path: rooted === '' ? undefined : rooted,
    query,
    fragment,
  });
}

function recompose(
  scheme: string,
  userInfo: string,
  host: string,
  port: bigint,
  path: string,
  query: string,
  fragment: string,
): string {
  if (port < 0n) return 'Failed to recompose URI';
  const authority =
    host === '' ? '' : `//${userInfo === '' ? '' : `${userInfo}@`}${host}${port === 0n ? '' : `:${port}`}`;
  const parts = [scheme === '' ? '' : `${scheme}:`, authority, '/', path.replace(/^\//, '')];
  if (query !== '') parts.push('?', query);
  if (fragment !== '') parts.push('#', fragment);
  return parts.join('');
}

export const uris: readonly RowFunction[] = [
  { name: 'uri_parse', parameters: ['text'], result: 'text', call: parse },
  {
    name: 'uri_recompose',
    parameters: ['text', 'text', 'text', 'int', 'text', 'text', 'text'],
    result: 'text',
    call: recompose,
  },
];
