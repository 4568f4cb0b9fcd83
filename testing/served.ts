import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterObject, TracepointKind } from '#cluster';
import { Fleet } from './cluster/fleet.ts';
import { createToken, openDoor, type TestDoor } from './door.ts';
import { PixieWire } from './pixie-wire.ts';
import { ProcessError } from './process.ts';
import { PxEnvironment, parseRows } from './px.ts';
import { type ProbeScript, probeScript, writeProbeScript } from './script.ts';

/** A tracepoint as whoever serves lists it. */
export interface ServedTracepoint {
  readonly name: string;
  readonly state: string;
  readonly owner: string;
  readonly hits: number;
  readonly rows: number;
  readonly drops: number;
}

/** What serves Pixie's clients: an agent of its own machine, or the broker of a cluster. The same tests are for both. */
export interface Served {
  readonly kind: 'agent' | 'broker';
  readonly door: TestDoor;
  /** Of the process that serves. */
  pid(): number;
  upid(pid: number): Promise<string>;
  /** Places a tracepoint as the administrator. */
  place(script: ProbeScript): Promise<void>;
  tracepoints(): Promise<readonly ServedTracepoint[]>;
  createToken(name: string, options?: readonly string[]): Promise<string>;
  revokeToken(name: string): Promise<void>;
  dispose(): Promise<void>;
}

/** Streams of 100,000 calls take longer than the budget minds, on a busy machine above all. */
const roomy = { SONDE_BUDGET: '100%' };

export async function servedByAgent(): Promise<Served> {
  const sonde = new PxEnvironment(roomy);
  const door = await openDoor(sonde);
  const pid = (await sonde.agentPid())!;
  return {
    kind: 'agent',
    door,
    pid: () => pid,
    upid: (pid) => sonde.upid(pid),
    place: async (script) => void (await sonde.ok(['run', '-f', writeProbeScript(sonde.folder, script)])),
    tracepoints: () => sonde.rows(['tracepoint', 'list']),
    createToken: (name, options) => createToken(sonde, name, options),
    revokeToken: async (name) => void (await sonde.ok(['token', 'revoke', name])),
    dispose: () => sonde.dispose(),
  };
}

/** With one node, whose processes are this machine's; the tokens' subjects may trace everywhere. */
export async function servedByBroker(): Promise<Served> {
  const fleet = await Fleet.start(['n1'], roomy);
  const px = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await fleet.px(args);
    if (code !== 0) throw new ProcessError(`px ${args.join(' ')}: exit code ${code}\n${stdout}\n${stderr}`);
    return stdout;
  };
  const create = async (name: string, options: readonly string[] = []) =>
    (await px('token', 'create', name, ...options)).trim();
  const token = async (name: string, role: string) => {
    await bind(fleet, name, role);
    return create(name, ['--role', role]);
  };
  const caFile = join(fleet.api.folder, 'broker-ca.pem');
  const map = await fleet.client.read<ClusterObject & { data: Record<string, string> }>({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'broker-ca', namespace: 'sonde' },
  });
  const ca = map!.data['ca.pem']!;
  writeFileSync(caFile, ca);
  const address = `127.0.0.1:${fleet.door}`;
  const door: TestDoor = {
    address,
    caFile,
    tracer: await token('tracer', 'tracer'),
    viewer: await token('viewer', 'viewer'),
    wire: () => new PixieWire(address, ca),
  };
  // The broker and the API server's authorizer learn of both by watches.
  await sleep(500);
  return {
    kind: 'broker',
    door,
    pid: () => fleet.broker!.process.child.pid!,
    upid: async (pid) => {
      const rows = parseRows<{ pid: number; upid: string }>(await px('ps', '-o', 'json'));
      const found = rows.find((each) => each.pid === pid);
      if (!found) throw new ProcessError(`px ps does not list process ${pid}`);
      return found.upid;
    },
    place: async (script) => {
      const file = join(fleet.api.folder, `${script.name}.pxl`);
      writeFileSync(file, probeScript(script));
      await px('run', '-f', file);
    },
    tracepoints: async () => {
      const kinds: readonly TracepointKind[] = ['Tracepoint', 'ClusterTracepoint'];
      const lists = await Promise.all(kinds.map((kind) => fleet.client.listTracepoints(kind)));
      return lists
        .flatMap(({ items }) => items)
        .map(({ spec, status, metadata }) => ({
          name: spec.name,
          state: status?.nodes?.[0]?.state ?? '',
          owner: metadata.annotations?.['sonde.dev/owner'] ?? '',
          hits: status?.nodes?.[0]?.hits ?? 0,
          rows: status?.nodes?.[0]?.rows ?? 0,
          drops: status?.nodes?.[0]?.drops ?? 0,
        }));
    },
    createToken: async (name, options) => {
      await bind(fleet, name, 'viewer');
      const made = await create(name, options);
      await sleep(500);
      return made;
    },
    revokeToken: async (name) => void (await px('token', 'revoke', name)),
    dispose: () => fleet.close(),
  };
}

/** What `px token create` prints as commands. */
async function bind(fleet: Fleet, name: string, role: string): Promise<void> {
  const rights = role === 'viewer' ? 'sonde-viewer' : 'sonde-tracer';
  await fleet.client.apply(
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: `sonde-token-${name}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: rights },
      subjects: [{ kind: 'ServiceAccount', name, namespace: 'sonde-tokens' }],
    } as ClusterObject,
    'test',
  );
}
