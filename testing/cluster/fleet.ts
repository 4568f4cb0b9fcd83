import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CoreV1Api, type V1Pod } from '@kubernetes/client-node';
import { ClusterClient, readManifests } from '#cluster';
import { freePorts } from '../free-port.ts';
import { ProcessError, RunningProcess } from '../process.ts';
import { root } from '../root.ts';
import { ApiServer } from './api-server.ts';
import { servePortForward } from './port-forward.ts';
import type { ClusterPxResult } from './px.ts';

/** The broker's port, as the API server's port-forward is asked for it. */
const brokerPort = 50300;
const namespace = 'sonde';

/** A real agent or broker that is a pod to the API server and a process of this machine. */
export interface Member {
  readonly pod: string;
  readonly process: RunningProcess;
  /** Of /livez, /readyz and /metrics. */
  readonly health: string;
}

export interface NodeOptions {
  /** What the agent is to find as the machine's; default: this machine's. */
  readonly bootId?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Several nodes on this machine: a real API server, and for each node a real agent with a name, a machine-id, a folder and ports of its own. They are
 * pods to the API server; what it would ask of their kubelet is port-forward alone (`servePortForward`).
 * Processes become those of pods by cgroups.
 */
export class Fleet {
  readonly api: ApiServer;
  readonly client: ClusterClient;
  readonly agents = new Map<string, Member>();
  broker: Member | undefined;
  /** The broker's port for clients with tokens, on the loopback address. */
  door = 0;
  /** Where agents reach any broker of this fleet, on the loopback address. */
  readonly agentsPort: number;
  readonly #core: CoreV1Api;
  readonly #ports = new Map<string, number>();
  readonly #kubelet: Awaited<ReturnType<typeof servePortForward>>;
  readonly #cgroups: string[] = [];
  readonly #env: NodeJS.ProcessEnv;

  private constructor(
    api: ApiServer,
    kubelet: Awaited<ReturnType<typeof servePortForward>>,
    ports: Map<string, number>,
    agentsPort: number,
    env: NodeJS.ProcessEnv,
  ) {
    this.agentsPort = agentsPort;
    this.#env = env;
    this.api = api;
    this.client = new ClusterClient({ kubeconfig: api.kubeconfig });
    this.#core = this.client.config.makeApiClient(CoreV1Api);
    this.#kubelet = kubelet;
    this.#ports = ports;
  }

