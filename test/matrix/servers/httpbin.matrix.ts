/** go-httpbin, a web server that answers with what it was sent; also without symbol table and debug info. */
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { built } from './built.ts';
import { contents, document, file, form, multipart, name, serveHttpbin } from './httpbin.ts';
import { type Any, type Watched, watch } from './watch.ts';

const pkg = 'github.com/mccutchen/go-httpbin/v2/httpbin';

/** The number of a request that is a `*http.Request`, whose fields are all held against what was sent. */
function request(r: Any): number {
  const n = Number(r.Header['X-Seq'][0]);
  ok(n > 0);
  strictEqual(r.Header['X-Name'][0], name);
  strictEqual(r.Header.Authorization, null); // redacted
  strictEqual(r.Proto, 'HTTP/1.1');
  deepStrictEqual([r.ProtoMajor, r.ProtoMinor, r.Close], [1, 1, false]);
  ok(/^127\.0\.0\.1:\d+$/.test(r.Host));
  ok(/^127\.0\.0\.1:\d+$/.test(r.RemoteAddr));
  strictEqual(r.URL['='], r.RequestURI);
  return n;
}

/** The kind and the number of what /post and /put were sent. */
function posted(r: Any): [number, string] {
  const n = request(r);
  const { kind, body, type, method } = contents(n)!;
  strictEqual(r.Method, method);
  strictEqual(r.ContentLength, Buffer.byteLength(body));
  deepStrictEqual(r.Header['Content-Type'], [type]);
  strictEqual(r.RequestURI.split('?')[1], `n=${n}&kind=${kind}`);
  return [n, kind];
}

const choices: Watched = {
  function: `${pkg}.parseWeightedChoices`,
  check({ function: instance, args, results }) {
    strictEqual(instance, `${pkg}.parseWeightedChoices[int]`);
    const { rawChoices, parser } = args as Any;
    const [, n] = /^200:(\d+),202:0\.25,418:0$/.exec(rawChoices)!;
    strictEqual(parser, 'strconv.Atoi');
    const found = [
      [200, Number(n)],
      [202, 0.25],
      [418, 0],
    ].map(([Choice, Weight]) => ({ Choice, Weight }));
    deepStrictEqual(results, { $0: found, $1: null });
  },
};
const bounded: Watched = {
  function: `${pkg}.parseBoundedDuration`,
  check({ args, results }) {
    const { input, minVal, maxVal } = args as Any;
    const { $0, $1 } = results as Any;
    strictEqual(maxVal, '10s');
    if (input.startsWith('bad')) {
      deepStrictEqual([minVal, $0], ['0s', '0s']);
      strictEqual($1['(type)'], '*strconv.NumError');
      strictEqual($1['Error()'], `strconv.ParseFloat: parsing ${JSON.stringify(input)}: invalid syntax`);
      deepStrictEqual([$1.Func, $1.Num, $1.Err['Error()']], ['ParseFloat', input, 'invalid syntax']);
    } else {
      deepStrictEqual([minVal, $1], ['1ns', null]);
      const n = Number(/^(\d+)us$/.exec(input)![1]);
      const [, count, unit] = /^([\d.]+)(µs|ms)$/.exec($0)!;
      strictEqual(Math.round(Number(count) * (unit === 'ms' ? 1000 : 1)), n);
    }
  },
};

