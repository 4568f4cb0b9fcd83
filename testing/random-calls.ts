import { Random } from './random-values/random.ts';

/** A Go program of small functions that are inlined into others in every way, and the same program with them kept apart, which says what it calls. */
export interface RandomCalls {
  readonly program: string;
  /** Prints `T function caller count arguments` for the calls of a round. */
  readonly twin: string;
  /** How often a function is written in a caller, or in what may be inlined into that. */
  sites(name: string, caller: string): number;
}

interface Helper {
  readonly name: string;
  readonly parameters: string;
  readonly result: 'int' | 'bool';
  readonly body: string;
  /** Parameters that are compared. */
  readonly told: readonly string[];
  readonly call: (argument: string, second: string, name?: string) => string;
}

const counts = { helpers: 14, callers: 10, rounds: 12 } as const;

const prelude = `
type T struct{ v int }
var G int
var arr = [8]int{3, 1, 4, 1, 5, 9, 2, 6}
var strs = []string{"", "a", "bc", "def", "ghij"}
var t0 = &T{v: 1}
var ptrs = [2]*T{nil, {v: 7}}
var arr2 [8]int

//go:noinline
func sink(n int) int { G ^= n; return n + 1 }
`;

const recording = `
var cur string
var truth = map[string]int{}

//go:noinline
func rec(function string, values ...any) { truth[fmt.Sprintln("T", function, cur, "%d", values)]++ }
`;

/** Programs from this seed on have more kinds of functions and statements. */
const wideFrom = 1000;

/** As many programs as seeds. */
export function randomCalls(seed: number): RandomCalls {
  const random = new Random(seed);
  const isWide = seed >= wideFrom;
  const helpers: Helper[] = [];
  for (let i = 0; i < counts.helpers; i++) helpers.push(helper(i, helpers, random, isWide));
  const callers = Array.from({ length: counts.callers }, (_, i) => caller(i, helpers, random, isWide));
  const program = written(helpers, callers, false);
  const bodies = new Map(
    program.split(/^func /m).map((text) => [/^\w*/.exec(text)![0], text.slice(text.indexOf('{'))]),
  );
  const calls = (name: string, caller: string) =>
    bodies.get(caller)?.match(new RegExp(`\\b${name}\\(`, 'g'))?.length ?? 0;
  const sites = (name: string, caller: string): number => {
    const others = helpers.filter((each) => each.name !== name && calls(each.name, caller) > 0);
    return others.reduce((sum, each) => sum + calls(each.name, caller) * sites(name, each.name), calls(name, caller));
  };
  return { program, twin: written(helpers, callers, true), sites };
}

