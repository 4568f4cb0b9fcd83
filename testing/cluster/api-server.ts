import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../free-port.ts';
import { ProcessError, RunningProcess, temporaryFolder } from '../process.ts';
import { apiServerBinaries, missingBinaries } from './binaries.ts';
import { apiServerReady, startControlPlane } from './control-plane.ts';
import { Pki } from './pki.ts';

/** Why tests against the API server do not run: undefined when they can. */
export function apiServerLacks(): string | undefined {
  const missing = missingBinaries(apiServerBinaries);
  return missing.length === 0 ? undefined : `not built: ${missing.join(', ')} (make cluster-binaries)`;
}

/** A real etcd and kube-apiserver of one's own on this machine, ready within seconds; no node, so no pod ever runs. */
export class ApiServer {
  readonly folder: string;
  readonly pki: Pki;
  /** Of a user who may do everything. */
  readonly kubeconfig: string;
  readonly #server: string;
  #processes: readonly RunningProcess[];

  private constructor(folder: string, pki: Pki, server: string, processes: readonly RunningProcess[]) {
    this.folder = folder;
    this.pki = pki;
    this.#server = server;
    this.#processes = processes;
    this.kubeconfig = pki.kubeconfig('admin', '/O=system:masters/CN=admin', server);
  }

  static async start(): Promise<ApiServer> {
    const folder = temporaryFolder('sonde-apiserver-');
    mkdirSync(join(folder, 'pki'));
    const pki = new Pki(join(folder, 'pki'));
    const [api, etcd, peer] = (await freePorts(3)) as [number, number, number];
    const launch = (file: string, args: readonly string[]) => new RunningProcess(file, { args });
    const ports = { api, etcd, peer };
    pki.certificate('kubelet-client', '/O=system:masters/CN=kube-apiserver-kubelet-client');
    const flags = [
      // Without nodes nobody reaches it by another address, and it would not advertise this one.
      '--endpoint-reconciler-type=none',
      `--kubelet-client-certificate=${pki.path('kubelet-client.crt')}`,
      `--kubelet-client-key=${pki.path('kubelet-client.key')}`,
      `--kubelet-certificate-authority=${pki.path('ca.crt')}`,
      '--kubelet-preferred-address-types=InternalIP',
    ];
    const processes = await startControlPlane({ pki, folder, launch, ports, address: '127.0.0.1', flags });
    try {
      await apiServerReady(pki, api, processes[1]!);
    } catch (error) {
      await Promise.all(processes.map((process) => process.kill()));
      throw error;
    }
    return new ApiServer(folder, pki, `https://127.0.0.1:${api}`, processes);
  }

  /** Of a pod's service account, as RBAC knows it. Path of the file. */
  serviceAccount(namespace: string, name: string): string {
    const groups = `/O=system:serviceaccounts/O=system:serviceaccounts:${namespace}`;
    return this.pki.kubeconfig(
      `${namespace}-${name}`,
      `${groups}/CN=system:serviceaccount:${namespace}:${name}`,
      this.#server,
    );
  }

  /** A kubeconfig for another user: RBAC knows it by its name. */
  user(name: string): string {
    return this.pki.kubeconfig(name, `/CN=${name}`, this.#server);
  }

  /** What it says at a path, to the administrator. */
  async get<T>(path: string): Promise<T> {
    const read = (file: string) => readFileSync(this.pki.path(file));
    const options = { ca: read('ca.crt'), cert: read('admin.crt'), key: read('admin.key'), agent: false };
    for (;;) {
      const [answer] = (await once(request(`${this.#server}${path}`, options).end(), 'response')) as [IncomingMessage];
      const body = await text(answer);
      // 429: a kind that is new is not ready yet.
      if (answer.statusCode === 200) return JSON.parse(body) as T;
      if (answer.statusCode !== 429) throw new ProcessError(`${path}: ${answer.statusCode} ${body}`);
      await sleep(100);
    }
  }

  /** Of every kind that can be listed, the objects with this label, as `plural name`. */
  async labelled(label: string): Promise<string[]> {
    const { groups } = await this.get<{ groups: { preferredVersion: { groupVersion: string } }[] }>('/apis');
    const places = ['/api/v1', ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
    const found = places.map(async (place) => {
      const { resources } = await this.get<{ resources: { name: string; verbs: string[] }[] }>(place);
      const kinds = resources.filter(({ verbs }) => verbs.includes('list'));
      const lists = kinds.map(async ({ name }) => {
        const path = `${place}/${name}?labelSelector=${encodeURIComponent(label)}`;
        const { items } = await this.get<{ items: { metadata: { name: string } }[] }>(path);
        return items.map(({ metadata }) => `${name} ${metadata.name}`);
      });
      return (await Promise.all(lists)).flat();
    });
    return (await Promise.all(found)).flat().sort();
  }

  /** The API server goes; etcd stays. */
  async stop(): Promise<void> {
    await this.#processes[1]!.kill();
  }

  /** After `stop`: ready when this resolves. */
  async startAgain(): Promise<void> {
    const { file, child } = this.#processes[1]!;
    const again = new RunningProcess(file, { args: child.spawnargs.slice(1) });
    this.#processes = [this.#processes[0]!, again];
    await apiServerReady(this.pki, Number(new URL(this.#server).port), again);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
