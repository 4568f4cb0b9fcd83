import { decodeRelation } from '#api';
import { type Relation, sameRelation } from '#model';
import { type Catalog, tableFunctionRelations } from '#planner';
import { NodeSilent, type Nodes, nodeMethods } from './nodes.ts';

/** The tables of all nodes as one. */
export interface ClusterTables {
  readonly catalog: Catalog;
  /** The nodes that have a table, with the columns that it has here. */
  nodesWith(table: string): readonly string[];
  /** Nodes that did not answer. */
  readonly silent: readonly NodeSilent[];
  /** Nodes whose table of this name has other columns. */
  readonly differing: (table: string) => readonly NodeSilent[];
}

/** Asks the nodes for their tables. Where two differ in columns, those of the most nodes are taken. */
export async function clusterTables(nodes: Nodes): Promise<ClusterTables> {
  const { answers, silent } = await nodes.all((link) => link.call(nodeMethods.describe, {}));
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
    silent,
    nodesWith: (table) => found.get(table)?.[0]?.nodes ?? [],
    differing: (table) =>
      (found.get(table) ?? [])
        .slice(1)
        .flatMap((version) => version.nodes)
        .map((node) => new NodeSilent(node, `its table ${table} has other columns than that of other nodes`)),
  };
}
