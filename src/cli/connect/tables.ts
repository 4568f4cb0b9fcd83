import { decodeBatch, decodeRelation, vizier } from '#api';
import { type Column, columnTypes, type Relation } from '#model';
import { type Catalog, offlineCatalog } from '#planner';
import { batchRows } from '../output/batch.ts';
import { type Agent, vizierMethods } from './agent.ts';

/** What scripts can read: the agent's tables, and what every machine has. */
export async function agentCatalog(agent: Agent): Promise<Catalog> {
  const tables = await tablesOf(agent);
  return { ...offlineCatalog, table: (name) => tables.get(name), tables: () => [...tables.keys()] };
}

async function tablesOf(agent: Agent): Promise<ReadonlyMap<string, Relation>> {
  const request = vizier.ExecuteScriptRequest.fromPartial({
    queryStr: "import px\npx.display(px.GetSchemas()[['table_name', 'column_name', 'column_type']])",
  });
  const tables = new Map<string, { columns: Column[] }>();
  let relation: Relation | undefined;
  for await (const { result } of agent.stream(vizierMethods.executeScript, request)) {
    if (result?.$case === 'metaData') relation = decodeRelation(result.value.relation ?? { columns: [] });
    const batch = result?.$case === 'data' ? result.value.batch : undefined;
    if (batch === undefined || relation === undefined) continue;
    for (const { cells } of batchRows(relation.columns, decodeBatch(batch, relation))) {
      const [table, name, text] = cells.map(String) as [string, string, string];
      const type = columnTypes.find((each) => each === (text === 'UINT64' ? 'INT64' : text)) ?? 'STRING';
      const known = tables.get(table) ?? { columns: [] };
      tables.set(table, known);
      const semantic = name === 'upid' ? 'ST_UPID' : name === 'latency' ? 'ST_DURATION_NS' : 'ST_NONE';
      known.columns.push({ name, type, semantic, ...(text === 'UINT64' ? { unsigned: true } : {}) });
    }
  }
  return tables;
}
