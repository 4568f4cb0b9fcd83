import { afterEach, beforeEach, expect, test } from 'vitest';
import { all, batchOf, column, relation, StoreFolder } from './fixture.ts';

let folder: StoreFolder;
beforeEach(() => {
  folder = new StoreFolder();
});
afterEach(() => folder.close());

test('row functions are called in queries, and missing values make missing results', async () => {
  const store = folder.open({});
  const texts = relation(column('s', 'STRING'), column('n', 'INT64'));
  await store.createTable('t', texts);
  const rows = Array.from({ length: 5000 }, (_, i) => [`SELECT ${i}`, i % 2 === 0 ? 3n : null] as const);
  await store.append('t', batchOf(texts, rows));
  const sql =
    "SELECT px_normalize_mysql(s, n) AS a, px_http_resp_message(404) AS b, px__match_endpoint('/a/b', '/a/*') AS c FROM t ORDER BY seq_";
  const wanted = relation(column('a', 'STRING'), column('b', 'STRING'), column('c', 'BOOLEAN'));
  const result = (await all(store, sql, wanted)).rows;
  expect(result.length).toBe(5000);
  expect(result[4998]).toEqual(['{"query":"SELECT ?","params":["4998"]}', 'Not Found', true]);
  expect(result[4999]).toEqual([null, 'Not Found', true]);
});

test('row functions get and give numbers of 128 bits, truth values, and texts of any length', async () => {
  const store = folder.open({});
  const texts = relation(column('s', 'STRING'), column('n', 'UINT128'));
  await store.createTable('t', texts);
  const long = 'x'.repeat(300);
  await store.append(
    't',
    batchOf(texts, [
      [`/é/${long}`, { high: 1n, low: 5n }],
      ['', { high: 0n, low: 0n }],
    ]),
  );
  const sql =
    "SELECT px__format_int(n::HUGEINT, 'd') AS a, px__format_int(-(n::HUGEINT), 'd') AS b, px__match_endpoint(s, '/é/*') AS c, px_redact_pii_best_effort(s) AS d FROM t ORDER BY seq_";
  const wanted = relation(column('a', 'STRING'), column('b', 'STRING'), column('c', 'BOOLEAN'), column('d', 'STRING'));
  expect((await all(store, sql, wanted)).rows).toEqual([
    ['18446744073709551621', '-18446744073709551621', true, `/é/${long}`],
    ['0', '0', false, ''],
  ]);
});
