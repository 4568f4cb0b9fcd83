import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import type { KubernetesObject } from '@kubernetes/client-node';
import { SondeError } from '#base';
import type { ClusterClient } from './client.ts';
import { gauge, type Metric } from './health.ts';

/** How long a connection may take to be made and admitted. */
const patienceMs = 10_000;
/** How long until something answers at the address: what is sent to a pod that has just gone, before the Service knows, nobody answers. */
const answerMs = 3_000;
/** After a failure, at first; each doubles it, up to the other. All agents come when a broker has started: each at a time of its own. */
const [firstWaitMs, mostWaitMs] = [200, 4_000];
/** Where the broker is and what it is known by is asked so often while nobody answers there. */
const askMs = 10_000;

/** The broker could not be reached, or has refused. */
class NotConnected extends SondeError {
  readonly code = 'cluster.broker';
}

export interface BrokerPlace {
  readonly namespace: string;
  /** `host:port`; undefined: as the Service says. */
  readonly address: string | undefined;
  /** The file of the token that the kubelet keeps fresh. */
  readonly token: string;
}

interface Known {
  readonly ca: string;
  readonly host: string;
  readonly port: number;
  readonly askedAt: number;
}

/** Of the Service and of its port for agents, as the manifests name them. */
const [service, portName, map] = ['broker', 'agents', 'broker-ca'];

/**
 * Keeps a connection to the cluster's broker: TLS 1.3, by no other certificate than one of the CA that the broker has published, whatever other CAs the machine
 * trusts. What comes in on it are the broker's calls.
 */
export class BrokerConnection {
  readonly #client: ClusterClient;
  readonly #place: BrokerPlace;
  readonly #connected: (socket: TLSSocket) => void;
  readonly #closed = new AbortController();
  #known: Known | undefined;
  #socket: TLSSocket | undefined;
  #trouble = '';
  /** The broker lets it stay. */
  #welcome = false;
  #refused = '';

  /** `connected` gets each connection: the broker speaks first. */
  constructor(client: ClusterClient, place: BrokerPlace, connected: (socket: TLSSocket) => void) {
    this.#client = client;
    this.#place = place;
    this.#connected = connected;
    void this.#run();
  }

  /** For operators. */
  metric(): Metric {
    return gauge('sonde_broker_connected', 'Whether this agent has a connection to the broker.', this.#welcome ? 1 : 0);
  }

  /** The token by which the broker learns whose agent this is. */
  token(): string {
    return readFileSync(this.#place.token, 'utf8').trim();
  }

  /** The broker has looked at the token. `refused`: why it is not good; empty: it is. */
  judged(refused: string): void {
    this.#welcome = refused === '';
    this.#refused = refused;
    if (this.#welcome) this.#tell('connected to the broker');
  }

  close(): void {
    this.#closed.abort();
    this.#socket?.destroy();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    let waitMs = firstWaitMs;
    while (!signal.aborted) {
      try {
        await this.#connection();
      } catch (error) {
        this.#tell(`the broker: ${(error as Error).message}`);
      }
      if (this.#welcome) waitMs = firstWaitMs;
      this.#welcome = false;
      await sleep(waitMs * (0.5 + Math.random() / 2), undefined, { signal, ref: false }).catch(() => {});
      waitMs = Math.min(waitMs * 2, mostWaitMs);
    }
  }

  /** One connection to its end. @throws Error with the reason when it was not made, or refused */
  async #connection(): Promise<void> {
    const { ca, host, port } = await this.#ask();
    const servername = `${service}.${this.#place.namespace}.svc`;
    // Without the protocol's name Node takes the connection for none of HTTP/2.
    const socket = connect({ host, port, ca, servername, minVersion: 'TLSv1.3', ALPNProtocols: ['h2'] });
    this.#socket = socket;
    this.#refused = '';
    const timer = setTimeout(() => {
      if (!this.#welcome) socket.destroy(new NotConnected(`not let in within ${patienceMs / 1000} s`));
    }, patienceMs);
    const silence = setTimeout(
      () => socket.destroy(new NotConnected(`nothing answers within ${answerMs / 1000} s`)),
      answerMs,
    );
    socket.once('connect', () => clearTimeout(silence));
    try {
      await once(socket, 'secureConnect');
      socket.setNoDelay(true).setKeepAlive(true, 15_000);
      const closed = once(socket, 'close');
      this.#connected(socket);
      await closed;
      if (this.#refused !== '') throw new NotConnected(this.#refused);
    } catch (error) {
      socket.destroy();
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') this.#known = undefined;
      throw new NotConnected(`${host}:${port}: ${(error as Error).message}`, { cause: error });
    } finally {
      clearTimeout(timer);
      clearTimeout(silence);
    }
  }

  /** A broker that has started anew may have another CA. */
  async #ask(): Promise<Known> {
    if (this.#known !== undefined && performance.now() - this.#known.askedAt < askMs) return this.#known;
    const { namespace, address } = this.#place;
    const read = <T extends KubernetesObject>(kind: string, name: string) =>
      this.#client.read<T>({ apiVersion: 'v1', kind, metadata: { name, namespace } });
    const published = await read<KubernetesObject & { data?: Record<string, string> }>('ConfigMap', map!);
    const ca = published?.data?.['ca.pem'];
    if (ca === undefined)
      throw new NotConnected(`no broker has published its CA yet in the ConfigMap ${namespace}/${map}`);
    const where = address === undefined ? await this.#serviceAddress(read) : addressOf(address);
    this.#known = { ca, ...where, askedAt: performance.now() };
    return this.#known;
  }

  /** By its address: a name would take a DNS server that answers. */
  async #serviceAddress(
    read: <T extends KubernetesObject>(kind: string, name: string) => Promise<T | undefined>,
  ): Promise<{ host: string; port: number }> {
    const found = await read<ServiceObject>('Service', service!);
    const port = found?.spec?.ports?.find(({ name }) => name === portName)?.port;
    const host = found?.spec?.clusterIP;
    if (host === undefined || port === undefined)
      throw new NotConnected(`the Service ${this.#place.namespace}/${service} has no port ${portName}`);
    return { host, port };
  }

  /** The same trouble is told once. */
  #tell(trouble: string): void {
    if (trouble === this.#trouble || this.#closed.signal.aborted) return;
    this.#trouble = trouble;
    process.stderr.write(`${new Date().toISOString()} ${trouble}\n`);
  }
}

interface ServiceObject extends KubernetesObject {
  readonly spec?: { readonly clusterIP?: string; readonly ports?: readonly { name?: string; port: number }[] };
}

function addressOf(text: string): { host: string; port: number } {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
}
