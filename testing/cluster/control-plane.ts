import { mkdirSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProcessError, type RunningProcess } from '../process.ts';
import { binary } from './binaries.ts';
import type { Pki } from './pki.ts';

/** Starts a program where the control plane is to run: here, or in a cluster's namespaces. */
export type Launch = (file: string, args: readonly string[]) => RunningProcess;

export interface ControlPlaneOptions {
  readonly pki: Pki;
  /** For etcd's data. */
  readonly folder: string;
  readonly launch: Launch;
  readonly ports: { readonly api: number; readonly etcd: number; readonly peer: number };
  /** Where nodes reach the API server, beside 127.0.0.1. */
  readonly address: string;
  readonly flags?: readonly string[];
}

/** The first address of the services' range is the API server's own. */
export const serviceRange = '10.96.0.0/16';

/** Starts etcd and kube-apiserver; they answer when this resolves, RBAC's own roles included. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<readonly RunningProcess[]> {
  const { pki, folder, launch, ports, address, flags = [] } = options;
  const names = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map(
    (name) => `DNS:${name}`,
  );
  const addresses = [...new Set(['127.0.0.1', '10.96.0.1', address])].map((each) => `IP:${each}`);
  pki.certificate('apiserver', '/CN=kube-apiserver', [...names, ...addresses].join(','));
  pki.certificate('probe', '/O=system:masters/CN=probe');
  mkdirSync(join(folder, 'etcd'), { recursive: true, mode: 0o700 });
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.peer}`;
  const etcd = launch(binary('etcd'), [
    '--name=e1',
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=e1=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]);
  // It waits for etcd by itself.
  const apiServer = launch(binary('kube-apiserver'), [
    `--etcd-servers=${client}`,
    `--service-cluster-ip-range=${serviceRange}`,
    `--advertise-address=${address}`,
    `--secure-port=${ports.api}`,
    `--tls-cert-file=${pki.path('apiserver.crt')}`,
    `--tls-private-key-file=${pki.path('apiserver.key')}`,
    `--client-ca-file=${pki.path('ca.crt')}`,
    `--cert-dir=${folder}`,
    `--service-account-key-file=${pki.path('sa.pub')}`,
    `--service-account-signing-key-file=${pki.path('sa.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    ...flags,
  ]);
  return [etcd, apiServer];
}

/** Waits until the API server says that it is ready. Only where its port can be reached from here. */
export async function apiServerReady(pki: Pki, port: number, server: RunningProcess, seconds = 60): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await answersReady(pki, port))) {
    if (server.exit !== undefined) throw new ProcessError(`kube-apiserver ended\n${server.stderr.slice(-4000)}`);
    if (performance.now() > end) throw new ProcessError(`kube-apiserver: not ready within ${seconds} s`);
    await sleep(100);
  }
}

function answersReady(pki: Pki, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        path: '/readyz',
        ca: readFileSync(pki.path('ca.crt')),
        cert: readFileSync(pki.path('probe.crt')),
        key: readFileSync(pki.path('probe.key')),
        agent: false,
      },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      },
    );
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
