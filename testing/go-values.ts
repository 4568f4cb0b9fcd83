import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.ts';

/** A seeded source of choices (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 … below - 1. */
  next(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.next(choices.length)]!;
  }

  chance(percent: number): boolean {
    return this.next(100) < percent;
  }
}

/** A Go type and how a random value of it is written. */
interface RandomType {
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

function scalar(random: Random): RandomType {
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

/** A parameter or result: `text` is its type in the signature, which differs from that of its value where the function is generic. */
interface Variable {
  readonly name: string;
  readonly text: string;
  readonly type: RandomType;
  readonly value: string;
}

/** A function before it is written. `generic` is the type argument of a generic one. */
interface Draft {
  readonly receiver?: Variable;
  readonly generic?: RandomType;
  readonly parameters: readonly Variable[];
  readonly results: readonly Variable[];
}

/** One function of a program with some of its parameters and results only, to find out which of them matter. */
export interface Variant {
  readonly index: number;
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

/** A function of a program: its name for a probe, and what the program calls it in what it says. */
export interface RandomFunction {
  readonly probe: string;
  readonly said: string;
  /** It has a type parameter. */
  readonly generic: boolean;
  /** The receiver apart. */
  readonly parameters: number;
  readonly results: number;
}

/** Types that are shown in a form of their own, which is what their `String` says. */
const wellKnown: readonly RandomType[] = [
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

function pointerTo(elem: RandomType): RandomType {
  return {
    text: `*${elem.text}`,
    comparable: false,
    value: (r) =>
      r.chance(20) ? 'nil' : `func() *${elem.text} { var v ${elem.text} = ${elem.value(r)}; return &v }()`,
  };
}

/** Makes the source of a program whose functions take and return random values of random types. */
class Generator {
  readonly #random: Random;
  readonly #declarations: string[] = [];
  readonly #generics: boolean;
  #names = 0;

  constructor(seed: number, generics: boolean) {
    this.#random = new Random(seed);
    this.#generics = generics;
  }

  program(count: number, variants?: readonly Variant[]): { source: string; functions: RandomFunction[] } {
    const drafts = Array.from({ length: count }, () => this.#draft());
    const chosen: readonly Variant[] =
      variants ??
      drafts.map(({ parameters, results }, index) => ({
        index,
        parameters: parameters.map((_, i) => i),
        results: results.map((_, i) => i),
      }));
    const written = chosen.map((variant, number) => write(drafts[variant.index]!, variant, number));
    const source = `package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/big"
	"net"
	"net/url"
	"strings"
	"time"
	"unsafe"
)

var _, _, _, _, _, _ = errors.New, fmt.Errorf, fs.ErrExist, math.Pi, strings.Repeat, time.Second
var _, _, _ = big.NewInt, net.IPv4, url.Parse
var _ unsafe.Pointer

${this.#declarations.join('\n')}

${written.map((each) => each.source).join('\n')}

func callAll() {
${written.map((each) => each.call).join('\n')}
}
`;
    return { source, functions: written.map((each) => each.function) };
  }

  #draft(): Draft {
    const random = this.#random;
    const generic =
      this.#generics && random.chance(15) ? random.of([scalar, () => this.#struct(2)])(random) : undefined;
    const receiver = generic === undefined && random.chance(20) ? this.#receiver() : undefined;
    const parameters = Array.from({ length: random.next(random.chance(15) ? 12 : 5) }, (_, i) => {
      const blank = random.chance(8);
      return this.#variable(blank ? '_' : `a${i}`, generic);
    });
    const results = Array.from({ length: random.next(random.chance(15) ? 8 : 3) }, () => this.#variable('', generic));
    return {
      ...(receiver && { receiver }),
      ...(generic && { generic }),
      parameters: generic ? [this.#of(generic, 'p'), ...parameters] : parameters,
      results,
    };
  }

  #receiver(): Variable {
    const random = this.#random;
    const named = random.chance(70) ? this.#struct(2) : this.#named();
    const type = random.chance(50) ? pointerTo(named) : named;
    return { name: 'r', text: type.text, type, value: type.value(random) };
  }

  #variable(name: string, generic: RandomType | undefined): Variable {
    if (generic && this.#random.chance(50)) return this.#of(generic, name);
    const type = this.#type(3);
    return { name, text: type.text, type, value: type.value(this.#random) };
  }

  /** A variable of the type parameter, or of a type that is made of it. */
  #of(argument: RandomType, name: string): Variable {
    const random = this.#random;
    const [text, type] = random.of<readonly [string, RandomType]>([
      ['P', argument],
      ['P', argument],
      ['*P', pointerTo(argument)],
      ['[]P', this.#slice(argument)],
      [
        `box[P]`,
        {
          text: `box[${argument.text}]`,
          comparable: false,
          value: (r) => `box[${argument.text}]{${argument.value(r)}, ${r.next(100)}}`,
        },
      ],
    ]);
    return { name, text, type, value: type.value(random) };
  }

  /** `depth`: how many more types it may be made of. */
  #type(depth: number): RandomType {
    const random = this.#random;
    if (depth === 0 || random.chance(35)) return scalar(random);
    switch (random.next(16)) {
      case 0:
      case 1:
      case 2:
        return this.#struct(depth);
      case 3:
      case 4: {
        return pointerTo(this.#type(depth - 1));
      }
      case 5:
      case 6: {
        return this.#slice(this.#type(depth - 1));
      }
      case 7: {
        const elem = this.#type(depth - 1);
        const count = random.next(4);
        return {
          text: `[${count}]${elem.text}`,
          comparable: false,
          value: (r) => `[${count}]${elem.text}{${Array.from({ length: count }, () => elem.value(r)).join(', ')}}`,
        };
      }
      case 8:
      case 9:
        return this.#map(depth);
      case 10:
        return this.#interface(depth);
      case 11:
        return this.#error();
      case 12: {
        const elem = scalar(random);
        return {
          text: `chan ${elem.text}`,
          comparable: false,
          value: (r) => {
            if (r.chance(20)) return 'nil';
            if (r.chance(25))
              return `func() chan ${elem.text} { c := make(chan ${elem.text}, 3); shut(c); close(c); return c }()`;
            const sent = Array.from({ length: r.next(4) }, () => `c <- ${elem.value(r)}; `);
            return `func() chan ${elem.text} { c := make(chan ${elem.text}, 4); ${sent.join('')}return c }()`;
          },
        };
      }
      case 13:
        return this.#named();
      case 14:
        return random.of(wellKnown);
      default:
        return random.of<RandomType>([
          {
            text: 'time.Time',
            comparable: false,
            value: (r) =>
              `time.Unix(${r.next(2_000_000_000)}, ${r.next(1000)}000).In(${r.of(['time.UTC', 'time.FixedZone("x", 5400)', 'time.FixedZone("w", -3600)'])})`,
          },
          { text: '[]byte', comparable: false, value: (r) => r.of(['[]byte("text")', '[]byte{0xff, 0, 1}', 'nil']) },
          { text: 'func(int) int', comparable: false, value: (r) => r.of(['nil', 'double']) },
          {
            text: 'sized',
            comparable: false,
            value: (r) => r.of(['nil', 'square{Side: 1.5}', '&circle{Radius: 2, Name: "c"}', '(*circle)(nil)']),
          },
        ]);
    }
  }

  #named(): RandomType {
    const random = this.#random;
    const name = `N${this.#names++}`;
    const type = scalar(random);
    this.#declarations.push(`type ${name} ${type.text}`);
    return { text: name, comparable: type.comparable, value: (r) => `${name}(${type.value(r)})` };
  }

  #slice(elem: RandomType): RandomType {
    return {
      text: `[]${elem.text}`,
      comparable: false,
      value: (r) => (r.chance(15) ? 'nil' : `[]${elem.text}{${this.#several(elem, r, 4)}}`),
    };
  }

  #several(elem: RandomType, random: Random, most: number): string {
    return Array.from({ length: random.next(most + 1) }, () => elem.value(random)).join(', ');
  }

  #struct(depth: number): RandomType {
    const random = this.#random;
    const name = `T${this.#names++}`;
    const fields = Array.from({ length: random.next(6) }, (_, i) => {
      if (depth > 1 && random.chance(12)) {
        const embedded = this.#struct(depth - 1);
        return { name: embedded.text, type: random.chance(50) ? embedded : pointerTo(embedded), embedded: true };
      }
      const type = this.#type(depth - 1);
      return {
        name: random.chance(10) && type.comparable ? '_' : `${random.chance(50) ? 'F' : 'f'}${i}`,
        type,
        embedded: false,
      };
    });
    this.#declarations.push(
      `type ${name} struct {\n${fields.map((field) => `\t${field.embedded ? '' : `${field.name} `}${field.type.text}\n`).join('')}}`,
    );
    return {
      text: name,
      comparable: false,
      value: (r) =>
        `${name}{${fields
          .filter((field) => field.name !== '_')
          .map((field) => `${field.name}: ${field.type.value(r)}`)
          .join(', ')}}`,
    };
  }

  #map(depth: number): RandomType {
    const random = this.#random;
    const key = random.of<{ text: string; value: (i: number) => string }>([
      { text: 'string', value: (i) => `"k${i}"` },
      { text: 'int', value: (i) => `${i * 7 - 3}` },
      { text: 'uint8', value: (i) => `${i}` },
      { text: '[2]int16', value: (i) => `{${i}, ${-i}}` },
      { text: 'bool', value: (i) => (i === 0 ? 'true' : 'false') },
    ]);
    const elem = this.#type(Math.min(depth - 1, 1));
    const most = key.text === 'bool' ? 2 : random.chance(20) ? random.of([40, 120]) : 6;
    const text = `map[${key.text}]${elem.text}`;
    return {
      text,
      comparable: false,
      value: (r) => {
        if (r.chance(10)) return 'nil';
        const entries = Array.from({ length: r.next(most + 1) }, (_, i) => `${key.value(i)}: ${elem.value(r)}`);
        return `${text}{${entries.join(', ')}}`;
      },
    };
  }

  #interface(depth: number): RandomType {
    const held = Array.from({ length: 3 }, () => this.#type(Math.min(depth - 1, 2)));
    return {
      text: 'interface{}',
      comparable: false,
      value: (r) => {
        if (r.chance(15)) return 'nil';
        const type = r.of(held);
        return `interface{}((${type.text})(${type.value(r)}))`;
      },
    };
  }

  #error(): RandomType {
    return {
      text: 'error',
      comparable: false,
      value: (r) =>
        r.of([
          'nil',
          'errors.New("plain")',
          'fmt.Errorf("outer: %w", errors.New("inner"))',
          'error(&fs.PathError{Op: "open", Path: "/x", Err: errors.New("gone")})',
          'error(coded(7))',
          'error((*custom)(nil))',
          'error(&custom{Code: 5, Why: "because"})',
        ]),
    };
  }
}

