import { Random } from './random-values/random.ts';

/** A program whose function `main.probed` is called 60 times with random arguments, and says for which of the ids each condition is true: one that panics is not. */
export interface RandomConditions {
  /** Go, and of a probe: with `$0` and `$1` for the results. */
  readonly conditions: readonly string[];
  readonly source: string;
}

const integers = [
  ...['n', 'o.ID', 'len(s)', 'len(xs)', 'len(m)', 'xs[0]', 'xs[n&3]', 'm["a"]', 'm["zz"]', 'm[s]', 'o.Owner.Pets'],
  ...['o.Owner.Boss.Pets', 'len(o.Tags)', 'int(o.St)', 'int(u8)', 'int(o.In.V)', 'cap(xs)', 'len(o.Lines)', '*o.P'],
  ...[
    'o.Lines[0].Qty',
    'int(s[0])',
    'len(o.Owner.Name)',
    'e.(int)',
    'len(o.Tags["env"])',
    'arr[n&3]',
    'len(by)',
    'int(by[1])',
  ],
];
const floats = [
  ...[
    'f',
    'o.F',
    'float64(o.F32)',
    'float64(n)',
    'float64(n)*0.5',
    'f*2',
    'o.Lines[0].W',
    'o.Owner.Rate',
    'float64(g32)',
  ],
];
const texts = [
  ...[
    's',
    'o.Kind',
    'o.Owner.Name',
    'o.Owner.Boss.Name',
    'o.Tags["env"]',
    's[1:]',
    's[:1]',
    'o.Lines[0].SKU',
    'string(by)',
  ],
  ...['e.(string)', 'o.In.Name', '"k"', '"prod"', '"u1"', '""', '"a"'],
];
const bools = [
  ...[
    'o == nil',
    'o.Owner != nil',
    'o.Owner.Boss == nil',
    'e == nil',
    'e != nil',
    'err != nil',
    'err == nil',
    'xs == nil',
  ],
  ...[
    'm != nil',
    'b',
    '!b',
    'o.Ok',
    'o.Tags == nil',
    'o.St == Paid',
    'o.St != Open',
    'err == errGone',
    'o.In.Ok',
    'u8 > 200',
  ],
  ...['i8 < -3', 'u64 > 9223372036854775808', 'o.D > 2*time.Second', 'o.D == time.Millisecond', 'o.Err != nil'],
  ...[
    'o.Owner == o.Owner.Boss',
    'e == o.Any',
    'o.St > Open && o.St < Done',
    '$0 > 3',
    '$0 == n',
    '$1 != nil',
    '$1 == nil',
  ],
  '$0 < len(s)',
];

export function randomConditions(seed: number, count: number): RandomConditions {
  const random = new Random(seed);
  const binary = (of: (depth: number) => string, depth: number, operator: string) =>
    `(${of(depth - 1)} ${operator} ${of(depth - 1)})`;
  const integer = (depth: number): string => {
    if (depth <= 0 || random.chance(50)) return random.chance(95) ? random.of(integers) : `${random.next(46) - 5}`;
    const operator = random.of(['+', '-', '*', '&', '|', '^', '/', '%']);
    return '/%'.includes(operator)
      ? `(${integer(depth - 1)} ${operator} (${random.of(['3', '7', 'n', 'len(s)'])}))`
      : binary(integer, depth, operator);
  };
  const float = (depth: number): string => {
    if (depth > 0 && random.chance(40)) return binary(float, depth, random.of(['+', '-', '*', '/']));
    return random.chance(90) ? random.of(floats) : `${(random.next(34) - 4) / 4}`;
  };
  const compared = (of: (depth: number) => string) =>
    `${of(2)} ${random.of(['==', '!=', '<', '<=', '>', '>='])} ${of(2)}`;
  const atom = (): string => {
    const kind = random.next(100);
    if (kind < 35) return compared(integer);
    if (kind < 50) return compared(float);
    if (kind < 70) return compared(() => random.of(texts));
    if (kind >= 78) return random.of(bools);
    const part = random.of(['"p"', '"u"', '"od"', '""', '"1"', 'o.Kind']);
    return `strings.${random.of(['HasPrefix', 'HasSuffix', 'Contains'])}(${random.of(texts)}, ${part})`;
  };
  const condition = (depth: number): string => {
    const kind = random.next(100);
    if (depth <= 0 || kind < 30) return atom();
    if (kind < 60) return `${condition(depth - 1)} && ${condition(depth - 1)}`;
    return kind < 85 ? `(${condition(depth - 1)} || ${condition(depth - 1)})` : `!(${condition(depth - 1)})`;
  };
  const conditions = Array.from({ length: count }, () => condition(3));
  const closures = conditions
    .map((text) => `\t\t\t\tfunc() bool { return ${text.replaceAll('$0', 'r0').replaceAll('$1', 'r1')} },`)
    .join('\n');
  return { conditions, source: sourceOf(seed, conditions, closures) };
}

