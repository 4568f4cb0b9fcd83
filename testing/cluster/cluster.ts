import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { goFixture } from '../go-fixtures.ts';
import { ProcessError, type RunningProcess, temporaryFolder } from '../process.ts';
import { binary, clusterBinaries, missingBinaries } from './binaries.ts';
import { startControlPlane } from './control-plane.ts';
import { programImage } from './image.ts';
import { Namespaces, nodeAddress } from './namespaces.ts';
import { nodeName, pauseReference, startContainerd, startKubelet, startProxy } from './node.ts';
import { Pki } from './pki.ts';

const apiPort = 6443;

/** Waits for its children and for SIGTERM, as the sandbox of a pod must. */
const pauseSource = `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			os.Exit(0)
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
`;

/** Why a cluster with pods cannot run here: undefined when it can. */
export function clusterLacks(): string | undefined {
  if (process.getuid!() !== 0) return 'root is needed';
  const missing = missingBinaries(clusterBinaries);
  if (missing.length > 0) return `not built: ${missing.join(', ')} (make cluster-binaries)`;
  const tools = ['containerd', 'ctr', 'runc', 'iptables', 'nsenter', 'unshare', 'ip', 'curl'];
  const paths = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const absent = tools.filter((tool) => !paths.some((path) => existsSync(join(path, tool))));
  return absent.length === 0 ? undefined : `not installed: ${absent.join(', ')}`;
}

/** A real Kubernetes cluster of one node on this machine: its own namespaces, real pods, no container engine. `close` it. */
export class Cluster {
  readonly folder: string;
  readonly namespaces: Namespaces;
  readonly pki: Pki;
  /** Of a user who may do everything; the server's address is one inside. */
  readonly kubeconfig: string;
  readonly #parts = new Map<string, RunningProcess>();

  private constructor(folder: string, namespaces: Namespaces, pki: Pki) {
    this.folder = folder;
    this.namespaces = namespaces;
    this.pki = pki;
    this.kubeconfig = pki.kubeconfig('admin', '/O=system:masters/CN=admin', `https://127.0.0.1:${apiPort}`);
  }

  /** `images`: OCI archives that are to be on the node. */
  static async start(images: readonly string[] = []): Promise<Cluster> {
    const folder = temporaryFolder('sonde-cluster-');
    mkdirSync(join(folder, 'pki'));
    const pki = new Pki(join(folder, 'pki'));
    const cluster = new Cluster(folder, await Namespaces.create(folder), pki);
    try {
      await cluster.#start(images);
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  /** Runs kubectl as the administrator. @throws with its output when it fails. */
  kubectl(...args: string[]): Promise<string> {
    return this.namespaces.execute(binary('kubectl'), ['--kubeconfig', this.kubeconfig, ...args], 'n');
  }

  /** A kubeconfig for another user: RBAC knows it by its name. */
  user(name: string): string {
    return this.pki.kubeconfig(name, `/CN=${name}`, `https://127.0.0.1:${apiPort}`);
  }

  async close(): Promise<void> {
    await this.namespaces.close();
    await Promise.all([...this.#parts.values()].map((part) => part.kill()));
    removeCgroups();
    // Containers' mounts went with the mount namespace.
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #start(images: readonly string[]): Promise<void> {
    const { folder, namespaces, pki } = this;
    pki.certificate('kubelet-client', '/O=system:masters/CN=kube-apiserver-kubelet-client');
    const [etcd, apiServer] = await startControlPlane({
      pki,
      folder,
      launch: (file, args) => namespaces.start(file, args),
      ports: { api: apiPort, etcd: 2379, peer: 2380 },
      address: nodeAddress,
      flags: [
        `--kubelet-client-certificate=${pki.path('kubelet-client.crt')}`,
        `--kubelet-client-key=${pki.path('kubelet-client.key')}`,
        `--kubelet-certificate-authority=${pki.path('ca.crt')}`,
        '--kubelet-preferred-address-types=InternalIP',
      ],
    });
    this.#parts.set('etcd', etcd!).set('kube-apiserver', apiServer!);
    this.#parts.set('containerd', startContainerd(namespaces, folder));
    const pause = join(folder, 'pause.tar');
    await programImage(
      await goFixture({ source: { 'main.go': pauseSource } }),
      '/pause',
      { reference: pauseReference },
      pause,
    );
    await this.#until('containerd answers', () => namespaces.execute('ctr', ['version']));
    for (const image of [pause, ...images])
      await namespaces.execute('ctr', ['-n', 'k8s.io', 'images', 'import', image]);
    // Not before: the controller manager ends at once when RBAC's own roles are not there yet.
    await this.#until('the API server is ready', () => this.kubectl('get', '--raw', '/readyz'));
    const config = (name: string, subject: string) => pki.kubeconfig(name, subject, `https://127.0.0.1:${apiPort}`);
    const controllers = config('controllers', '/CN=system:kube-controller-manager');
    const scheduler = config('scheduler', '/CN=system:kube-scheduler');
    const own = (file: string) =>
      ['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map((flag) => `--${flag}=${file}`);
    this.#parts.set(
      'kube-controller-manager',
      namespaces.start(binary('kube-controller-manager'), [
        ...own(controllers),
        `--service-account-private-key-file=${pki.path('sa.key')}`,
        `--root-ca-file=${pki.path('ca.crt')}`,
        '--use-service-account-credentials',
        '--leader-elect=false',
        '--bind-address=127.0.0.1',
      ]),
    );
    const leaderless = [...own(scheduler), '--leader-elect=false', '--bind-address=127.0.0.1'];
    this.#parts.set('kube-scheduler', namespaces.start(binary('kube-scheduler'), leaderless));
    const node = config('node', `/O=system:nodes/CN=system:node:${nodeName}`);
    this.#parts.set('kubelet', startKubelet(namespaces, folder, pki, node));
    this.#parts.set('kube-proxy', startProxy(namespaces, folder, config('proxy', '/CN=system:kube-proxy')));
    await this.#until('the node is ready', () =>
      this.kubectl('wait', `node/${nodeName}`, '--for=condition=Ready', '--timeout=1s'),
    );
    await this.#until('there is a default service account', () => this.kubectl('get', 'serviceaccount', 'default'));
  }

  async #until(what: string, look: () => Promise<unknown>, seconds = 90): Promise<void> {
    const end = performance.now() + seconds * 1000;
    for (;;) {
      const dead = [...this.#parts].find(([, part]) => part.exit !== undefined);
      if (dead !== undefined) throw new ProcessError(`${dead[0]} ended before ${what}\n${dead[1].stderr.slice(-4000)}`);
      try {
        await look();
        return;
      } catch (error) {
        if (performance.now() > end) throw new ProcessError(`${what}: not within ${seconds} s`, { cause: error });
      }
      await sleep(100);
    }
  }
}

/** What the kubelet leaves of its pods' cgroups (v1: in every hierarchy), once all processes are gone. */
function removeCgroups(): void {
  const top = '/sys/fs/cgroup';
  for (const folder of [top, ...readdirSync(top).map((name) => join(top, name))]) {
    const pods = join(folder, 'kubepods');
    if (!existsSync(pods)) continue;
    const all = execFileSync('find', [pods, '-depth', '-type', 'd'], { encoding: 'utf8' }).split('\n');
    for (const each of all) {
      try {
        if (each !== '') rmdirSync(each);
      } catch {
        // Somebody else's, with processes in it.
      }
    }
  }
}
