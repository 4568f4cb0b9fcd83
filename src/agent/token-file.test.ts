import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cloud, sonde, vizier } from '#api';
import { CallRefused } from '#door';
import { networkMethods } from './access.ts';
import { TokenFile } from './token-file.ts';

const execute = '/px.api.vizierpb.VizierService/ExecuteScript';
let dir: string;
let tokens: TokenFile;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sonde-tokens-'));
  tokens = new TokenFile(dir);
});
afterEach(() => {
  vi.useRealTimers();
  tokens.tokens.close();
  rmSync(dir, { recursive: true });
});

const create = (name: string, role = 'viewer', lifetimeNs = 0n) =>
  tokens.create({ name, role, lifetimeNs }, 'root (px 1)');

function metadata(values: Record<string, string>): Metadata {
  const result = new Metadata();
  for (const [key, value] of Object.entries(values)) result.set(key, value);
  return result;
}

function refusal(act: () => unknown): { status: number; message: string } {
  try {
    act();
  } catch (error) {
    if (error instanceof CallRefused) return { status: error.status, message: error.message };
    throw error;
  }
  throw new Error('it was not refused');
}

test.each([
  ["Pixie's px", (token: string) => ({ 'x-direct-vizier-key': token, 'user-agent': 'grpc-go/1.43.0' })],
  ['Python', (token: string) => ({ 'pixie-api-key': token, 'pixie-api-client': 'python' })],
  ['a bearer', (token: string) => ({ authorization: `bearer ${token}` })],
  ['a Bearer', (token: string) => ({ authorization: `Bearer  ${token}` })],
])('%s is known by its token', (_, headers) => {
  const { token } = create('ci', 'tracer');
  expect(token).toMatch(/^sonde_[\w-]{43}$/);
  const caller = tokens.tokens.identify(metadata(headers(token)), execute);
  expect(caller).toMatchObject({ role: 'tracer', audience: 'pixie' });
  expect(caller.name).toMatch(/^token ci \(/);
});

test('the name of a caller is its token’s, whatever it says of itself', () => {
  const { token } = create('ci');
  const caller = tokens.tokens.identify(
    metadata({ 'pixie-api-key': token, 'sonde-client': '0.1.0', 'sonde-owner': 'root (px 1)', 'user-agent': 'x' }),
    execute,
  );
  expect(caller).toMatchObject({ name: 'token ci (px)', audience: 'sonde', role: 'viewer' });
});

test('no token, a wrong one, an expired one, a revoked one: UNAUTHENTICATED, in words that do not make Pixie’s px try for ever', () => {
  vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') });
  const use = (token: string) =>
    refusal(() => tokens.tokens.identify(metadata({ 'x-direct-vizier-key': token }), execute));
  const short = create('short', 'viewer', 1_000_000_000n).token;
  const revoked = create('revoked').token;
  const caller = tokens.tokens.identify(metadata({ 'pixie-api-key': short }), execute);
  expect(caller.gone!.aborted).toBe(false);
  expect(tokens.revoke('revoked')).toBe(true);
  expect(tokens.revoke('revoked')).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(caller.gone!.aborted).toBe(true);
  const all = [refusal(() => tokens.tokens.identify(metadata({}), execute)), use('sonde_x'), use(short), use(revoked)];
  expect(all.map((each) => each.status)).toEqual(new Array(4).fill(status.UNAUTHENTICATED));
  expect(all.map((each) => each.message)).toEqual([
    'a token is needed: `px token create NAME` on the machine of the agent makes one',
    'the token is not known here: `px token list` on the machine of the agent names those that it knows',
    'the token short expired at 2026-01-01T00:00:01.000Z',
    'the token revoked was revoked at 2026-01-01T00:00:00.000Z',
  ]);
  for (const { message } of all) expect(message).not.toMatch(/invalid auth token/);
});

test('what a role may not: PERMISSION_DENIED with the role that is needed', () => {
  const of = (role: string, method: string) => {
    const { token } = create(role, role);
    const result = refusal(() => tokens.tokens.identify(metadata({ 'pixie-api-key': token }), method));
    tokens.revoke(role);
    return result;
  };
  expect(of('viewer', '/sonde.v1.SondeService/Trace')).toEqual({
    status: status.PERMISSION_DENIED,
    message: '/sonde.v1.SondeService/Trace needs the role tracer; token viewer (unknown client) has the role viewer',
  });
  expect(of('tracer', '/sonde.v1.SondeService/Stop').message).toMatch(/needs the role admin/);
  expect(of('admin', '/sonde.v1.SondeService/CreateToken')).toMatchObject({
    status: status.PERMISSION_DENIED,
    message: expect.stringMatching(/over the Unix socket/),
  });
});

test('every method is open to a role, or to the Unix socket or the broker alone', () => {
  const services = [vizier.VizierServiceDefinition, cloud.VizierClusterInfoDefinition, sonde.SondeServiceDefinition];
  const paths = services.flatMap((service) =>
    Object.values(service.methods).map((method) => `/${service.fullName}/${method.name}`),
  );
  expect(paths.filter((path) => !(path in networkMethods))).toEqual([
    '/sonde.v1.SondeService/Listen',
    '/sonde.v1.SondeService/CreateToken',
    '/sonde.v1.SondeService/ListTokens',
    '/sonde.v1.SondeService/RevokeToken',
    '/sonde.v1.SondeService/CompileTracepoints',
    '/sonde.v1.SondeService/Received',
  ]);
  expect(Object.keys(networkMethods).filter((path) => !paths.includes(path))).toEqual([]);
});

test('they are kept as hashes, for their owner alone, and known to the next agent', () => {
  const { token } = create('ci', 'admin', 3_600_000_000_000n);
  create('gone');
  tokens.revoke('gone');
  const file = join(dir, 'tokens.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).not.toContain(token.slice(6));
  const next = new TokenFile(dir);
  expect(next.list().tokens.map(({ name, role, state }) => [name, role, state])).toEqual([
    ['ci', 'admin', 'valid'],
    ['gone', 'viewer', 'revoked'],
  ]);
  expect(next.tokens.identify(metadata({ 'pixie-api-key': token }), execute).role).toBe('admin');
  next.tokens.close();
});

test.each(['', '{"version":1,"tokens":[{"name":"a","role":"root"}]}', '{"version":2,"tokens":[]}', '[]'])(
  'a damaged file (%s) lets nobody in and is not overwritten',
  (text) => {
    const { token } = create('ci');
    const file = join(dir, 'tokens.json');
    writeFileSync(file, text);
    const next = new TokenFile(dir);
    expect(refusal(() => next.tokens.identify(metadata({ 'pixie-api-key': token }), execute)).status).toBe(
      status.UNAUTHENTICATED,
    );
    expect(() => next.create({ name: 'b', role: 'viewer', lifetimeNs: 0n }, 'x')).toThrow(/cannot be used/);
    expect(() => next.list()).toThrow(/cannot be used/);
    expect(readFileSync(file, 'utf8')).toBe(text);
  },
);

test('names: one valid token each, nothing that a terminal would obey', () => {
  create('ci');
  expect(() => create('ci')).toThrow(/there is a token ci/);
  tokens.revoke('ci');
  create('ci');
  for (const name of ['', 'a b', '-a', 'a\u001b[2J', 'x'.repeat(65)]) expect(() => create(name)).toThrow(/name/);
  expect(() => create('x', 'root')).toThrow(/no role root/);
});

test('one token has 16 calls open, all together 64', () => {
  const callers = Array.from({ length: 5 }, (_, i) => {
    const { token } = create(`ci-${i}`);
    return () => tokens.tokens.identify(metadata({ 'pixie-api-key': token }), execute).open.enter();
  });
  const [first, ...others] = callers as [() => () => void, ...(() => () => void)[]];
  const leave = Array.from({ length: 16 }, first);
  expect(refusal(first)).toEqual({
    status: status.RESOURCE_EXHAUSTED,
    message: '16 calls of this token are open already',
  });
  leave[0]!();
  leave[0]!();
  first();
  expect(refusal(first).status).toBe(status.RESOURCE_EXHAUSTED);
  for (const other of others.slice(0, 3)) Array.from({ length: 16 }, other);
  expect(refusal(others[3]!).message).toBe('64 calls from the network are open already');
});