function helper(index: number, before: readonly Helper[], random: Random, isWide: boolean): Helper {
  const name = `h${index}`;
  const [a, b] = [1 + random.next(9), 2 + random.next(8)];
  const one = (body: string, result: Helper['result'] = 'int'): Helper => {
    return { name, parameters: 'n int', result, body, told: ['n'], call: (x, _, by = name) => `${by}(${x})` };
  };
  const two = (body: string): Helper => {
    return { ...one(body), parameters: 'n, m int', told: ['n', 'm'], call: (x, y, by = name) => `${by}(${x}, ${y})` };
  };
  const inner = random.of(before.filter(({ result }) => result === 'int').concat([one('')]));
  const wide: Helper[] = [
    one('t := 0\n\tfor _, c := range strs[n&3] {\n\t\tt += int(c)\n\t}\n\treturn t'),
    one(`for i := 0; i < 4; i++ {\n\t\tif arr[i] == n&7 {\n\t\t\treturn i\n\t\t}\n\t}\n\treturn ${a}`),
    one('if t := n & 7; t > 3 {\n\t\treturn t\n\t}\n\treturn n >> 1'),
    one(`if sink(n) > ${a * 4} {\n\t\tG++\n\t}\n\treturn n`),
    one(`t := &T{v: n}\n\tt.v += ${a}\n\treturn t.v`),
    one(`f := func(k int) int { return k*${b} + n }\n\treturn f(${a})`),
    one(`return int(uint8(n)) << 1 & ${a * 16 + 15}`),
    one(`return G & n &^ ${a}`, 'int'),
    one(`return arr[n&7] > ${a}`, 'bool'),
    two('if n < m {\n\t\treturn n\n\t}\n\treturn m'),
    two(`if n&1 == 0 && m > ${a} {\n\t\treturn m\n\t}\n\treturn n`),
    {
      ...one('if p == nil {\n\t\treturn n\n\t}\n\treturn p.v + n'),
      parameters: 'p *T, n int',
      call: (x, y, by = name) => `${by}(ptrs[(${y})&1], ${x})`,
    },
    {
      ...one('t := 0\n\tfor _, v := range a {\n\t\tif v > 4 {\n\t\t\tcontinue\n\t\t}\n\t\tt ^= v\n\t}\n\treturn t + n'),
      parameters: 'a []int, n int',
      call: (x, y, by = name) => `${by}(arr[:(${y})&7], ${x})`,
    },
  ];
  return random.of([
    ...(isWide ? wide : []),
    one(`if n&1 == 0 {\n\t\tn = n*3 + ${a}\n\t}\n\treturn n`),
    one(`if n > ${a * 3} {\n\t\treturn n - ${b}\n\t}\n\treturn n * 2`),
    one(`s := ${a}\n\tfor i := 0; i < n&3; i++ {\n\t\ts += i * ${b}\n\t}\n\treturn s`),
    one('G += n\n\treturn G & 63'),
    one(`return arr[n&7] + ${a}`),
    one(`return n*${a} ^ ${b}`),
    one(`switch n & 3 {\n\tcase 0:\n\t\treturn ${a}\n\tcase 1:\n\t\treturn n + ${b}\n\t}\n\treturn 3`),
    one(`return sink(n) + ${a}`),
    one(`n = n*${a} + ${b}\n\treturn n * n & 255`),
    one(`if n < ${a} {\n\t\treturn 0\n\t}\n\tG++\n\tn -= ${b}\n\treturn n`),
    one(`x, y := n/${b}, n%${b}\n\treturn x ^ y`),
    one(`return n > ${a} && n&3 != 1`, 'bool'),
    two(`return (n ^ n>>2)*${a} - m`),
    two(`r := n\n\tif r < ${a} {\n\t\tr = ${a}\n\t}\n\tif r > m {\n\t\tr = m\n\t}\n\treturn r`),
    two(`if n > m {\n\t\tn, m = m, n\n\t}\n\treturn n*${a} + m`),
    {
      ...one('t.v += n\n\treturn t.v & 31'),
      parameters: 't *T, n int',
      call: (x, _, by = name) => `${by}(t0, ${x})`,
    },
    {
      ...one(`return len(s)*${a} ^ n`),
      parameters: 's string, n int',
      call: (x, y, by = name) => `${by}(strs[(${y})%5], ${x})`,
    },
    {
      ...one('t := n\n\tfor _, v := range a {\n\t\tt += v\n\t}\n\treturn t & 127'),
      parameters: 'a []int, n int',
      call: (x, y, by = name) => `${by}(arr[:(${y})&7], ${x})`,
    },
    one(inner.body === '' ? `return arr[n&7] ^ ${a}` : `return ${inner.call(`n+${a}`, 'n&7')} + ${b}`),
  ]);
}

