import { setTimeout as sleep } from 'node:timers/promises';
import { decodeBatch, sliceBatch, type sonde } from '#api';
import type { Relation, RowBatch } from '#model';
import { type NodeLink, NodeSilent, nodeMethods } from './node-link.ts';
import type { Nodes } from './nodes.ts';

/** How often nodes are looked for that have come since. */
const lookMs = 1000;

/** What has come from one node. */
interface Progress {
  /** As it told it. */
  place: string;
  /** Rows behind that. */
  rows: number;
}

interface Follow {
  readonly nodes: Nodes;
  readonly request: Omit<sonde.RunPlanRequest, 'after'>;
  readonly relation: Relation;
  /** Nodes that are not to be asked. */
  readonly except: ReadonlyMap<string, unknown>;
  readonly signal: AbortSignal;
  /** In each node's order of arrival, nodes mixed. */
  readonly take: (batch: RowBatch) => Promise<void>;
  /** A node does not answer, or does so again. */
  readonly silent: (node: string, reason: string | undefined) => Promise<void>;
}

/**
 * The rows of a plan that go on, from every node, those that come later too, until the signal: each once. A node whose connection broke is asked for what comes behind that which it has sent; one
 * that has started anew has other rows.
 */
export async function followRows({
  nodes,
  request,
  relation,
  except,
  signal: ended,
  take,
  silent,
}: Follow): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([ended, over.signal]);
  const progress = new Map<string, Progress>();
  const following = new Map<string, Promise<void>>();
  let fault: unknown;

  const follow = async (link: NodeLink) => {
    const { node } = link;
    const at = progress.get(node) ?? { place: '', rows: 0 };
    progress.set(node, at);
    let known = at.rows;
    for await (const data of link.stream(nodeMethods.runPlan, { ...request, after: at.place }, signal)) {
      await silent(node, undefined);
      if (data.sondePlace !== '') {
        Object.assign(at, { place: data.sondePlace, rows: 0 });
        known = 0;
        continue;
      }
      const batch = decodeBatch(data, relation);
      const skipped = Math.min(known, batch.rows);
      known -= skipped;
      if (skipped === batch.rows) continue;
      at.rows += batch.rows - skipped;
      await take(skipped === 0 ? batch : sliceBatch(batch, skipped, batch.rows));
    }
  };
  const failed = async (error: unknown) => {
    // A node that has no such table has no rows of it yet.
    try {
      if (!(error instanceof NodeSilent)) throw error;
      if (!error.refused) await silent(error.node, error.reason);
    } catch (worse) {
      fault ??= worse;
    }
  };
  try {
    while (!signal.aborted && fault === undefined) {
      const found = await nodes.all(async (link) => {
        if (following.has(link.node)) return;
        const rows = follow(link).catch(failed);
        following.set(
          link.node,
          rows.finally(() => following.delete(link.node)),
        );
      }, except);
      for (const error of found.silent) await failed(error);
      await sleep(lookMs, undefined, { signal }).catch(() => {});
    }
  } finally {
    over.abort();
    await Promise.all(following.values());
  }
  if (fault !== undefined) throw fault;
}