  /** With a broker, and an agent for each of these nodes. `env`: of both. */
  static async start(nodes: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Fleet> {
    const api = await ApiServer.start();
    const ports = new Map<string, number>();
    const kubelet = await servePortForward(api.pki, (pod, port) => ports.get(`${pod}:${port}`));
    const [agentsPort] = await freePorts(1);
    const fleet = new Fleet(api, kubelet, ports, agentsPort!, env);
    try {
      const made = readManifests(join(root, 'k8s')).filter(({ kind }) => kind !== 'DaemonSet' && kind !== 'Deployment');
      for (const object of made) await fleet.client.apply(object, 'test');
      await Promise.all([fleet.startBroker(), ...nodes.map((node) => fleet.addNode(node))]);
    } catch (error) {
      await fleet.close();
      throw error;
    }
    return fleet;
  }

  async addNode(node: string, options?: NodeOptions): Promise<Member> {
    await this.addNodeObject(node);
    return this.startAgent(node, options);
  }

  /** A node, without any agent. */
  async addNodeObject(node: string): Promise<void> {
    const body = { metadata: { name: node } };
    const created = await this.#core.createNode({ body });
    const status = {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: this.#kubelet.port } },
    };
    await this.#core.replaceNodeStatus({ name: node, body: { ...created, status } });
  }

  /** A pod of an agent; what its kubelet would put there for it to go to the broker with, as arguments. */
  async addAgentPod(name: string, node: string): Promise<string[]> {
    const { metadata } = await this.#addPod(namespace, name, node, { app: 'sonde-agent' }, 'agent');
    const file = join(this.api.folder, `${name}.token`);
    writeFileSync(file, await this.token({ pod: { name, uid: metadata!.uid! } }));
    return ['--broker', namespace, '--broker-address', `127.0.0.1:${this.agentsPort}`, '--token', file];
  }

  /** A token as a kubelet requests it for a pod; by default one that agents have. */
  async token({
    pod,
    audience = 'sonde-broker',
    account = 'agent',
  }: {
    readonly pod?: { readonly name: string; readonly uid: string };
    readonly audience?: string;
    readonly account?: string;
  }): Promise<string> {
    const boundObjectRef = pod && { kind: 'Pod', apiVersion: 'v1', ...pod };
    const spec = { audiences: [audience], expirationSeconds: 3600, ...(boundObjectRef ? { boundObjectRef } : {}) };
    const body = { spec } as never;
    const made = await this.#core.createNamespacedServiceAccountToken({ name: account, namespace, body });
    return made.status?.token ?? '';
  }

  /** The agent of a node: the first one, or the one after the last has ended (its pod is another one then). */
  async startAgent(node: string, { bootId, env = {} }: NodeOptions = {}): Promise<Member> {
    const pod = `agent-${node}-${randomBytes(2).toString('hex')}`;
    const folder = join(this.api.folder, pod);
    const [health] = (await freePorts(1)) as [number];
    const program = [process.execPath, '--expose-gc', '--disable-warning=ExperimentalWarning'];
    const main = [...program, join(root, 'src/agent/main.ts'), '--dir', folder, '--node', node];
    const args = [
      ...this.#asNode(node, bootId),
      ...main,
      ...(await this.addAgentPod(pod, node)),
      '--health',
      `${health}`,
    ];
    const member = this.#member(pod, 'unshare', args, health, 'agent', env);
    await this.#ready(member);
    this.agents.set(node, member);
    return member;
  }

  /** A mount namespace of its own, for the node's machine-id and, if it is to have rebooted, its boot id. */
  #asNode(node: string, bootId: string | undefined): string[] {
    const machineId = join(this.api.folder, `${node}.machine-id`);
    if (!existsSync(machineId)) writeFileSync(machineId, `${randomBytes(16).toString('hex')}\n`);
    const mounts = [`mount --bind ${machineId} /etc/machine-id`];
    if (bootId !== undefined) {
      const file = join(this.api.folder, `${node}.boot-id`);
      writeFileSync(file, `${bootId}\n`);
      mounts.push(`mount --bind ${file} /proc/sys/kernel/random/boot_id`);
    }
    return ['--mount', '--propagation', 'private', 'sh', '-c', `${mounts.join(' && ')} && exec "$@"`, 'sh'];
  }

  /** The agent and its pod go, in whatever way. */
  async endAgent(node: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const member = this.agents.get(node)!;
    this.agents.delete(node);
    await member.process.kill(signal);
    await this.#core.deleteNamespacedPod({ name: member.pod, namespace, gracePeriodSeconds: 0 });
  }

  async startBroker(): Promise<Member> {
    const pod = `broker-${randomBytes(2).toString('hex')}`;
    const [port, health, door] = (await freePorts(3)) as [number, number, number];
    this.door = door;
    const main = ['--disable-warning=ExperimentalWarning', join(root, 'src/broker/main.ts')];
    const args = [
      '--namespace',
      namespace,
      '--dir',
      join(this.api.folder, pod),
      '--port',
      `${port}`,
      '--health',
      `${health}`,
      '--listen',
      '127.0.0.1',
      '--door',
      `${door}`,
      '--agents',
      `${this.agentsPort}`,
    ];
    if (this.broker === undefined) await this.addNodeObject('control');
    const created = await this.createPod(namespace, pod, 'control', { app: 'sonde-broker' }, 'broker');
    const member = this.#member(pod, process.execPath, [...main, ...args], health, 'broker');
    await this.#ready(member);
    await this.#runs(created);
    this.#ports.set(`${pod}:${brokerPort}`, port);
    this.broker = member;
    return member;
  }

  async endBroker(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.broker!.process.kill(signal);
    await this.#core.deleteNamespacedPod({ name: this.broker!.pod, namespace, gracePeriodSeconds: 0 });
  }

  /** All port-forwards break. */
  cutForwards(): void {
    this.#kubelet.cut();
  }