function caller(index: number, helpers: readonly Helper[], random: Random, isWide: boolean): string {
  const numbers = helpers.filter(({ result }) => result === 'int');
  const tests = helpers.filter(({ result }) => result === 'bool');
  const call = (depth = 0): string => {
    const { name, call: write } = random.of(numbers);
    const nested = depth < 2 && random.chance(20);
    const argument = nested ? call(depth + 1) : random.of(['x', 'i', 'x+i', 'x*3', 'n-i', 'x&15', 'n']);
    const second = random.of(['x&7', 'i&7', 'n&3', '3', 'x&3+1']);
    // By a variable it is called, not inlined.
    return write(argument, second, random.chance(10) ? `v${name.slice(1)}` : name);
  };
  const statement = (depth: number): string => {
    const some = () => Array.from({ length: 1 + random.next(3) }, () => statement(depth + 1)).join('\n');
    const test = tests.length === 0 ? 'x > 9' : random.of(tests).call('x', '1');
    const wide = [
      () => `if v := ${call()}; v > ${random.next(30)} {\nx = v\n}`,
      () => `if v := ${call()}; i&1 == 0 && v > 4 {\nx ^= v\n}`,
      () => `for n := 0; n < 3 && ${call()} > 3; n++ {\nx ^= n\n}`,
      () => `switch ${call()} & 3 {\ncase 1:\nx++\ncase 2:\nx = ${call()}\n}`,
      () => `y = ${call()}\nif i > 1 {\nx ^= y\n}`,
      () => `for k := ${call()} & 3; k > 0; k-- {\nx += ${call()}\n}`,
      () => `x, y = ${call()}, ${call()}`,
      () => `if x > y || ${call()} < 9 {\nx = x ^ y\n}`,
      () => `arr2[x&7] = ${call()}\nx = arr2[(x+1)&7]`,
      () => `func() { x += ${call()} }()`,
      () => `if ${test} && ${call()} > 5 {\nx = ${call()}\n} else if ${test} {\ny++\n}`,
    ];
    return random.of([
      ...(isWide ? wide : []),
      () => `x = ${call()}`,
      () => `x += ${call()} * ${2 + random.next(4)}`,
      () => `if x > ${random.next(40)} {\nx = ${call()}\n}`,
      () => `if i&1 == 0 {\nx = ${call()}\n} else {\nx += ${call()}\n}`,
      () => `if ${test} {\nx++\n}`,
      () => `for i := 0; i < ${2 + random.next(3)}; i++ {\n${depth < 3 ? some() : `x ^= ${call()}`}\n}`,
      () => `for i := 0; i < 3; i++ { x ^= ${call()} }`,
      () => `x = ${call()} + ${call()}`,
      () => `switch x & 3 {\ncase 0:\nx = ${call()}\ncase 1:\nx -= ${call()}\n}`,
      () => `y = ${call()}\nif y > 20 {\nx = y + ${call()}\n}`,
      () => `for ${test} {\nx = x>>1 - 1\n}`,
      () => `if x&1 == 1 && ${call()} > 10 {\nx -= y\n}`,
      () => `y = sink(${call()})`,
    ])();
  };
  const statements = Array.from({ length: 2 + random.next(4) }, () => `${statement(0)}\nx &= 0xff`);
  return `//go:noinline\nfunc c${index}(n int) int {\nx, y, i := n, arr[n&7], n&3\n${statements.join('\n')}\nreturn x + y + i\n}\n`;
}

function written(helpers: readonly Helper[], callers: readonly string[], isTwin: boolean): string {
  const functions = helpers.map(({ name, parameters, result, body, told }, i) => {
    if (!isTwin) return `func ${name}(${parameters}) ${result} {\n\t${body}\n}\n\nvar v${i} = ${name}\n`;
    const names = parameters.split(', ').map((each) => each.split(' ')[0]);
    return `//go:noinline
func ${name}(${parameters}) ${result} {
	rec("${name}", ${told.join(', ')})
	${body}
}

// What it calls is inlined into it, where it is called itself.
func v${i}(${parameters}) (r ${result}) {
	was := cur
	cur = "${name}"
	r = ${name}(${names.join(', ')})
	cur = was
	return
}
`;
  });
  const calls = callers.map((_, i) => `${isTwin ? `cur = "c${i}"\n` : ''}s += c${i}(n)`);
  return `package main

import (
	"bufio"
	"fmt"
	"os"
)
${prelude}${isTwin ? recording : ''}
${[...functions, ...callers].join('\n')}
func main() {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		s := 0
		for n := 0; n < ${counts.rounds}; n++ {
${calls.join('\n')}
		}
${isTwin ? 'for text, n := range truth { fmt.Printf(text, n) }' : ''}
		fmt.Println("done", s, G)
	}
}
`;
}
