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

/** Makes the source of a program whose functions take and return random values of random types. */
class Generator {
  readonly #random: Random;
  readonly #declarations: string[] = [];
  #names = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  program(count: number): string {
    const functions = Array.from({ length: count }, (_, i) => this.#function(i));
    const calls = functions.map((each) => each.call).join('\n');
    return `package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"time"
)

var _, _, _, _, _, _ = errors.New, fmt.Errorf, fs.ErrExist, math.Pi, strings.Repeat, time.Second

func pointer[T any](v T) *T { return &v }

func channel[T any](shut bool, capacity int, values ...T) chan T {
	c := make(chan T, capacity)
	for _, v := range values {
		c <- v
	}
	if shut {
		close(c)
		shutChannel(c)
	}
	return c
}

${this.#declarations.join('\n')}

${functions.map((each) => each.source).join('\n')}

func callAll() {
${calls}
}
`;
  }

  #function(index: number): { source: string; call: string } {
    const random = this.#random;
    const name = `f${index}`;
    const parameters = Array.from({ length: random.next(random.chance(15) ? 12 : 5) }, (_, i) => {
      const blank = random.chance(8);
      return { name: blank ? '_' : `a${i}`, shown: blank ? `#${i}` : `a${i}`, type: this.#type(3) };
    });
    const results = Array.from({ length: random.next(random.chance(15) ? 8 : 3) }, () => this.#type(3));
    const list = parameters.map((each) => `${each.name} ${each.type.text}`).join(', ');
    const globals = results.map((type, i) => `var g${index}_${i} ${type.text} = ${type.value(random)}`);
    const returned = results.map((_, i) => `g${index}_${i}`).join(', ');
    const source = `${globals.join('\n')}

//go:noinline
func ${name}(${list}) (${results.map((type) => type.text).join(', ')}) { ${results.length > 0 ? `return ${returned}` : ''} }
`;
    const variables = parameters.map((each, i) => `\t\tvar x${i} ${each.type.text} = ${each.type.value(random)}\n`);
    const taken = results.map((_, i) => `r${i}`).join(', ');
    const quoted = (names: readonly string[]) => `[]string{${names.map((each) => `"${each}"`).join(', ')}}`;
    const pointers = (prefix: string, many: number) =>
      `[]interface{}{${Array.from({ length: many }, (_, i) => `&${prefix}${i}`).join(', ')}}`;
    const invoked = `${name}(${parameters.map((_, i) => `x${i}`).join(', ')})`;
    const said = `say("main.${name}", ${quoted(parameters.map((each) => each.shown))}, ${pointers('x', parameters.length)}, ${quoted(results.map((_, i) => `$${i}`))}, ${pointers('r', results.length)})`;
    return {
      source,
      call: `	{\n${variables.join('')}\t\t${results.length > 0 ? `${taken} := ` : ''}${invoked}\n\t\t${said}\n\t}`,
    };
  }

  /** `depth`: how many more types it may be made of. */
  #type(depth: number): RandomType {
    const random = this.#random;
    if (depth === 0 || random.chance(35)) return scalar(random);
    switch (random.next(14)) {
      case 0:
      case 1:
      case 2:
        return this.#struct(depth);
      case 3:
      case 4: {
        const elem = this.#type(depth - 1);
        return {
          text: `*${elem.text}`,
          comparable: false,
          value: (r) => (r.chance(20) ? 'nil' : `pointer[${elem.text}](${elem.value(r)})`),
        };
      }
      case 5:
      case 6: {
        const elem = this.#type(depth - 1);
        return {
          text: `[]${elem.text}`,
          comparable: false,
          value: (r) => (r.chance(15) ? 'nil' : `[]${elem.text}{${this.#several(elem, r, 4)}}`),
        };
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
            const values = this.#several(elem, r, 3);
            return r.chance(25)
              ? `channel[${elem.text}](true, 3)`
              : `channel[${elem.text}](false, 4${values === '' ? '' : `, ${values}`})`;
          },
        };
      }
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
        ]);
    }
  }

  #several(elem: RandomType, random: Random, most: number): string {
    return Array.from({ length: random.next(most + 1) }, () => elem.value(random)).join(', ');
  }

  #struct(depth: number): RandomType {
    const random = this.#random;
    const name = `T${this.#names++}`;
    const fields = Array.from({ length: random.next(6) }, (_, i) => {
      const type = this.#type(depth - 1);
      return { name: random.chance(10) && type.comparable ? '_' : `${random.chance(50) ? 'F' : 'f'}${i}`, type };
    });
    this.#declarations.push(
      `type ${name} struct {\n${fields.map((field) => `\t${field.name} ${field.type.text}\n`).join('')}}`,
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
    const most = key.text === 'bool' ? 2 : random.chance(20) ? 40 : 6;
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

const fixed = `package main

import "reflect"

type coded int

func (coded) Error() string { return "coded" }

type custom struct {
	Code int
	Why  string
}

func (*custom) Error() string { return "custom" }

//go:noinline
func double(n int) int { return 2 * n }

func shutChannel(c interface{}) { closed[reflect.ValueOf(c).UnsafePointer()] = true }
`;

/** A program of `count` random functions `main.f0` …; on a line of input it calls each once, and prints what it passed and got. */
export function randomProgram(seed: number, count: number): Readonly<Record<string, string>> {
  return {
    'go.mod': 'module fixture\n\ngo 1.18\n',
    'say.go': readFileSync(join(root, 'testing/fixtures/say/say.go'), 'utf8'),
    'fixed.go': fixed,
    'main.go': new Generator(seed).program(count),
  };
}