function sourceOf(seed: number, conditions: readonly string[], closures: string): string {
  return `package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"
)

type Status int

const (
	Open Status = iota
	Paid
	Done
)

type Line struct {
	SKU string
	Qty int
	W   float64
}
type User struct {
	Name string
	Pets int
	Rate float64
	Boss *User
}
type In struct {
	V    int16
	Ok   bool
	Name string
}
type Order struct {
	ID    int
	St    Status
	Kind  string
	Lines []Line
	Owner *User
	Tags  map[string]string
	F     float64
	F32   float32
	Ok    bool
	In    In
	P     *int
	D     time.Duration
	Err   error
	Any   any
}

var errGone = errors.New("gone")
var _ = strings.Contains
var sink int

//go:noinline
func probed(id int, o *Order, n int, s string, b bool, u8 uint8, i8 int8, u64 uint64, g32 float32, arr [4]int, by []byte, f float64, xs []int, e any, err error, m map[string]int) (int, error) {
	sink += id + int(u8) + arr[1]
	if n > 7 {
		return n, errGone
	}
	return len(s), err
}

func try(f func() bool) (r bool) {
	defer func() {
		if recover() != nil {
			r = false
		}
	}()
	return f()
}

func main() {
	fmt.Println("ready")
	sc := bufio.NewScanner(os.Stdin)
	for sc.Scan() {
		rnd := rand.New(rand.NewSource(${seed}))
		pick := func(xs ...string) string { return xs[rnd.Intn(len(xs))] }
		user := func() *User { return &User{Name: pick("u1", "zed", "", "boss"), Pets: rnd.Intn(5), Rate: float64(rnd.Intn(9)) / 4} }
		truth := make([][]int, ${conditions.length})
		for id := 0; id < 60; id++ {
			o := &Order{ID: rnd.Intn(20), St: Status(rnd.Intn(3)), Kind: pick("prod", "p", "odd", "u"), F: float64(rnd.Intn(40))/4 - 2, F32: float32(rnd.Intn(20)) / 8, Ok: rnd.Intn(2) == 0, In: In{V: int16(rnd.Intn(7) - 3), Ok: rnd.Intn(2) == 0, Name: pick("a", "k", "z")}, D: time.Duration(rnd.Intn(5)) * time.Second}
			if rnd.Intn(3) > 0 {
				o.Owner = user()
				if rnd.Intn(2) > 0 {
					o.Owner.Boss = user()
				}
				if rnd.Intn(6) == 0 {
					o.Owner.Boss = o.Owner
				}
			}
			for i := rnd.Intn(3); i > 0; i-- {
				o.Lines = append(o.Lines, Line{pick("k", "prod", "x"), rnd.Intn(6), float64(rnd.Intn(8)) / 2})
			}
			if rnd.Intn(3) > 0 {
				o.Tags = map[string]string{"env": pick("prod", "dev"), "x": "y"}
			}
			if rnd.Intn(2) > 0 {
				p := rnd.Intn(9)
				o.P = &p
			}
			if rnd.Intn(5) == 0 {
				o.D = time.Millisecond
			}
			var m map[string]int
			if rnd.Intn(4) > 0 {
				m = map[string]int{"a": rnd.Intn(6), "k": 3, "prod": rnd.Intn(3)}
			}
			var xs []int
			for i := rnd.Intn(6); i > 0; i-- {
				xs = append(xs, rnd.Intn(9)-2)
			}
			var e any
			switch rnd.Intn(6) {
			case 0:
				e = rnd.Intn(9)
			case 1:
				e = pick("k", "prod", "u1")
			case 2:
				e = o.Owner
			case 3:
				e = float64(2)
			case 4:
				e = Paid
			}
			if rnd.Intn(2) == 0 {
				o.Any = e
			}
			var err error
			switch rnd.Intn(3) {
			case 0:
				err = errGone
			case 1:
				err = fmt.Errorf("other %d", id)
			}
			o.Err = err
			n := rnd.Intn(12) - 1
			s := pick("prod", "a", "k", "od", "u1", "zz9")
			f := float64(rnd.Intn(60))/4 - 3
			b := rnd.Intn(2) == 0
			u8, i8 := uint8(rnd.Intn(256)), int8(rnd.Intn(20)-10)
			u64 := uint64(rnd.Intn(3)) << 62
			g32 := float32(rnd.Intn(10)) / 4
			arr := [4]int{rnd.Intn(5), rnd.Intn(5), 2, 3}
			by := []byte(pick("prod", "k", "ab", "u1"))
			r0, r1 := probed(id, o, n, s, b, u8, i8, u64, g32, arr, by, f, xs, e, err, m)
			_, _ = r0, r1
			for k, c := range []func() bool{
${closures}
			} {
				if try(c) {
					truth[k] = append(truth[k], id)
				}
			}
		}
		for _, ids := range truth {
			fmt.Println("true", ids)
		}
		fmt.Println("done")
	}
}
`;
}