/** A draft with what a variant keeps of it, as function number `number`. */
function write(
  draft: Draft,
  variant: Variant,
  number: number,
): { source: string; call: string; function: RandomFunction } {
  const { receiver, generic } = draft;
  const parameters = variant.parameters.map((i) => draft.parameters[i]!);
  const results = variant.results.map((i) => draft.results[i]!);
  const name = receiver ? `m${number}` : `f${number}`;
  const place = receiver ? `(r ${receiver.text}) ` : '';
  const globals = results.map(({ type, value }, i) => `var g${number}_${i} ${type.text} = ${value}`);
  const returned = results.map(({ text, type }, i) =>
    text === type.text ? `g${number}_${i}` : `any(g${number}_${i}).(${text})`,
  );
  const list = parameters.map((each, i) => `${each.name === '_' ? '_' : `a${i}`} ${each.text}`).join(', ');
  const source = `${globals.join('\n')}

//go:noinline
func ${place}${name}${generic ? '[P any]' : ''}(${list}) (${results.map(({ text }) => text).join(', ')}) { ${results.length > 0 ? `return ${returned.join(', ')}` : ''} }
`;
  const passed = receiver ? [receiver, ...parameters] : parameters;
  // A blank parameter is named by its number, of which the receiver is 0.
  const shown = parameters.map((each, i) => (each.name === '_' ? `#${receiver ? i + 1 : i}` : `a${i}`));
  const variables = passed.map(({ type, value }, i) => `\t\tvar x${i} ${type.text} = ${value}\n`);
  const inputs = passed.map((_, i) => `x${i}`);
  const callee = receiver ? `${inputs.shift()}.${name}` : `${name}${generic ? `[${generic.text}]` : ''}`;
  const quoted = (names: readonly string[]) => `[]string{${names.map((each) => `"${each}"`).join(', ')}}`;
  const pointers = (prefix: string, many: number) =>
    `[]interface{}{${Array.from({ length: many }, (_, i) => `&${prefix}${i}`).join(', ')}}`;
  const argumentNames = receiver ? ['r', ...shown] : shown;
  const taken = results.map((_, i) => `r${i}`).join(', ');
  const say = `say("${name}", ${quoted(argumentNames)}, ${pointers('x', passed.length)}, ${quoted(results.map((_, i) => `$${i}`))}, ${pointers('r', results.length)})`;
  const probe = receiver
    ? `main.${receiver.text.startsWith('*') ? `(${receiver.text})` : receiver.text}.${name}`
    : `main.${name}`;
  return {
    source,
    call: `\t{\n${variables.join('')}\t\t${results.length > 0 ? `${taken} := ` : ''}${callee}(${inputs.join(', ')})\n\t\t${say}\n\t}`,
    function: {
      probe,
      said: name,
      generic: generic !== undefined,
      parameters: parameters.length,
      results: results.length,
    },
  };
}

