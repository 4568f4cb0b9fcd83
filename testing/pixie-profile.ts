import { vizier } from '#api';
import { responses, type WireAnswer } from './pixie-wire.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const mostBytes = 4_194_304;

const columnCase: Readonly<Record<number, string>> = {
  [vizier.DataType.BOOLEAN]: 'booleanData',
  [vizier.DataType.INT64]: 'int64Data',
  [vizier.DataType.UINT128]: 'uint128Data',
  [vizier.DataType.FLOAT64]: 'float64Data',
  [vizier.DataType.STRING]: 'stringData',
  [vizier.DataType.TIME64NS]: 'time64nsData',
};

/**
 * What an answer does that makes one of Pixie's clients fail, hang or panic, or lose something; each rule is a row of what was seen in runs of them.
 * `mutation`: the request asked for one. `finished`: it is the answer of a query that went well.
 */
export function offences(answer: WireAnswer, { mutation = false, finished = true } = {}): string[] {
  const found: string[] = [];
  const wrong = (text: string) => found.push(text);
  const all = responses(answer);
  const tables = new Map<string, { relation: vizier.Relation; ended: boolean }>();
  let stats = 0;

  if ((answer.headers['grpc-encoding'] ?? 'identity') !== 'identity')
    wrong(`grpc-encoding: ${answer.headers['grpc-encoding']}`);
  answer.messages.forEach(({ bytes, compressed }, i) => {
    if (compressed) wrong(`message ${i} is compressed`);
    if (bytes.length === 0) wrong(`message ${i} is empty`);
    if (bytes.length >= mostBytes) wrong(`message ${i} has ${bytes.length} bytes`);
  });
  if (answer.status === -1) wrong('no trailers');
  if (answer.status === 14) wrong('UNAVAILABLE in the trailers');
  if (answer.status === 16 && answer.details.includes('invalid auth token')) wrong('"invalid auth token"');

  all.forEach((message, i) => {
    const { result, mutationInfo, status } = message;
    const parts = [result, mutationInfo, status?.code ? status : undefined].filter((part) => part !== undefined);
    if (parts.length === 0) wrong(`message ${i} says nothing`);
    if (parts.length > 1) wrong(`message ${i} says several things`);
    if (!uuid.test(message.queryId) || message.queryId !== all[0]!.queryId)
      wrong(`message ${i} has query_id ${message.queryId}`);
    if (mutationInfo && !mutation) wrong('mutation_info that nobody asked for');
    if (mutationInfo && !mutationInfo.status) wrong('mutation_info without status');
    if (stats > 0) wrong('a message after the statistics');
    if (result?.$case === 'metaData') {
      const { id, relation } = result.value;
      if (!uuid.test(id)) wrong(`table id ${id} is no UUID`);
      if (tables.has(id)) wrong(`table ${id} is announced twice`);
      tables.set(id, { relation: relation ?? { columns: [] }, ended: false });
    }
    if (result?.$case !== 'data') return;
    const { batch, executionStats, encryptedBatch } = result.value;
    if ([batch, executionStats, encryptedBatch.length > 0].filter(Boolean).length !== 1)
      wrong(`message ${i} mixes data`);
    if (executionStats) {
      stats++;
      if (!executionStats.timing) wrong('statistics without timing');
    }
    if (batch) found.push(...batchOffences(batch, tables.get(batch.tableId)));
  });
  for (const [id, { ended }] of tables) if (!ended && finished) wrong(`table ${id} has no end`);
  if (finished && stats !== 1) wrong(`${stats} statistics`);
  if (finished && answer.status !== 0) wrong(`status ${answer.status}: ${answer.details}`);
  return found;
}

function batchOffences(
  batch: vizier.RowBatchData,
  table: { relation: vizier.Relation; ended: boolean } | undefined,
): string[] {
  if (!table) return ['a batch before its meta_data'];
  const found: string[] = [];
  if (table.ended) found.push('a batch after the end of its table');
  if (batch.eos !== batch.eow) found.push('eos and eow differ');
  table.ended ||= batch.eos;
  if (batch.cols.length !== table.relation.columns.length) found.push(`${batch.cols.length} columns in a batch`);
  batch.cols.forEach(({ colData }, i) => {
    const column = table.relation.columns[i];
    if (colData?.$case !== columnCase[column?.columnType ?? 0]) found.push(`column ${i} is ${colData?.$case}`);
    if (BigInt(colData?.value.data.length ?? 0) !== batch.numRows) found.push(`column ${i} is not of num_rows`);
  });
  return found;
}
