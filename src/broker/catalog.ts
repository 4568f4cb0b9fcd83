import { decodeRelation, type sonde } from '#api';
import { type Relation, sameRelation } from '#model';
import { type Catalog, tableFunctionRelations } from '#planner';
import { NodeSilent, nodeMethods } from './node-link.ts';
import type { Nodes } from './nodes.ts';

/** The tables of all nodes as one. */
export interface ClusterTables {
  readonly catalog: Catalog;
  /** The nodes that have a table, with the columns that it has here. */
  nodesWith(table: string): readonly string[];
  /** The node whose UPIDs begin with this agent id; undefined: none that answered. */
  nodeOf(agentId: number): string | undefined;
  /** Nodes that did not answer. */
  readonly silent: readonly NodeSilent[];
  /** Nodes whose table of this name has other columns. */
  readonly differing: (table: string) => readonly NodeSilent[];
  /** What is to be known of a table's rows. */
  readonly noticesOf: (table: string) => readonly string[];
  /** What is to be known of all rows. */
  readonly notices: readonly string[];
}

/** Clocks that are further apart than this are told of: less is what a question and its answer take. */
const skewNs = 1_000_000_000n;

/** Asks the nodes for the tables that somebody may know of. Where two differ in columns, those of the most nodes are taken. */
export async function clusterTables(nodes: Nodes, scope: sonde.Scope): Promise<ClusterTables> {
  const { answers, silent } = await nodes.all(async (link) => {
    const before = Date.now();
    const answer = await link.call(nodeMethods.describe, { scope });
    return { ...answer, aheadNs: answer.nowNs - BigInt(Math.round((before + Date.now()) / 2)) * 1_000_000n };
  });
  const doubles = sameIdentity(answers.map(({ node, answer }) => ({ node, asid: answer.asid })));
  const found = new Map<string, { relation: Relation; nodes: string[] }[]>();
  for (const { node, answer } of answers) {
    for (const { name, relation: wire } of answer.tables) {
      const relation = decodeRelation(wire ?? { columns: [] });
      const versions = found.get(name) ?? [];
      found.set(name, versions);
      const same = versions.find((version) => sameRelation(version.relation, relation));
      if (same) same.nodes.push(node);
      else versions.push({ relation, nodes: [node] });
    }
  }
  for (const versions of found.values()) versions.sort((a, b) => b.nodes.length - a.nodes.length);
  return {
    catalog: {
      table: (name) => found.get(name)?.[0]?.relation,
      tables: () => [...found.keys()].sort(),
      tableFunction: (name) => (Object.hasOwn(tableFunctionRelations, name) ? tableFunctionRelations[name] : undefined),
      tableFunctions: () => Object.keys(tableFunctionRelations),
    },
    silent: [...silent, ...doubles],
    noticesOf: (table) =>
      answers.flatMap(({ node, answer }) =>
        answer.tables.flatMap(({ name, notice }) =>
          name === table && notice !== '' ? [`node ${node}: ${notice}`] : [],
        ),
      ),
    notices: answers.flatMap(({ node, answer: { aheadNs } }) => {
      const far = aheadNs < 0n ? -aheadNs : aheadNs;
      if (far <= skewNs) return [];
      const by = `${Number(far / 1_000_000n) / 1000} s ${aheadNs > 0n ? 'ahead of' : 'behind'} the broker’s`;
      return [`node ${node}: its clock is ${by}; times of its rows are its own`];
    }),
    nodeOf: (agentId) => answers.find(({ answer }) => Number.parseInt(answer.asid, 16) === agentId)?.node,
    nodesWith: (table) => found.get(table)?.[0]?.nodes ?? [],
    differing: (table) =>
      (found.get(table) ?? [])
        .slice(1)
        .flatMap((version) => version.nodes)
        .map((node) => new NodeSilent(node, `its table ${table} has other columns than that of other nodes`)),
  };
}

/** Nodes of one machine-id make UPIDs that mean processes of each other: the rows of all but the first by name are left out. */
function sameIdentity(nodes: readonly { readonly node: string; readonly asid: string }[]): NodeSilent[] {
  const sorted = [...nodes].sort((a, b) => (a.node < b.node ? -1 : 1));
  return sorted.flatMap(({ node, asid }, i) => {
    const first = sorted.findIndex((other) => other.asid === asid);
    if (first === i) return [];
    return [
      new NodeSilent(
        node,
        `it has the machine-id of node ${sorted[first]!.node}: give one of them another /etc/machine-id`,
        true,
      ),
    ];
  });
}