const fixed = `package main

import (
	"net/url"
	"reflect"
)

type coded int

func (coded) Error() string { return "coded" }

type custom struct {
	Code int
	Why  string
}

func (*custom) Error() string { return "custom" }

type sized interface{ size() float64 }

type square struct{ Side float64 }

func (s square) size() float64 { return s.Side * s.Side }

type circle struct {
	Radius float32
	Name   string
}

func (c *circle) size() float64 { return float64(c.Radius) }

//go:noinline
func double(n int) int { return 2 * n }

func link(text string) *url.URL {
	u, _ := url.Parse(text)
	return u
}

// shut remembers a channel that is closed.
func shut(c interface{}) { closed[reflect.ValueOf(c).Pointer()] = true }
`;

const boxes = `package main

type box[P any] struct {
	Value P
	Size  uint8
}
`;

export interface RandomProgram {
  readonly files: Readonly<Record<string, string>>;
  readonly functions: readonly RandomFunction[];
}

/**
 * A program of `count` random functions, or of variants of them; on a line of input it calls each once, and prints what it
 * passed and got. `generics`: it may have functions with type parameters (Go 1.18).
 */
export function randomProgram(
  seed: number,
  count: number,
  { generics = true, variants }: { generics?: boolean; variants?: readonly Variant[] } = {},
): RandomProgram {
  const { source, functions } = new Generator(seed, generics).program(count, variants);
  return {
    files: {
      'go.mod': `module fixture\n\ngo 1.${generics ? 18 : 17}\n`,
      'say.go': readFileSync(join(root, 'testing/fixtures/say/say.go'), 'utf8'),
      'fixed.go': fixed,
      ...(generics && { 'boxes.go': boxes }),
      'main.go': source,
    },
    functions,
  };
}
