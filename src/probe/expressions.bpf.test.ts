/** Expressions and conditions in a running program, against what Go itself makes of the same text. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findFloats, floatTrial, Kickers } from '#bpf';
import type { GoBinary } from '#gobin';
import type { CaptureColumn } from '#model';
import { openSys } from '#sys';
import { openGoFile } from '../../testing/ebpf/index.ts';
import { type Tracer, type TracerOptions, trace } from '../../testing/ebpf/tracer.ts';
import { type GoFixture, goFixture } from '../../testing/go-fixtures.ts';
import { type RunningProcess, startProcess } from '../../testing/process.ts';
import { floatTrialProgram } from './emit/index.ts';
import { control } from './index.ts';

/** Each is Go, and means the same in a probe. */
const expressions = [
  ...['n + k', 'n - k*3', 'n / 7', 'n % 7', '-n / 7', '-n % 5', 'n / (k + 1)', 'n << 3', 'n >> 2', '-n >> 1'],
  ...['n & 6', 'n | 9', 'n ^ k', 'n &^ 5', '^n', '-n', 'int64(n) * 1000003', 'uint8(n * 77)', 'int8(n * 77)'],
  ...[
    'int16(n) + 3',
    'uint32(n) - 70000',
    'u8 + 200',
    'u8 * 3',
    'u8 << 3',
    'i16 / -3',
    'i16 % 7',
    'u64 / 3',
    'u64 % 10',
    'u64 >> 60',
  ],
  ...[
    'float64(n) / 3',
    'f * 2.5',
    'f + 1',
    'f32 + 0.1',
    'float32(n) / 3',
    'int(f)',
    'f > 3',
    'f32 <= 0.5',
    'f != f',
    '-f < 0',
  ],
  ...['n > 5', 'n >= 5 && k < 3', 'n < 3 || k == 4', '!(n == 2)', 'u64 > 9223372036854775807', 'i16 < 0', 'u8 > 127'],
  ...[
    's == "key-3"',
    's != "key-3"',
    's < "key-5"',
    's + "!"',
    'len(s)',
    's[0]',
    "s[4] - '0'",
    's[1:3]',
    's[4:]',
    's[:n]',
  ],
  ...[
    'strings.HasPrefix(s, "key-")',
    'strings.HasSuffix(s, "3")',
    'strings.Contains(s, "y-1")',
    'len(s[2:])',
    's > t',
    's == t',
  ],
  ...[
    'xs[0]',
    'xs[n]',
    'xs[k]',
    'xs[len(xs)-1]',
    'len(xs)',
    'cap(xs)',
    'len(xs[1:])',
    'len(xs[1:k+2])',
    'cap(xs[n:])',
    'len(xs[n:])',
    'xs[n] + xs[k]',
    'arr[2]',
    'arr[k]',
    'len(arr)',
  ],
  ...[
    'p.X',
    'p.X*2 + p.Y',
    '(*p).Name',
    'p.In.Deep',
    'p.Promoted',
    'len(p.Name)',
    'p.List[1].Y',
    'p.List[k].Name',
    'p.Grid[1][k]',
  ],
  ...[
    'p != nil',
    'q == nil',
    'q != nil && q.X > 3',
    'err == nil',
    'err != nil',
    'err == io.EOF',
    'err == errOther',
    'p.Key == other',
    'p.Key != other',
    'p.Key.Pair == other.Pair',
    'ch == nil',
    'm == nil',
  ],
  ...[
    'm["key-1"]',
    'm[s]',
    'm["none"]',
    'len(m)',
    'mi[n]',
    'len(mi[n])',
    '"ab" < "abc"',
    '"a" + s',
    'mp["a"].X',
    'len(ch)',
    'cap(ch)',
  ],
  ...['any(v).(int)', 'any(v).(string)', 'counter', 'counter + n', 'table[k]', 'config.Limit * 2', 'len(config.Name)'],
  ...[
    'd',
    'd > 5*1000',
    'd / 1000',
    'd > 2*time.Microsecond',
    'd / time.Microsecond',
    'int64(d)',
    'string(raw)',
    'raw[1:3]',
    'raw[2:]',
    'b',
    'b && n > 2',
    "r == 'x'",
    '0x10 + 0b11',
    '1 << 40',
  ],
];

/** `any(v)` is only how Go is told that v is an interface. */
const inProbe = (text: string) =>
  text.replaceAll('any(v)', 'v').replace(/\b(counter|table|config|errOther|other)\b/g, 'main.$1');

const parameters =
  'n int, k int, u8 uint8, i16 int16, u64 uint64, f float64, f32 float32, s, t string, xs []int32, arr *[5]uint16, p, q *Thing, err error, m map[string]int, mi map[int]string, mp map[string]*Thing, ch chan int, v interface{}, d time.Duration, raw []byte, b bool, r rune';

