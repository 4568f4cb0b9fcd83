import { describe, expect, it } from 'vitest';
import { formatFault, formatValue, rowFunctions } from './index.ts';

function call(name: string, ...values: (string | bigint)[]): unknown {
  const found = rowFunctions.find((each) => each.name === name)!;
  expect(values.map((value) => (typeof value === 'bigint' ? 'int' : 'text'))).toEqual(found.parameters);
  return found.call(...(values as never[]));
}

describe('SQL statements', () => {
  it.each([
    ["SELECT * FROM t WHERE a='x''y' AND b=-1.5e3", 'SELECT * FROM t WHERE a=$1 AND b=-$2', ["'x''y'", '1.5e3']],
    [
      'SELECT "a1", b2 FROM t9 -- 7 and \'x\'\nWHERE c = true',
      'SELECT "a1", b2 FROM t9 -- 7 and \'x\'\nWHERE c = $1',
      ['true'],
    ],
    [String.raw`SELECT E'it\'s', $$a 'b'$$`, 'SELECT $1, $2', [String.raw`E'it\'s'`, "$$a 'b'$$"]],
    ['CREATE TABLE t (name varchar(20), n numeric(10, 2))', 'CREATE TABLE t (name varchar(20), n numeric(10, 2))', []],
  ])('pgsql: %s', (sql, query, params) => {
    expect(JSON.parse(call('normalize_pgsql', sql, 'Query') as string)).toEqual({ query, params });
  });

  it('puts the values of a prepared statement in their places', () => {
    expect(call('normalize_pgsql', "query=[SELECT $2, 5, $1] params=['a', 1.5]", 'Execute')).toBe(
      `{"query":"SELECT $1, $2, $3","params":["1.5","5","'a'"]}`,
    );
    expect(call('normalize_mysql', "query=[SELECT ?, 'b', ?] params=[1, 2]", 23n)).toBe(
      `{"query":"SELECT ?, ?, ?","params":["1","'b'","2"]}`,
    );
    expect(call('normalize_mysql', 'query=[SELECT ?, ?] params=[1]', 23n)).toContain('more parameter placeholders');
  });

  it('keeps what MySQL does not take for a constant', () => {
    expect(JSON.parse(call('normalize_mysql', 'SELECT `a1`, @v1, "s" FROM t2 # 3', 3n) as string)).toEqual({
      query: 'SELECT `a1`, @v1, ? FROM t2 # 3',
      params: ['"s"'],
    });
    expect(call('normalize_mysql', 'SELECT 1', 4n)).toBe(`{"error":"cmd_code must be one of '3' or '23'"}`);
  });
});

describe('URIs', () => {
  it.each([
    [
      'http://u:p@[::1]:80/a/b?q=1#f',
      { scheme: 'http', userInfo: 'u:p', host: '::1', port: 80, path: 'a/b', query: 'q=1', fragment: 'f' },
    ],
    ['mailto:a@b', { scheme: 'mailto', path: 'a@b' }],
    ['/only/path', { path: 'only/path' }],
  ])('%s', (uri, parts) => {
    expect(JSON.parse(call('uri_parse', uri) as string)).toEqual(parts);
  });

  it('refuses what is none', () => {
    expect(call('uri_parse', 'http://h:-1')).toBe('Failed to parse URI');
    expect(call('uri_parse', 'a b')).toBe('Failed to parse URI');
  });

  it('puts parts together', () => {
    expect(call('uri_recompose', 'https', 'u', 'h', 8n, 'p/q', 'a=1', 'f')).toBe('https://u@h:8/p/q?a=1#f');
    expect(call('uri_recompose', 'https', '', 'h', -8n, '', '', '')).toBe('Failed to recompose URI');
  });
});

describe('request paths', () => {
  const many = JSON.stringify(['/u/1', '/u/2', '/u/3', '/u/4', '/u/5', 'u/6?x=1', '/v/w/x']);

  it('makes clusters of many, and tells few by themselves', () => {
    const clusters = call('_build_request_path_clusters', many) as string;
    expect(JSON.parse(clusters)).toEqual([
      { c: ['u', '*'], m: [] },
      { c: ['v', 'w', 'x'], m: [['v', 'w', 'x']] },
    ]);
    expect(call('_predict_request_path_cluster', '/u/99', clusters)).toBe('/u/*');
    expect(call('_predict_request_path_cluster', '/v/w/x', clusters)).toBe('/v/w/x');
    expect(call('_predict_request_path_cluster', '/nothing/like/it/here', clusters)).toBe('/nothing/like/it/here');
  });

  it('matches endpoints', () => {
    expect(call('_match_endpoint', '/a/b/c', '/a/*/c')).toBe(true);
    expect(call('_match_endpoint', '/a/b', '/a/*/c')).toBe(false);
  });
});

describe('texts, numbers and addresses', () => {
  it('turns bytes and hexadecimal into each other', () => {
    expect(call('hex_to_ascii', '6869')).toBe('hi');
    expect(call('hex_to_ascii', '686')).toBe('');
    expect(call('hex_to_ascii', 'ff')).toBe('');
    expect(call('bytes_to_hex', 'a\n')).toBe(String.raw`\x61\x0A`);
  });

  it('finds the first rule that matches', () => {
    expect(call('_match_regex_rule', '{"no":"abc","yes":"(?i).*abc.*","bad":"("}', 'xABCx')).toBe('yes');
    expect(call('_match_regex_rule', 'no json', 'x')).toBe('');
  });

  it('names numbers', () => {
    expect(call('http_resp_message', 418n)).toBe('Unassigned');
    expect(call('http_resp_message', 404n)).toBe('Not Found');
    expect(call('kafka_api_key_name', 60n)).toBe('DescribeCluster');
    expect(call('amqp_method_name', 60n, 72n)).toBe('BasicGet-empty');
    expect(call('amqp_method_name', 60n, 1n)).toBe('Basic');
    expect(call('mux_frame_type_name', -62n)).toBe('Tdiscarded (legacy)');
    expect(call('grpc_status_code_to_str', 16n)).toBe('UNAUTHENTICATED');
  });

  it('knows which block holds an address', () => {
    expect(call('cidrs_contain_ip', '["10.0.0.0/8","fd00::/16"]', '10.1.2.3')).toBe(true);
    expect(call('cidrs_contain_ip', '["10.0.0.0/8","fd00::/16"]', 'fd00::1.2.3.4')).toBe(true);
    expect(call('cidrs_contain_ip', '["10.0.0.0/8","fd00::/16"]', '11.0.0.1')).toBe(false);
    expect(call('cidrs_contain_ip', '[1,{}]', '11.0.0.1')).toBe(false);
  });
});