const functions: readonly Watched[] = [
  choices,
  bounded,
  {
    function: `${pkg}.parseBody`,
    check({ args, results }) {
      const { r, resp } = args as Any;
      const [n, kind] = posted(r);
      deepStrictEqual([resp.Args, resp.Method, resp.Data], [{ n: [String(n)], kind: [kind] }, r.Method, '']);
      deepStrictEqual(resp.Headers, r.Header);
      deepStrictEqual(results, { $0: null });
    },
  },
  {
    function: `${pkg}.(*HTTPBin).RequestWithBody`,
    check({ args }) {
      const { h, w, r } = args as Any;
      posted(r);
      deepStrictEqual([h.MaxBodySize, h.MaxDuration], [1024 * 1024, '10s']);
      strictEqual(w['(type)'], `*${pkg}.metaResponseWriter`);
    },
  },
  {
    function: `${pkg}.writeJSON`,
    check({ args }) {
      const { status, w, val } = args as Any;
      strictEqual(w['(type)'], `*${pkg}.metaResponseWriter`);
      if (val['(type)'].endsWith('.errorRespnose')) {
        strictEqual(status, 400);
        return false;
      }
      strictEqual(status, 200);
      const n = Number(val.Args.n[0]);
      strictEqual(val.Headers['X-Seq'][0], String(n));
      if (val['(type)'] === `*${pkg}.noBodyResponse`) {
        deepStrictEqual(val.Args, { n: [String(n)], q: ['a bü'] });
        return;
      }
      strictEqual(val['(type)'], `*${pkg}.bodyResponse`);
      const [kind] = val.Args.kind;
      if (kind === 'form')
        deepStrictEqual([val.Data, val.Form], [form(n), { n: [`${n}`, `${n + 1}`], name: [`jörg ${n}`] }]);
      else if (kind === 'files') {
        deepStrictEqual([val.Data, val.Files, val.Form], [multipart(n), { up: [file(n)] }, { n: [`${n}`] }]);
      } else {
        strictEqual(val.Data, JSON.stringify(document(n)));
        strictEqual(val.JSON['(type)'], 'map[string]interface {}');
        const { list, in: inner, ...rest } = val.JSON['='];
        const any = (type: string, value: unknown) => ({ '(type)': type, '=': value });
        const number = (value: number) => any('float64', value);
        deepStrictEqual(rest, { n: number(n), name: any('string', `größe ${n}`), half: number(n / 2) });
        deepStrictEqual(list, any('[]interface {}', [number(n), null, any('bool', true), any('string', 'x')]));
        deepStrictEqual(inner, any('map[string]interface {}', { deep: number(-n) }));
      }
    },
  },
  {
    function: `${pkg}.parseFiles`,
    check({ args, results }) {
      const [up] = (args as Any).fileHeaders.up;
      const n = Number(/^f(\d+)\.txt$/.exec(up.Filename)![1]);
      deepStrictEqual([up.Size, up.content], [Buffer.byteLength(file(n)), file(n)]);
      deepStrictEqual(up.Header['Content-Type'], ['text/plain']);
      deepStrictEqual(results, { $0: { up: [file(n)] }, $1: null });
    },
  },
  {
    function: `${pkg}.getURL`,
    check({ args, results }) {
      const { r } = args as Any;
      request(r);
      strictEqual((results as Any).$0['='], `http://${r.Host}${r.RequestURI}`);
    },
  },
  {
    function: `${pkg}.newPacer`,
    check({ args, results }) {
      const { ctx, count, pause, jitter } = args as Any;
      deepStrictEqual([count, jitter], [3, 0.25]);
      ok(/^[\d.]+(?:ns|µs|ms)$/.test(pause), pause);
      const keys = ctx['='].values.map(([each]: Any) => each.name);
      ok(keys.includes('http-server') && keys.includes('local-addr'), keys.join());
      const { len, cap, closed } = (results as Any).$0;
      deepStrictEqual([len, cap, closed], [0, 0, false]);
    },
  },
  {
    function: `${pkg}.computePausePerWrite`,
    check({ args }) {
      const { duration, count } = args as Any;
      strictEqual(count, 3);
      ok(/^[\d.]+(?:µs|ms)$/.test(duration), duration);
    },
    lacks: { results: /inlined copy/ },
  },
  {
    function: `${pkg}.writeServerSentEvent`,
    check({ args, time }) {
      const { dst, id, ts } = args as Any;
      strictEqual(dst['(type)'], `*${pkg}.metaResponseWriter`);
      ok(id >= 0 && id < 3);
      ok(Math.abs(Date.parse(ts.time) - Date.parse(time)) < 1000, `${ts.time} at ${time}`);
    },
  },
  {
    function: `${pkg}.encodeServerTimings`,
    check({ args, results }) {
      const { timings } = args as Any;
      deepStrictEqual(
        timings.map((each: Any) => each.name),
        ['total_duration', 'initial_delay', 'write_duration', 'pause_per_write'],
      );
      const text = (results as Any).$0;
      const told = [...text.matchAll(/(\w+);dur=([\d.]+);desc="([^"]+)"/g)].map(([, what, ms, desc]) => [
        what,
        Number(ms),
        desc,
      ]);
      const unit: Record<string, number> = { ns: 1e-6, µs: 1e-3, ms: 1, s: 1000 };
      for (const [i, { name: what, dur, desc }] of timings.entries()) {
        const [, count, of] = /^([\d.]+)(ns|µs|ms|s)$/.exec(dur)!;
        deepStrictEqual([told[i]![0], told[i]![2]], [what, desc]);
        ok(Math.abs((told[i]![1] as number) - Number(count) * unit[of!]!) < 0.006, `${dur} is told as ${told[i]![1]}`);
      }
    },
  },
];

watch('go-httpbin', () => serveHttpbin(), functions);

const stripped = (watched: Watched, signature: string): Watched => ({ ...watched, flags: ['--signature', signature] });
watch('go-httpbin, stripped', () => serveHttpbin(true), [
  stripped(bounded, 'func(input string, minVal, maxVal time.Duration) (time.Duration, error)'),
  ...functions
    .slice(2, 4)
    .map((each): Watched => ({ ...each, flags: async () => ['--debug-file', await built('go-httpbin')] })),
]);
