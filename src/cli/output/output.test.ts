import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CsvPrinter } from './csv.ts';
import { JsonPrinter } from './json.ts';
import { column, longText } from './printer.ts';
import { type OutputColumn, parseNotes, type Row, type RowPrinter } from './row.ts';
import { Sink } from './sink.ts';
import { TablePrinter, title } from './table.ts';

async function printed(
  make: (sink: Sink) => RowPrinter,
  columns: readonly OutputColumn[],
  rows: readonly Row[],
): Promise<string> {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const sink = new Sink(stream);
  const printer = make(sink);
  await printer.begin({ name: 't', columns });
  for (const row of rows) await printer.row(row);
  await printer.end();
  await sink.flush();
  stream.end();
  await new Promise((resolve) => stream.once('end', resolve));
  return Buffer.concat(chunks).toString('utf8');
}

const table = (columns: readonly OutputColumn[], rows: readonly Row[]) =>
  printed((sink) => new TablePrinter(sink, false), columns, rows);
const json = (columns: readonly OutputColumn[], rows: readonly Row[]) =>
  printed((sink) => new JsonPrinter(sink), columns, rows);
const csv = (columns: readonly OutputColumn[], rows: readonly Row[]) =>
  printed((sink) => new CsvPrinter(sink), columns, rows);

test('titles', () => {
  expect(['time_', 'goid_', 'latency_ns', 'UPID', '_x'].map(title)).toEqual([
    'TIME',
    'GOID',
    'LATENCY NS',
    'UPID',
    ' X',
  ]);
});

test('table: widths by what a terminal shows; semantic units; JSON numbers as they are', async () => {
  const columns = [
    column('name'),
    column('size', 'INT64', 'ST_BYTES'),
    column('part', 'FLOAT64', 'ST_PERCENT'),
    column('x', 'FLOAT64'),
  ];
  const rows = [{ cells: ['漢', 1536n, 0.4215, 0.30000000000000004] }, { cells: ['plain', null, null, Number.NaN] }];
  expect(await table(columns, rows)).toBe(
    'NAME   SIZE     PART     X\n漢     1.5 KiB  42.15 %  0.30000000000000004\nplain  —        —        NaN\n',
  );
});

test('table: rows behind the first thousand are printed with the widths of those', async () => {
  const rows = Array.from({ length: 1500 }, (_, i) => ({
    cells: [i === 1200 ? 'longer than all before' : 'x', BigInt(i)],
  }));
  const lines = (await table([column('a'), column('b', 'INT64')], rows)).split('\n');
  expect(lines).toHaveLength(1502);
  expect(lines[1]).toBe('x  0');
  expect(lines[1201]).toBe('longer than all before  1200');
  expect(lines[1500]).toBe('x  1499');
});

test('table: on a terminal long texts give way, the widest first; what may not be cut stays whole', async () => {
  const columns = [column('upid', 'UINT128'), longText('command'), longText('name'), column('reason')];
  const upid = '00000003-0024-844a-0000-000008caa618';
  const rows = [
    { cells: [upid, '漢'.repeat(200), 'short', 'why'] },
    { cells: [upid, 'x'.repeat(300), 'y'.repeat(25), 'z'] },
  ];
  const lines = (await printed((sink) => new TablePrinter(sink, false, 100), columns, rows)).split('\n');
  expect(lines[1]).toBe(`${upid}  ${'漢'.repeat(13)}…  ${'short'.padEnd(25)}  why`);
  expect(lines[2]).toBe(`${upid}  ${'x'.repeat(26)}…  ${'y'.repeat(25)}  z`);
  // Too narrow for one line whatever is cut: as few lines as there can be, and no more is cut than that takes.
  expect(await printed((sink) => new TablePrinter(sink, false, 62), columns, rows)).toBe(
    `UPID
  COMMAND                    NAME                       REASON
${upid}
  ${'漢'.repeat(12)}…  short                      why
${upid}
  ${'x'.repeat(24)}…  ${'y'.repeat(25)}  z
`,
  );
  expect((await table(columns, rows)).split('\n')[2]).toContain('x'.repeat(300));
});

test('table: rows too wide for the terminal are folded as their header is; of many columns each has a line', async () => {
  const columns = [column('upid', 'UINT128'), column('goid_', 'INT64'), column('path'), column('latency', 'INT64')];
  const upid = '00000003-0024-844a-0000-000008caa618';
  const rows = [{ cells: [upid, 1n, '/short', 5n] }, { cells: [upid, 22n, '漢字'.repeat(15), null] }];
  const at = (width: number) => printed((sink) => new TablePrinter(sink, false, width), columns, rows);
  expect(await at(50)).toBe(
    `UPID                                  GOID
  PATH
  LATENCY
${upid}  1
  /short
  5
${upid}  22
  ${'漢字'.repeat(12)}
  ${'漢字'.repeat(3)}
  —
`,
  );
  expect(await at(40)).toBe(
    `── 1
UPID     ${upid.slice(0, 31)}
         ${upid.slice(31)}
GOID     1
PATH     /short
LATENCY  5
── 2
UPID     ${upid.slice(0, 31)}
         ${upid.slice(31)}
GOID     22
PATH     ${'漢字'.repeat(7)}漢
         字${'漢字'.repeat(7)}
LATENCY  —
`,
  );
  expect((await at(130)).split('\n')).toHaveLength(4);
});