  async addNamespace(name: string): Promise<void> {
    await this.client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, 'test');
    await this.client.apply(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } },
      'test',
    );
  }

  /** Makes a process that of a pod's container `app`. */
  async addPod(
    name: string,
    node: string,
    labels: Readonly<Record<string, string>>,
    pid: number,
    inNamespace = 'shop',
  ): Promise<void> {
    const container = randomBytes(32).toString('hex');
    const created = await this.createPod(inNamespace, name, node, labels, 'app');
    const pod = await this.#runs(created, `containerd://${container}`);
    const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
    const top = join(v2 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids', `sonde-test-${process.pid}`);
    const folder = join(top, 'kubepods', `pod${pod.metadata!.uid}`, container);
    mkdirSync(folder, { recursive: true });
    this.#cgroups.push(folder, join(folder, '..'), join(top, 'kubepods'), top);
    writeFileSync(join(folder, 'cgroup.procs'), `${pid}`);
  }

  async deletePod(name: string, inNamespace = 'shop'): Promise<void> {
    await this.#core.deleteNamespacedPod({ name, namespace: inNamespace, gracePeriodSeconds: 0 });
  }

  /** A number of a member's /metrics page; labels as they are written there. */
  async metric({ health }: Member, name: string): Promise<number | undefined> {
    const page = await (await fetch(`${health}/metrics`)).text();
    const line = page.split('\n').find((each) => each.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  /** `./px` with the administrator's kubeconfig. */
  async px(args: readonly string[], kubeconfig: string = this.api.kubeconfig): Promise<ClusterPxResult> {
    const px = this.startPx(args, kubeconfig);
    px.endInput();
    const timer = setTimeout(() => void px.kill(), 60_000);
    const { code } = await px.exited;
    clearTimeout(timer);
    return { code, stdout: px.stdout, stderr: px.stderr };
  }

  startPx(args: readonly string[], kubeconfig: string = this.api.kubeconfig): RunningProcess {
    const env = {
      ...process.env,
      TZ: 'UTC',
      NO_COLOR: '1',
      KUBECONFIG: kubeconfig,
      SONDE_DIR: join(this.api.folder, 'px'),
    };
    return new RunningProcess(join(root, 'px'), { args, env });
  }

  async close(): Promise<void> {
    const members = [...this.agents.values(), ...(this.broker ? [this.broker] : [])];
    await Promise.all(
      members.map(({ process }) => {
        process.child.kill('SIGCONT');
        return process.kill('SIGTERM');
      }),
    );
    this.#kubelet.server.closeAllConnections();
    this.#kubelet.server.close();
    await this.api[Symbol.asyncDispose]();
    // A process that is still there keeps its cgroup; it is not ours.
    for (const folder of new Set(this.#cgroups)) {
      try {
        rmdirSync(folder);
      } catch {}
    }
  }

  #member(
    pod: string,
    file: string,
    args: readonly string[],
    health: number,
    account: string,
    own: NodeJS.ProcessEnv = {},
  ): Member {
    // As `./px` starts its agents.
    const kept = { NODE_COMPILE_CACHE: join(root, '.cache', 'compile') };
    const env = {
      ...process.env,
      ...kept,
      ...this.#env,
      ...own,
      KUBECONFIG: this.api.serviceAccount(namespace, account),
    };
    return { pod, process: new RunningProcess(file, { args, env }), health: `http://127.0.0.1:${health}` };
  }

  async #ready({ pod, process: started, health }: Member): Promise<void> {
    const end = performance.now() + 90_000;
    for (;;) {
      const answer = await fetch(`${health}/readyz`).catch(() => undefined);
      if (answer?.ok) return;
      if (started.exit !== undefined || performance.now() > end)
        throw new ProcessError(`${pod} is not ready\n${started.stderr.slice(-4000)}`);
      await sleep(50);
    }
  }

  async #addPod(...of: Parameters<Fleet['createPod']>): Promise<V1Pod> {
    return this.#runs(await this.createPod(...of));
  }

  /** Nothing of it runs yet. */
  async createPod(
    inNamespace: string,
    name: string,
    nodeName: string,
    labels: Readonly<Record<string, string>>,
    container: string,
  ): Promise<V1Pod> {
    const spec = {
      nodeName,
      serviceAccountName: inNamespace === namespace ? container : 'default',
      containers: [{ name: container, image: 'none' }],
    };
    const body = { metadata: { name, labels: { ...labels } }, spec };
    return this.#core.createNamespacedPod({ namespace: inNamespace, body });
  }

  #runs(created: V1Pod, containerID = ''): Promise<V1Pod> {
    const { name = '', namespace: inNamespace = '' } = created.metadata!;
    const container = created.spec!.containers[0]!.name;
    const status = {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ name: container, image: 'none', imageID: '', ready: true, restartCount: 0, containerID }],
    };
    return this.#core.replaceNamespacedPodStatus({ name, namespace: inNamespace, body: { ...created, status } });
  }
}
