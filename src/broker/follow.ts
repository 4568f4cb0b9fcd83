import { setTimeout as sleep } from 'node:timers/promises';
import type { sonde } from '#api';
import { mayDo } from './access.ts';
import { NodeSilent, nodeMethods } from './node-link.ts';
import type { Nodes } from './nodes.ts';
import { NamespaceHidden } from './targets.ts';

/** How often agents are looked for that have come since. */
const lookMs = 1000;

/**
 * Hands on what all nodes see of a tracepoint, those that come later too, until its object has gone at all of them. The first message says that
 * all nodes listen: only then is the object to be written. A node whose connection broke, or of which the client has something by another broker, is asked for
 * what comes behind that.
 */
export async function followTracepoint(
  { tracepoint, after }: Pick<sonde.TraceRequest, 'tracepoint' | 'after'>,
  scope: sonde.Scope,
  nodes: Nodes,
  { signal, send }: { readonly signal: AbortSignal; readonly send: (reply: sonde.TraceReply) => Promise<void> },
): Promise<void> {
  requireVisible(tracepoint, scope);
  const following = new Map<string, Promise<void>>();
  const listening: Promise<void>[] = [];
  const places = new Map(after.map(({ node, place }) => [node, place]));
  const failed = new Map<string, string>();
  let over = 0;
  let allOver: () => void = () => {};
  const ended = new Promise<true>((resolve) => (allOver = () => resolve(true)));
  const settle = () => {
    if (over > 0 && over === following.size) allOver();
  };
  const fail = async ({ node, reason }: NodeSilent) => {
    if (failed.get(node) === reason) return;
    failed.set(node, reason);
    await send(armed(tracepoint, [`node ${node}: ${reason}`]));
  };
  const look = () =>
    nodes.all(async (link) => {
      const { node } = link;
      if (following.has(node)) return;
      let heard: () => void = () => {};
      listening.push(new Promise((resolve) => (heard = resolve)));
      const follow = async () => {
        try {
          for await (const reply of link.stream(
            nodeMethods.follow,
            { tracepoint, after: places.get(node) ?? '', open: false },
            signal,
          )) {
            heard();
            if (reply.at !== undefined) places.set(node, reply.at.place);
            failed.delete(node);
            if (reply.event?.$case === 'calls' && reply.event.value.calls.length === 0) continue;
            if (reply.event?.$case !== 'armed' || !isEmpty(reply.event.value)) await send(reply);
          }
          over++;
          settle();
        } catch (error) {
          if (!(error instanceof NodeSilent)) throw error;
          following.delete(node);
          settle();
          await fail(error);
        } finally {
          heard();
        }
      };
      following.set(node, follow());
    });
  for (const silent of (await look()).silent) await fail(silent);
  await Promise.all(listening);
  await send(armed(tracepoint, []));
  // A node that fails is tried again, until the first one says that it is over.
  while (!signal.aborted && !(await Promise.race([ended, waited(signal)])))
    if (over === 0) for (const silent of (await look()).silent) await fail(silent);
}

/** The calls that run now where a tracepoint is armed, of each node behind each other. */
export async function openCalls(
  { tracepoint }: Pick<sonde.TraceRequest, 'tracepoint'>,
  scope: sonde.Scope,
  nodes: Nodes,
  { signal, send }: { readonly signal: AbortSignal; readonly send: (reply: sonde.TraceReply) => Promise<void> },
): Promise<void> {
  requireVisible(tracepoint, scope);
  const request = { tracepoint, after: '', open: true };
  const { silent } = await nodes.all(async (link) => {
    for await (const reply of link.stream(nodeMethods.follow, request, signal)) await send(reply);
  });
  for (const { node, reason } of silent) await send(armed(tracepoint, [`node ${node}: ${reason}`]));
}

function requireVisible(tracepoint: string, scope: sonde.Scope): void {
  const namespace = tracepoint.includes('/') ? tracepoint.split('/')[0]! : '';
  if (!mayDo(scope, namespace)) throw new NamespaceHidden(namespace);
}

async function waited(signal: AbortSignal): Promise<false> {
  await sleep(lookMs, undefined, { signal }).catch(() => {});
  return false;
}

function isEmpty({ processes, failures, warnings }: sonde.TraceArmed): boolean {
  return processes === 0 && failures.length === 0 && warnings.length === 0;
}

function armed(name: string, failures: string[]): sonde.TraceReply {
  const value = { processes: 0, upids: [], warnings: [], failures, places: [], name };
  return { event: { $case: 'armed', value } };
}