test('table: colours are beside the text, and blanks outside of them', async () => {
  const columns = [column('name'), column('latency', 'INT64', 'ST_DURATION_NS'), column('n', 'INT64')];
  const rows = [{ cells: [null, 500_000_000n, 1n] }, { cells: ['long name', 5n, null] }];
  expect(await printed((sink) => new TablePrinter(sink, false, 100, true), columns, rows)).toBe(
    '\x1b[1mNAME\x1b[0m       \x1b[1mLATENCY\x1b[0m  \x1b[1mN\x1b[0m\n' +
      '\x1b[2m—\x1b[0m          \x1b[31m500 ms\x1b[0m   1\nlong name  5 ns     \x1b[2m—\x1b[0m\n',
  );
});

test('table: one very long value does not widen its column', async () => {
  const long = 'y'.repeat(5000);
  const lines = (await table([column('a'), column('b')], [{ cells: [long, '1'] }, { cells: ['x', '2'] }])).split('\n');
  expect(lines[1]).toBe(`${long}  1`);
  expect(lines[2]).toBe('x  2');
});

test('table: notes of parts of a value stand behind it', async () => {
  const notes = {
    'r.url': 'nil pointer',
    s: 'truncated from 9000 bytes',
    t: 'truncated from 9 bytes; not UTF-8',
    n: 'near the floor',
  };
  const columns = [column('r'), column('s'), column('n', 'INT64'), column('rs'), column('t')];
  expect((await table(columns, [{ cells: ['{"url":null}', 'abc', 5n, 'z', '\\xff'], notes }])).split('\n')[1]).toBe(
    '{"url":null} <url: nil pointer>  abc…(3 of 9000 B)  5 <near the floor>  z   \\xff…(of 9 B) <not UTF-8>',
  );
});

test('json: numbers exact, no number out of a text, NaN and infinities as texts', async () => {
  const columns = [
    column('u', 'INT64'),
    column('s'),
    column('f', 'FLOAT64'),
    column('b', 'BOOLEAN'),
    column('t', 'TIME64NS'),
  ];
  const lines = await json(columns, [
    { cells: [18446744073709551615n, '007', Number.NaN, true, 1n] },
    { cells: [-9223372036854775808n, '1e5', -0, false, 0n] },
    { cells: [null, null, Number.NEGATIVE_INFINITY, null, null], notes: parseNotes('{"u":"nil pointer"}')! },
    { cells: [0n, '', 1e21, true, -1n] },
  ]);
  expect(lines).toBe(
    `{"_tableName_":"t","u":18446744073709551615,"s":"007","f":"NaN","b":true,"t":"1970-01-01T00:00:00.000000001Z"}
{"_tableName_":"t","u":-9223372036854775808,"s":"1e5","f":-0,"b":false,"t":"1970-01-01T00:00:00.000000000Z"}
{"_tableName_":"t","u":null,"s":null,"f":"-Inf","b":null,"t":null,"notes_":{"u":"nil pointer"}}
{"_tableName_":"t","u":0,"s":"","f":1e+21,"b":true,"t":"1969-12-31T23:59:59.999999999Z"}
`,
  );
  for (const line of lines.trim().split('\n')) JSON.parse(line);
});

test('csv: a missing value is not an empty string; notes get a column when there are some', async () => {
  expect(await csv([column('a'), column('b')], [{ cells: ['', null] }])).toBe('table_id,a,b\nt,"",\n');
  expect(await csv([column('a')], [{ cells: [null], notes: { a: 'nil pointer' } }, { cells: ['x'] }])).toBe(
    'table_id,a,notes_\nt,,"{""a"":""nil pointer""}"\nt,x,\n',
  );
});

test('csv: any text comes back (RFC 4180)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', '漢') }), { minLength: 1 }),
      async (texts) => {
        const columns = texts.map((_, i) => column(`c${i}`));
        const text = await csv(columns, [{ cells: texts }]);
        expect(parseCsv(text)[1]).toEqual(['t', ...texts]);
      },
    ),
    { numRuns: 50 },
  );
});

/** RFC 4180 §2, read by the letter. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  let at = 0;
  while (at < text.length) {
    let field = '';
    if (text[at] === '"') {
      for (at++; ; at++) {
        if (text[at] !== '"') field += text[at];
        else if (text[at + 1] === '"') field += text[at++];
        else break;
      }
      at++;
    } else while (text[at] !== ',' && text[at] !== '\n') field += text[at++];
    rows.at(-1)!.push(field);
    if (text[at++] === '\n') rows.push([]);
  }
  return rows;
}

test('notes that are no object are shown, not lost', () => {
  expect(parseNotes('oops')).toEqual({ row: 'oops' });
  expect(parseNotes('{}')).toBeUndefined();
  expect(parseNotes('')).toBeUndefined();
});

test('a write that fails is a loss, unless the reader has gone', async () => {
  for (const [code, lost] of [
    ['ENOSPC', true],
    ['EPIPE', false],
    ['EIO', false],
  ] as const) {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) });
    const sink = new Sink(stream);
    await sink.write('x');
    await sink.finish();
    expect([sink.closed, sink.failure !== undefined]).toEqual([true, lost]);
  }
});