describe('personal data', () => {
  it.each([
    ['mail to a.b@c.de now', 'mail to <REDACTED_EMAIL> now'],
    ['10.0.0.1, ::1, ab:12:00:64:99:ff', '<REDACTED_IPV4>, <REDACTED_IPV6>, <REDACTED_MAC_ADDR>'],
    ['GB29 NWBK 6016 1331 9268 19, 5019-7170-1010-3742', '<REDACTED_IBAN>, <REDACTED_CC_NUMBER>'],
    ['52-635024-498175-3, 52-635024-498175-97, 303-58-8256', '<REDACTED_IMEI>, <REDACTED_IMEI>, <REDACTED_SSN>'],
    ['999.999.0.0 1:2:3 5555 0000 0000 0000 666-12-1234', '999.999.0.0 1:2:3 5555 0000 0000 0000 666-12-1234'],
  ])('%s', (text, redacted) => {
    expect(call('redact_pii_best_effort', text)).toBe(redacted);
  });
});

describe('formats of f-strings', () => {
  // What Python 3.11 writes.
  it.each([
    [42n, '>6', '    42'],
    [42n, '^6', '  42  '],
    [-42n, '06', '-00042'],
    [42n, '+', '+42'],
    [-1234567n, '012,', '-001,234,567'],
    [255n, '#X', '0XFF'],
    [10n, 'b', '1010'],
    [7n, '.2f', '7.00'],
    [1n, '%', '100.000000%'],
    [18446744073709551615n, ',', '18,446,744,073,709,551,615'],
    [2.5, '.0f', '2'],
    [0.125, '.2f', '0.12'],
    [-2.675, '.2f', '-2.67'],
    [1e21, '.1f', '1000000000000000000000.0'],
    [1234.5678, ',.1f', '1,234.6'],
    [0.256, '.1%', '25.6%'],
    [123456.789, '.3e', '1.235e+05'],
    [1e-7, 'g', '1e-07'],
    [100000.0, 'g', '100000'],
    [1e16, '<6', '1e+16 '],
    [12.0, '.2', '1.2e+01'],
    [Number.POSITIVE_INFINITY, '08', '00000inf'],
    [Number.NaN, '>5', '  nan'],
    [-0, '.1f', '-0.0'],
    ['main.f', '>8', '  main.f'],
    ['main.f', '.3', 'mai'],
    ['main.f', '*^10', '**main.f**'],
    ['é', '05', 'é0000'],
  ])('%s in %s', (value, spec, text) => {
    const kind = typeof value === 'bigint' ? 'int' : typeof value === 'number' ? 'float' : 'text';
    expect(formatFault(spec, kind)).toBeUndefined();
    expect(formatValue(value, spec)).toBe(text);
  });

  it.each([
    ['x', 'float'],
    ['s', 'int'],
    ['.2', 'int'],
    [',', 'text'],
    ['=8', 'text'],
    ['#', 'float'],
    [',x', 'int'],
    ['{n}', 'int'],
    ['.2ff', 'float'],
  ] as const)('%s is not for a %s', (spec, kind) => {
    expect(formatFault(spec, kind)).toBeDefined();
  });
});

describe('profiles', () => {
  // As `go tool pprof -raw` reads them.
  const row = (stack: string, count: number, period = 2) => JSON.stringify([stack, count, period]);
  const frames = JSON.stringify(['main.pay /src/ö.go:7', 'main.main /src/ö.go:9']);

  it('equal stacks are one sample, whatever the order of the rows', () => {
    const rows = [row(frames, 3), row('main;f', 1), row(frames, 2)];
    const profile = call('_pprof', JSON.stringify(rows)) as string;
    expect(call('_pprof', JSON.stringify(rows.toReversed()))).toBe(profile);
    const text = atob(profile);
    // Two samples: of five times two milliseconds, with locations 1 and 2, and of one with 3 and 4.
    expect(text).toContain('\x12\x0b\x0a\x02\x01\x02\x12\x05\x05\x80\xad\xe2\x04');
    expect(text).toContain('\x12\x0a\x0a\x02\x03\x04\x12\x04\x01\x80\x89\x7a');
    for (const name of ['main.pay', 'main.main', '/src/\xc3\xb6.go', 'f', 'main']) {
      expect(text).toContain(`2${String.fromCharCode(name.length)}${name}`);
    }
  });

  it('of several periods there is none; what is no row is left out', () => {
    expect(call('_pprof', JSON.stringify([row('a', 1, 1), row('a', 1, 2)]))).toBe('multiple profiling periods found');
    expect(call('_pprof', JSON.stringify(['no row', row('a', 1)]))).toBe(call('_pprof', JSON.stringify([row('a', 1)])));
    for (const text of ['', 'null', '[]']) expect(call('_pprof', text)).toBe(call('_pprof', '[]'));
  });
});