const source = `package main

import ("bufio"; "encoding/json"; "fmt"; "io"; "os"; "strings"; "time"; "errors"; "math")

type Base struct { Promoted int }
type Inner struct { Deep string }
type Thing struct { Key Key; X, Y int; Name string; In *Inner; *Base; List []Thing; Grid [3][4]int8 }
type Key struct { Name string; Pair [2]int16; At *int; _ int; V interface{} }
type Config struct { Limit int; Name string }

var counter = 41
var table = []string{"zero", "one", "two", "three", "four"}
var other = Key{Name: "key-3", Pair: [2]int16{3, 3}}
var since = []time.Time{time.Unix(5, 6).In(time.FixedZone("x", 5400)), {}, time.Now()}
var stamps = map[string]time.Time{"a": time.Unix(7, 0).UTC()}
var config = &Config{Limit: 12, Name: "main config"}
var errOther = errors.New("other")

//go:noinline
func probed(${parameters}) (sum int, text string, failure error) {
	if n%4 == 3 { failure = errOther }
	// All parameters are used, or debug info of older Go does not tell where they are.
	if n < -1000 { fmt.Println(since, stamps); expected(n, k, u8, i16, u64, f, f32, s, t, xs, arr, p, q, err, m, mi, mp, ch, v, d, raw, b, r) }
	return n + k, s + t, failure
}

func show(v interface{}) interface{} {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) { return "NaN" }
		return v
	case float32: return float64(v)
	case []byte: return fmt.Sprintf("%q", v)
	case int64, uint64, int, time.Duration: return fmt.Sprintf("%d", v)
	}
	return v
}

func try(f func() interface{}) (out interface{}) {
	defer func() { if e := recover(); e != nil { out = map[string]string{"panic": fmt.Sprint(e)} } }()
	return show(f())
}

func expected(${parameters}) {
	values := []interface{}{
${expressions.map((text) => `\t\ttry(func() interface{} { return ${text.replace('any(v)', 'v')} }),`).join('\n')}
	}
	line, err2 := json.Marshal(values)
	if err2 != nil { panic(err2) }
	fmt.Println("values", string(line))
}

func main() {
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var first, count int
		quiet := strings.HasPrefix(in.Text(), "quiet")
		fmt.Sscanf(strings.TrimPrefix(in.Text(), "quiet "), "%d %d", &first, &count)
		for n := first; n < first+count; n++ {
			k := n % 5
			s := fmt.Sprintf("key-%d", k)
			xs := make([]int32, 6, 9)
			for i := range xs { xs[i] = int32(i*i - n) }
			arr := &[5]uint16{1, 20, 300, 4000, uint16(n)}
			p := &Thing{Key: Key{Name: s, Pair: [2]int16{int16(k), 3}}, X: n, Y: -k, Name: s + " thing", In: &Inner{"deep"}, Base: &Base{n * 2}, List: []Thing{{Name: "a"}, {Y: n, Name: "b"}, {Name: "c"}}}
			p.Grid[1][k%4] = int8(n)
			var q *Thing
			if n%2 == 0 { q = &Thing{X: n} }
			var err error
			switch n % 3 { case 1: err = io.EOF; case 2: err = errOther }
			m := map[string]int{"key-1": 11, "key-2": n}
			if n%7 == 6 { m = nil }
			mi := map[int]string{}
			for i := 0; i < 30; i++ { mi[i] = fmt.Sprint("v", i) }
			mp := map[string]*Thing{"a": p}
			var ch chan int
			if n%2 == 1 { ch = make(chan int, 3); ch <- n }
			var v interface{} = n
			if n%3 == 2 { v = s }
			args := func(f func(${parameters.replace(/\binterface\{\}/g, 'interface{}')})) {
				f(n, k, uint8(n*37), int16(n*-1234), uint64(n)<<61+7, float64(n)*0.7, float32(n)*0.25, s, "key-2", xs, arr, p, q, err, m, mi, mp, ch, v, time.Duration(n)*1500, []byte(s), n%2 == 0, rune("xyz"[n%3]))
			}
			if !quiet { args(expected) }
			args(func(${parameters}) { probed(n, k, u8, i16, u64, f, f32, s, t, xs, arr, p, q, err, m, mi, mp, ch, v, d, raw, b, r) })
		}
		fmt.Println("done", in.Text())
	}
}
`;

const builds: readonly (readonly [string, Omit<GoFixture, 'source'>])[] = [
  ['local', {}],
  ['local, -N -l', { flags: ['-gcflags=all=-N -l'] }],
  ['go1.21.13', { toolchain: 'go1.21.13' }],
];

