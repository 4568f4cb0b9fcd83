/** Each thing that was seen to make one of Pixie's clients fail, hang, panic or lose something is found in an answer that does it. */
import { expect, test } from 'vitest';
import { vizier } from '#api';
import { offences } from './pixie-profile.ts';
import type { WireAnswer } from './pixie-wire.ts';

const queryId = '11111111-1111-4111-8111-111111111111';
const id = '22222222-2222-4222-8222-222222222222';
/** Fields of an ExecuteScriptResponse; what is left out is empty. */
type Part = object;

const column = { columnName: 'n', columnType: vizier.DataType.INT64, columnDesc: '', columnSemanticType: 1 };
const meta: Part = { result: { $case: 'metaData', value: { relation: { columns: [column] }, name: 't', id } } };
const cols = (...data: bigint[]) => [{ colData: { $case: 'int64Data' as const, value: { data } } }];
const batch = (more: object): Part => ({
  result: { $case: 'data', value: { batch: { cols: [], tableId: id, ...more } } },
});
const rows = batch({ cols: cols(1n, 2n), numRows: 2n });
const end = batch({ cols: cols(), eos: true, eow: true });
const executionStats = {
  timing: { executionTimeNs: 1n, compilationTimeNs: 1n },
  bytesProcessed: 0n,
  recordsProcessed: 2n,
};
const stats: Part = { result: { $case: 'data', value: { executionStats } } };
const mutationInfo = { status: { code: 0, message: '' }, states: [] };

function answer(parts: readonly Part[], more: Partial<WireAnswer> = {}): WireAnswer {
  const messages = parts.map((part) => ({
    compressed: false,
    bytes: vizier.ExecuteScriptResponse.encode(
      vizier.ExecuteScriptResponse.fromPartial({ queryId, ...part } as never),
    ).finish(),
  }));
  return { headers: {}, messages, status: 0, details: 'OK', ...more };
}

test('an answer that suits all of them', () => {
  expect(offences(answer([meta, rows, end, stats]))).toEqual([]);
  expect(offences(answer([{ mutationInfo }, meta, rows, end, stats]), { mutation: true })).toEqual([]);
});

test.each<[string, readonly Part[], RegExp]>([
  ['a batch before its meta_data', [rows, meta, end, stats], /before its meta_data/],
  ['the same table id announced twice', [meta, meta, rows, end, stats], /announced twice/],
  ['no end of stream', [meta, rows, stats], /has no end/],
  ['no batch at all', [meta, stats], /has no end/],
  ['two ends', [meta, end, end, stats], /after the end/],
  ['num_rows missing', [meta, batch({ cols: cols(1n) }), end, stats], /not of num_rows/],
  ['fewer columns than the relation', [meta, batch({ numRows: 1n }), end, stats], /0 columns/],
  [
    'a column of another type',
    [meta, batch({ numRows: 1n, cols: [{ colData: { $case: 'float64Data', value: { data: [1] } } }] }), end, stats],
    /float64Data/,
  ],
  ['no statistics', [meta, end], /0 statistics/],
  [
    'statistics without timing',
    [meta, end, { result: { $case: 'data', value: { executionStats: { bytesProcessed: 1n } } } }],
    /without timing/,
  ],
  [
    'statistics and a batch in one message',
    [
      meta,
      {
        result: {
          $case: 'data',
          value: { executionStats, batch: { cols: cols(), tableId: id, eos: true, eow: true } },
        },
      },
    ],
    /mixes data/,
  ],
  ['a response that says nothing', [{}, meta, end, stats], /says nothing/],
  ['a response with status 0 alone', [{ status: { code: 0 } }, meta, end, stats], /says nothing/],
  ['mutation_info and data in one message', [{ ...meta, mutationInfo }, end, stats], /several things/],
  [
    'status and mutation_info in one message',
    [{ status: { code: 14 }, mutationInfo }, meta, end, stats],
    /several things/,
  ],
  ['mutation_info that nobody asked for', [{ mutationInfo }, meta, end, stats], /nobody asked/],
  ['mutation_info without status', [{ mutationInfo: { states: [] } }, meta, end, stats], /without status/],
  [
    'a table id that is no UUID',
    [{ result: { $case: 'metaData', value: { relation: { columns: [] }, name: 't', id: 't' } } }, stats],
    /no UUID/,
  ],
  ['no query_id', [{ ...meta, queryId: '' }, end, stats], /query_id/],
  [
    'a message above 4 MiB',
    [
      meta,
      batch({
        cols: [{ colData: { $case: 'int64Data', value: { data: new Array(500_000).fill(-1n) } } }],
        numRows: 500_000n,
      }),
      end,
      stats,
    ],
    /has \d+ bytes/,
  ],
])('%s', (_, parts, offence) => {
  expect(offences(answer(parts)).join('\n')).toMatch(offence);
});

test.each<[string, Partial<WireAnswer>, RegExp]>([
  ['gzip', { headers: { 'grpc-encoding': 'gzip' } }, /gzip/],
  ['a compressed message', { messages: [{ compressed: true, bytes: new Uint8Array() }] }, /is compressed/],
  ['an empty message', { messages: [{ compressed: false, bytes: new Uint8Array() }] }, /is empty/],
  ['no trailers', { status: -1 }, /no trailers/],
  ['UNAVAILABLE in the trailers', { status: 14 }, /UNAVAILABLE/],
  ['the words at which px begins again', { status: 16, details: 'invalid auth token' }, /invalid auth token/],
])('on the wire: %s', (_, more, offence) => {
  expect(offences(answer([meta, rows, end, stats], more), { finished: false }).join('\n')).toMatch(offence);
});
