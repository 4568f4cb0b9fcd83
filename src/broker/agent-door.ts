import { createServer, type Server, type TLSSocket } from 'node:tls';
import { apiFingerprint } from '#api';
import type { ClusterClient } from '#cluster';
import type { ServerIdentity } from '#door';
import { NodeLink, nodeMethods } from './node-link.ts';
import { Relay } from './relay.ts';
import { version } from './version.ts';

/** What the tokens of agents are for: k8s/agent.yaml says so, too. */
export const agentAudience = 'sonde-broker';
/** What says for which pod a token was made (k8s.io/apiserver, pkg/authentication/serviceaccount). */
const podClaim = 'authentication.kubernetes.io/pod-name';

/** Connections on which no agent has proved itself yet; more are closed when they come. */
const mostStrangers = 256;
/** So long has one for it, and so much may come on it until then: a token has some 1,500 bytes. */
const strangerMs = 10_000;
const strangerBytes = 65_536;
const handshakeMs = 5_000;
/** A token is not looked at again sooner: the API server forgives a minute. */
const leastReviewMs = 10_000;

/** Where it listens, and by which certificate. */
interface Place {
  /** Empty: every address. */
  readonly address: string;
  readonly port: number;
  readonly identity: ServerIdentity;
}

/**
 * Where agents come in: TLS 1.3 by the broker's certificate. The broker then asks the agent for the token that its pod was given for this alone; the API server says whether it
 * is good and whose it is.
 */
export class AgentDoor {
  readonly #client: ClusterClient;
  readonly #namespace: string;
  readonly #strangers = new Set<TLSSocket>();
  readonly #sockets = new Set<TLSSocket>();
  #listener: Server | undefined;

  constructor(client: ClusterClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /** `connected` gets each connection on which the agent of a pod has proved itself. */
  async open({ address, port, identity }: Place, connected: (pod: string, link: NodeLink) => void): Promise<void> {
    const listener = createServer(
      {
        minVersion: 'TLSv1.3',
        ALPNProtocols: ['h2'],
        key: identity.key,
        cert: identity.certificate,
        handshakeTimeout: handshakeMs,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: 15_000,
      },
      (socket) => void this.#receive(socket, connected),
    );
    listener.on('tlsClientError', (_, socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen({ port, ...(address === '' ? {} : { host: address }) }, resolve);
    });
    listener.on('error', (error) => log(error.message));
    this.#listener = listener;
  }

  close(): void {
    this.#listener?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #receive(socket: TLSSocket, connected: (pod: string, link: NodeLink) => void): Promise<void> {
    socket.on('error', () => {});
    if (this.#strangers.size >= mostStrangers) {
      socket.destroy();
      return;
    }
    this.#strangers.add(socket);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#strangers.delete(socket);
      this.#sockets.delete(socket);
    });
    const timer = setTimeout(() => socket.destroy(), strangerMs);
    const link = new NodeLink(
      await Relay.open(socket, () => !this.#strangers.has(socket) || socket.bytesRead < strangerBytes),
    );
    try {
      const { token, ...spoken } = await link.call(nodeMethods.identify, {});
      link.otherVersion = otherVersion(spoken);
      const { pod, refused = '' } = await this.#holderOf(token);
      await link.call(nodeMethods.welcome, { refused });
      if (pod === undefined) {
        log(`refused ${socket.remoteAddress}: ${refused}`);
        link.close();
        return;
      }
      this.#strangers.delete(socket);
      connected(pod, link);
      this.#reviewAgain(link, pod, token);
    } catch (error) {
      log(`${socket.remoteAddress}: ${(error as Error).message}`);
      link.close();
    } finally {
      clearTimeout(timer);
    }
  }

  /** When the token has expired the agent has another, which its kubelet has put in the place of it: who has none goes. */
  #reviewAgain(link: NodeLink, pod: string, token: string): void {
    const leftMs = Number(claimsOf(token).exp ?? 0) * 1000 - Date.now();
    const timer = setTimeout(() => void again(), Math.min(Math.max(leftMs, leastReviewMs), 2 ** 31 - 1)).unref();
    link.onClose(() => clearTimeout(timer));
    const again = async () => {
      try {
        const { token: next } = await link.call(nodeMethods.identify, {});
        const { pod: now, refused = `this token is of the pod ${now}` } = await this.#holderOf(next);
        if (now === pod) return this.#reviewAgain(link, pod, next);
        log(`the agent of pod ${pod}: ${refused}`);
        await link.call(nodeMethods.welcome, { refused });
        link.close();
      } catch (error) {
        // The API server is away, or the agent: that ends the connection elsewhere.
        log(`the agent of pod ${pod}: ${(error as Error).message}`);
        this.#reviewAgain(link, pod, token);
      }
    };
  }

  /** The pod of an agent's token, or why it is nobody's who is wanted here. @throws ClusterError */
  async #holderOf(token: string): Promise<{ readonly pod?: string; readonly refused?: string }> {
    const wanted = `system:serviceaccount:${this.#namespace}:agent`;
    // What says itself that it is something else costs the API server nothing.
    const { aud, sub } = claimsOf(token);
    if (![aud].flat().includes(agentAudience))
      return { refused: `a token for the audience ${agentAudience} is needed` };
    if (sub !== wanted) return { refused: `this is for ${wanted}, not for ${sub}` };
    const who = await this.#client.reviewToken(token, agentAudience);
    if (who === undefined) return { refused: 'this token is not good here: wrong, expired, or its pod is gone' };
    if (who.user !== wanted) return { refused: `this is for ${wanted}, not for ${who.user}` };
    const pod = who.extra[podClaim]?.[0];
    return pod === undefined ? { refused: 'this token is of no pod' } : { pod };
  }
}

/** During a rolling upgrade agents of both versions come: what one says the other may not understand. Undefined: it is as the broker. */
function otherVersion(agent: { readonly version: string; readonly api: string }): string | undefined {
  if (agent.version === version && agent.api === apiFingerprint) return undefined;
  const told = (name: string, api: string) => `${name || 'of an earlier version'} (API ${api || 'unknown'})`;
  return `its agent is ${told(agent.version, agent.api)}, the broker ${told(version, apiFingerprint)}: it is asked again when both are of one version`;
}

/** What a token says of itself, which is not yet to be believed. */
function claimsOf(token: string): { readonly aud?: unknown; readonly sub?: unknown; readonly exp?: unknown } {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    return typeof claims === 'object' && claims !== null ? claims : {};
  } catch {
    return {};
  }
}

function log(text: string): void {
  process.stderr.write(`${new Date().toISOString()} agents’ door: ${text}\n`);
}