describe.each(builds)('expressions in the running program (%s)', (_name, build) => {
  let binary: GoBinary;
  let target: RunningProcess;
  let tracer: Tracer | undefined;
  const sys = openSys();
  let kickers: Kickers;
  let floats: TracerOptions['floats'];

  beforeAll(async () => {
    const file = await goFixture({ source: { 'main.go': source }, ...build });
    binary = openGoFile(file);
    kickers = new Kickers(sys);
    const { state } = findFloats(sys, kickers, {
      multi: true,
      program: (place, kick) => floatTrialProgram(place, floatTrial, kick),
    });
    floats = { state, kicks: kickers.map };
    target = await startProcess(file, { ready: /ready/ });
  }, 300_000);
  afterEach(() => {
    tracer?.close();
    tracer = undefined;
  });
  afterAll(async () => {
    kickers?.[Symbol.dispose]();
    await target?.kill();
  });

  /** Has the program make `count` calls, n from `first` on; gives what it has printed. */
  async function call(command: string): Promise<string[]> {
    const before = target.lines.length;
    target.write(`${command}\n`);
    await target.until(`done ${command}`, () => target.lines.slice(before).includes(`done ${command}`));
    return target.lines.slice(before).filter((line) => line.startsWith('values '));
  }

  function probe(columns: readonly CaptureColumn[], when?: string) {
    tracer = trace(
      target.pid,
      binary,
      [{ function: 'main.probed', columns, ...(when === undefined ? {} : { when: { text: when } }) }],
      { multi: true, ...(floats && { floats }) },
    );
    return tracer;
  }

  it('every expression has the value that Go gives it', { timeout: 120_000 }, async () => {
    const wrong: string[] = [];
    // As many at once as an event has room for.
    for (let at = 0; at < expressions.length; at += 20) {
      const some = expressions.slice(at, at + 20);
      const own = probe(some.map((text, i) => ({ name: `c${i}`, capture: { kind: 'argument', text: inProbe(text) } })));
      const printed = await call('0 12');
      const rows = own.rows();
      own.close();
      expect(rows).toHaveLength(12);
      rows.forEach((row, call) => {
        const values = JSON.parse(printed[call]!.slice('values '.length)) as unknown[];
        const { notes } = row;
        some.forEach((text, i) => {
          const wanted = values[at + i];
          const got = row[`c${i}`];
          if (same(wanted, got, notes[`c${i}`])) return;
          wrong.push(`${text} (call ${call}): Go ${String(wanted)}, got ${String(got)} ${notes[`c${i}`] ?? ''}`);
        });
      });
    }
    expect(wrong.join('\n')).toBe('');
  });

  const conditions = [
    ...[
      'n > 5',
      'n % 3 == 1 && k < 3',
      's == "key-3"',
      'strings.HasPrefix(s, "key-2")',
      'strings.HasPrefix(t, s)',
      'f > 3.5',
      'f32 <= 0.5',
    ],
    ...[
      'err == io.EOF',
      'err != nil && n > 4',
      'q != nil && q.X > 3',
      'm["key-1"] == 11',
      'xs[k] < 0',
      'main.table[k] == "three"',
      'b',
    ],
    ...[
      'len(m) > 0 && len(ch) == 1',
      'u64 > 9223372036854775807',
      'p.List[k%3].Name == "b"',
      'mi[n] == "v4"',
      'v.(int) > 3 || s == "key-2"',
      'len(mi[n]) == 2 && "ab" < "abc"',
      'n > 5 && "a" > "b"',
      '1 > 2',
    ],
    ...[
      '$2 != nil',
      '$0 > 6',
      'n > 2 && $2 == nil',
      '$outcome == "returned" && $0 != n',
      '$latency < 1h',
      'n < 3 && $latency >= 0',
      '$1 == "key-1key-2"',
    ],
  ];

  it.each(conditions)('when %s: the calls that an unfiltered run has', { timeout: 60_000 }, async (when) => {
    const columns: CaptureColumn[] = [
      { name: 'n', capture: { kind: 'argument', text: 'n' } },
      { name: 'sum', capture: { kind: 'result', text: '$0' } },
    ];
    const own = probe(columns, when);
    await call('quiet 0 20');
    const kept = own.rows().map((row) => Number(row.n));
    expect(Number(own.words[1 + control.hits])).toBe(20);
    const undecided = Number(own.words[1 + control.undecided]);
    own.close();
    const wanted = [...Array(20).keys()].filter((n) => holds(when, n));
    // A float in a register may not be had, which is counted.
    if (undecided === 0 || !/\bf(32)?\b/.test(when)) expect(kept).toEqual(wanted);
    else expect(wanted).toEqual(expect.arrayContaining(kept));
  });

  it('a condition on results alone needs no entry', async () => {
    const own = probe([{ name: 'sum', capture: { kind: 'result', text: '$0' } }], '$0 > 6 && $1 != ""');
    await call('quiet 0 20');
    expect(own.plans[0]!.entry).toBeUndefined();
    expect(own.rows().map((row) => Number(row.sum))).toEqual(
      [...Array(20).keys()].map((n) => n + (n % 5)).filter((sum) => sum > 6),
    );
  });

  it('what cannot be decided is counted, not shown', async () => {
    const own = probe([{ name: 'n', capture: { kind: 'argument', text: 'n' } }], 'q.X >= 0');
    await call('quiet 0 20');
    expect(own.rows().map((row) => Number(row.n))).toEqual([...Array(10).keys()].map((n) => 2 * n));
    expect(Number(own.words[1 + control.undecided])).toBe(10);
  });

  it('a time.Time is a column of times; what that has no place for is in the notes', async () => {
    const texts = ['main.since[0]', 'main.since[1]', 'main.since[2]', 'main.stamps["a"]'];
    const own = probe(texts.map((text, i) => ({ name: `t${i}`, capture: { kind: 'argument', text } })));
    const before = BigInt(Date.now()) * 1_000_000n;
    await call('quiet 0 1');
    const [row] = own.rows();
    expect(row).toMatchObject({ t0: 5_000_000_006n, t1: null, t3: 7_000_000_000n });
    expect(row!.t2).toBeLessThan(before);
    expect(row!.t2).toBeGreaterThan(before - 3_600_000_000_000n);
    expect(row!.notes).toMatchObject({
      't0.zone': '+01:30',
      t1: 'not captured: 0001-01-01T00:00:00Z: a column of times has the years 1678 to 2262',
      't2.monotonic_ns': expect.stringMatching(/^\d+$/),
    });
  });

  it('a call that is not wanted sends nothing, also at its return', async () => {
    const own = probe(
      [
        { name: 'n', capture: { kind: 'argument', text: 'n' } },
        { name: 'latency', capture: { kind: 'latency' } },
      ],
      'n == 7',
    );
    await call('quiet 0 20');
    expect(own.rows()).toMatchObject([{ n: 7n }]);
    expect(own.decoder.stats).toMatchObject({ events: 2, rows: 1, beganBefore: 0, unmatched: 0 });
  });
});

