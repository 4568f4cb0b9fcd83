import duckdb from '@duckdb/node-bindings';
import { expect, test } from 'vitest';
import type { Relation } from '#model';
import { BatchReader } from './read.ts';

const relation: Relation = { columns: [{ name: 'text', type: 'STRING', semantic: 'ST_NONE' }] };
const encoder = new TextEncoder();

/** A chunk of the texts, put into the engine's memory in the order given. */
function chunkOf(texts: readonly string[], order: readonly number[]): ReturnType<typeof duckdb.create_data_chunk> {
  const chunk = duckdb.create_data_chunk([duckdb.create_logical_type(duckdb.Type.VARCHAR)]);
  const vector = duckdb.data_chunk_get_vector(chunk, 0);
  for (const row of order) duckdb.vector_assign_string_element_len(vector, row, encoder.encode(texts[row]!));
  duckdb.data_chunk_set_size(chunk, texts.length);
  return chunk;
}

function textsOf(reader: BatchReader): string[] {
  const [column] = reader.take().columns;
  if (column?.type !== 'STRING') throw new Error('no texts');
  const { offsets, bytes } = column.values;
  return Array.from({ length: offsets.length - 1 }, (_, i) =>
    new TextDecoder().decode(bytes.subarray(offsets[i], offsets[i + 1])),
  );
}

const texts = Array.from(
  { length: 500 },
  (_, i) => `text ${i} ${'.'.repeat((i * 37) % 90)}${i % 50 === 7 ? 'x'.repeat(20_000) : ''}`,
);
const rows = texts.map((_, i) => i);
const orders = {
  ascending: rows,
  descending: rows.toReversed(),
  'all over': rows.toSorted((a, b) => ((a * 7919) % 500) - ((b * 7919) % 500)),
};

test.each(Object.entries(orders))('texts that lie in memory %s', (_, order) => {
  const reader = new BatchReader(relation, false);
  reader.add(chunkOf(texts, order));
  expect(textsOf(reader)).toEqual(texts);
});

test('several chunks become one batch', () => {
  const reader = new BatchReader(relation, false);
  reader.add(chunkOf(texts, rows));
  reader.add(chunkOf(['', 'short', 'a text of more than twelve bytes'], [0, 1, 2]));
  expect(reader.rows).toBe(503);
  expect(textsOf(reader)).toEqual([...texts, '', 'short', 'a text of more than twelve bytes']);
  expect(reader.rows).toBe(0);
});
