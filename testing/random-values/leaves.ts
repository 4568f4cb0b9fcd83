import type { Random } from './random.ts';

/** A Go type and how a random value of it is written. */
export interface RandomType {
  readonly text: string;
  readonly comparable: boolean;
  value(random: Random): string;
}

const integers = ['int', 'int8', 'int16', 'int32', 'int64', 'uint', 'uint8', 'uint16', 'uint32', 'uint64', 'uintptr'];
const edges: Readonly<Record<string, readonly string[]>> = {
  int8: ['-128', '127'],
  int16: ['-32768', '32767'],
  int32: ['-2147483648', '2147483647'],
  int64: ['-9223372036854775808', '9223372036854775807', '9007199254740993'],
  int: ['-9223372036854775808', '9223372036854775807', '-9007199254740993'],
  uint8: ['255'],
  uint16: ['65535'],
  uint32: ['4294967295'],
  uint64: ['18446744073709551615', '9007199254740993'],
  uint: ['18446744073709551615'],
  uintptr: ['18446744073709551615'],
};
const floats = [
  '0',
  '1.5',
  '-2.25',
  '1e10',
  '3.14159',
  'math.NaN()',
  'math.Inf(1)',
  'math.Inf(-1)',
  'math.Copysign(0, -1)',
];
const texts = [
  '""',
  '"a"',
  '"größer 世界"',
  '"with \\"quotes\\" and \\\\"',
  'strings.Repeat("long ", 60)',
  '"x" + strings.Repeat("é", 400)',
  '"line\\nbreak"',
];

export function scalar(random: Random): RandomType {
  const kind = random.next(10);
  if (kind < 5) {
    const text = random.of(integers);
    return {
      text,
      comparable: true,
      value: (r) => `${text}(${r.chance(30) ? r.of(edges[text]!) : r.next(100)})`,
    };
  }
  if (kind < 6) return { text: 'bool', comparable: true, value: (r) => r.of(['true', 'false']) };
  if (kind < 7) {
    const text = random.of(['float32', 'float64']);
    return { text, comparable: false, value: (r) => `${text}(${r.of(floats)})` };
  }
  if (kind < 8 && random.chance(30)) {
    const [text, part] = random.of([
      ['complex64', 'float32'],
      ['complex128', 'float64'],
    ] as const);
    const value = (r: Random) => `complex(${part}(${r.of(floats.slice(0, 3))}), ${part}(${r.of(floats.slice(1, 3))}))`;
    return { text, comparable: false, value };
  }
  return { text: 'string', comparable: true, value: (r) => r.of(texts) };
}

/** One of several written values. */
function oneOf(text: string, ...values: readonly string[]): RandomType {
  return { text, comparable: false, value: (random) => random.of(values) };
}

/** An int that a func captures. */
const captured = (random: Random) => random.of(['0', '-1', '9223372036854775807', '42']);

/** Types that are shown in a form of their own, which is what their `String` says. */
export const wellKnown: readonly RandomType[] = [
  {
    text: 'time.Duration',
    comparable: true,
    value: (r) => `time.Duration(${r.of(['0', '1', '-1500000', '3723000000000', '9223372036854775807'])})`,
  },
  {
    text: 'net.IP',
    comparable: false,
    value: (r) => r.of(['net.IPv4(10, 0, 0, 1)', 'net.ParseIP("2001:db8::1")', 'net.IPv4(127, 0, 0, 1).To4()']),
  },
  {
    text: '*url.URL',
    comparable: false,
    value: (r) => `link(${r.of(['"https://example.org/a/b?q=1#top"', '"/path"', '"http://h:80/a?b=c&d=e"'])})`,
  },
  {
    text: '*big.Int',
    comparable: false,
    value: (r) => `new(big.Int).Lsh(big.NewInt(${r.of(['1', '-3', '0'])}), ${r.next(200)})`,
  },
];

/** Funcs with and without captured variables: by value, by reference, the receiver of a method value, one func in another. */
export const funcs: readonly RandomType[] = ['func(int) int', 'handler'].map((text) => ({
  text,
  comparable: false,
  value: (r) =>
    r.of([
      () => 'nil',
      () => 'double',
      () => `counting(${captured(r)})`,
      () => `adding(${captured(r)}, ${r.of(texts)}, square{Side: 2.5})`,
      () => `(&circle{Radius: 1.5, Name: ${r.of(texts)}}).times()`,
      () => `square{Side: ${r.of(floats)}}.times()`,
      () => `twice(adding(${captured(r)}, "x", square{}))`,
    ])(),
}));

export const sized = oneOf('sized', 'nil', 'square{Side: 1.5}', '&circle{Radius: 2, Name: "c"}', '(*circle)(nil)');

export const error = oneOf(
  'error',
  'nil',
  'errors.New("plain")',
  'fmt.Errorf("outer: %w", errors.New("inner"))',
  'error(&fs.PathError{Op: "open", Path: "/x", Err: errors.New("gone")})',
  'error(coded(7))',
  'error((*custom)(nil))',
  'error(&custom{Code: 5, Why: "because"})',
);

export const bytes = oneOf('[]byte', '[]byte("text")', '[]byte{0xff, 0, 1}', 'nil');

export const time: RandomType = {
  text: 'time.Time',
  comparable: false,
  value: (r) =>
    `time.Unix(${r.next(2_000_000_000)}, ${r.next(1000)}000).In(${r.of(['time.UTC', 'time.FixedZone("x", 5400)', 'time.FixedZone("w", -3600)'])})`,
};

/** Keys of a map: the one of each number is another. `few`: there are two only. */
export interface KeyType {
  readonly text: string;
  readonly few?: true;
  value(number: number): string;
}

export const keys: readonly KeyType[] = [
  { text: 'string', value: (i) => `"k${i}"` },
  { text: 'int', value: (i) => `${i * 7 - 3}` },
  { text: 'uint8', value: (i) => `${i}` },
  { text: 'uint64', value: (i) => `18446744073709551615 - ${i}` },
  { text: 'float64', value: (i) => `${i}.5` },
  { text: 'label', value: (i) => `label("l${i}")` },
  { text: 'time.Duration', value: (i) => `time.Duration(${i * 1500})` },
  { text: '[2]int16', value: (i) => `{${i}, ${-i}}` },
  { text: '[2]string', value: (i) => `{"a", "b${i}"}` },
  { text: 'spot', value: (i) => `{X: ${i - 1}, S: "s${i}"}` },
  { text: 'interface{}', value: (i) => [`${i}`, `"s${i}"`, `spot{X: ${i}, S: "p"}`, `label("l${i}")`][i % 4]! },
  { text: 'bool', few: true, value: (i) => (i === 0 ? 'true' : 'false') },
];