/** What the program's own n, k and the rest make of a condition. */
function holds(when: string, n: number): boolean {
  const k = n % 5;
  const s = `key-${k}`;
  const err = [null, 'EOF', 'other'][n % 3];
  const table: Record<string, boolean> = {
    'n > 5': n > 5,
    'n % 3 == 1 && k < 3': n % 3 === 1 && k < 3,
    's == "key-3"': k === 3,
    'strings.HasPrefix(s, "key-2")': k === 2,
    'strings.HasPrefix(t, s)': k === 2,
    'f > 3.5': n * 0.7 > 3.5,
    'f32 <= 0.5': n * 0.25 <= 0.5,
    'err == io.EOF': err === 'EOF',
    'err != nil && n > 4': err !== null && n > 4,
    'q != nil && q.X > 3': n % 2 === 0 && n > 3,
    'm["key-1"] == 11': n % 7 !== 6,
    'xs[k] < 0': k * k - n < 0,
    'main.table[k] == "three"': k === 3,
    b: n % 2 === 0,
    'len(m) > 0 && len(ch) == 1': n % 7 !== 6 && n % 2 === 1,
    'u64 > 9223372036854775807': (BigInt.asUintN(64, BigInt(n) << 61n) + 7n) % (1n << 64n) > 9223372036854775807n,
    'p.List[k%3].Name == "b"': k % 3 === 1,
    'mi[n] == "v4"': n === 4,
    'v.(int) > 3 || s == "key-2"': n % 3 !== 2 && (n > 3 || k === 2),
    'len(mi[n]) == 2 && "ab" < "abc"': n < 10,
    'n > 5 && "a" > "b"': false,
    '1 > 2': false,
    '$2 != nil': n % 4 === 3,
    '$0 > 6': n + k > 6,
    'n > 2 && $2 == nil': n > 2 && n % 4 !== 3,
    '$outcome == "returned" && $0 != n': k !== 0,
    '$latency < 1h': true,
    'n < 3 && $latency >= 0': n < 3,
    '$1 == "key-1key-2"': s === 'key-1',
  };
  return table[when]!;
}

/** A panic in Go is a value that was not captured, with a reason. */
function same(wanted: unknown, got: unknown, note: string | undefined): boolean {
  if (typeof wanted === 'object' && wanted !== null && 'panic' in wanted) return got === null && note !== undefined;
  if (got === null && /float register/.test(note ?? '')) return true;
  if (typeof got === 'bigint') return String(got) === String(wanted);
  if (typeof got === 'number') return Number.isNaN(got) ? wanted === 'NaN' : got === Number(wanted);
  return got === wanted;
}
