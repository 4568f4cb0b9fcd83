import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { goFixture } from '../../testing/go-fixtures.ts';
import { type Architecture, abiRegisters, assignAbi, UnassignableType } from './abi.ts';
import type { GoType, Place, TypeRef } from './types.ts';

/**
 * Makes random signatures and prints, by package reflect's own assignment (which calls functions by it, so it is the truth), where each
 * value goes. The register counts of the machine that is asked for are set in reflect's variables.
 */
const oracle = `package main

import (
	"encoding/json"
	"math/rand"
	"os"
	"reflect"
	"strconv"
	"unsafe"
)

type step struct {
	kind                 int
	offset, size, stkOff uintptr
	ireg, freg           int
}
type sequence struct {
	steps        []step
	valueStart   []int
	stackBytes   uintptr
	iregs, fregs int
}
type description struct {
	call, ret                           sequence
	stackCallArgsSize, retOffset, spill uintptr
	stackPtrs                           unsafe.Pointer
	inRegPtrs, outRegPtrs               [2]uint8
}

//go:linkname newAbiDesc reflect.newAbiDesc
func newAbiDesc(t unsafe.Pointer, rcvr unsafe.Pointer) description

//go:linkname intArgRegs reflect.intArgRegs
var intArgRegs int

//go:linkname floatArgRegs reflect.floatArgRegs
var floatArgRegs int

type Tree struct {
	Kind   string
	Name   string
	Size   uintptr
	Count  int
	Elem   *Tree
	Fields []Field
}
type Field struct {
	Offset uintptr
	Type   Tree
}
type Step struct {
	Kind, Register              int
	Offset, Size, StackOffset uintptr
}
type Signature struct {
	Parameters, Results     []Tree
	ParameterSteps, ResultSteps [][]Step
}

var simple = []any{false, int8(0), uint8(0), int16(0), uint16(0), int32(0), uint32(0), int64(0), uint64(0), 0, uint(0), uintptr(0),
	float32(0), float64(0), complex64(0), complex128(0), "", []int(nil), []string(nil), map[int]int(nil), (chan int)(nil), func() {}, unsafe.Pointer(nil), new(int)}

func random(r *rand.Rand, depth int) reflect.Type {
	choice := r.Intn(10)
	if depth == 0 && choice > 6 {
		choice = 0
	}
	switch choice {
	case 7:
		return reflect.ArrayOf([]int{0, 1, 1, 1, 2, 3}[r.Intn(6)], random(r, depth-1))
	case 8, 9:
		fields := make([]reflect.StructField, r.Intn(5))
		for i := range fields {
			fields[i] = reflect.StructField{Name: "F" + strconv.Itoa(i), Type: random(r, depth-1)}
			if r.Intn(6) == 0 {
				fields[i].Name, fields[i].PkgPath = "f" + strconv.Itoa(i), "main"
			}
		}
		return reflect.StructOf(fields)
	case 6:
		if r.Intn(2) == 0 {
			return reflect.TypeOf((*any)(nil)).Elem()
		}
		return reflect.TypeOf((*error)(nil)).Elem()
	}
	return reflect.TypeOf(simple[r.Intn(len(simple))])
}

func tree(t reflect.Type) Tree {
	out := Tree{Name: t.String(), Size: t.Size()}
	switch k := t.Kind(); k {
	case reflect.Bool:
		out.Kind = "bool"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		out.Kind = "int"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		out.Kind = "uint"
	case reflect.Float32, reflect.Float64:
		out.Kind = "float"
	case reflect.Complex64, reflect.Complex128:
		out.Kind = "complex"
	case reflect.Ptr, reflect.UnsafePointer:
		out.Kind = "pointer"
	case reflect.Array:
		elem := tree(t.Elem())
		out.Kind, out.Elem, out.Count = "array", &elem, t.Len()
	case reflect.Struct:
		out.Kind = "struct"
		for i := 0; i < t.NumField(); i++ {
			out.Fields = append(out.Fields, Field{t.Field(i).Offset, tree(t.Field(i).Type)})
		}
	default:
		out.Kind = k.String()
	}
	return out
}

func steps(s sequence) [][]Step {
	out := [][]Step{}
	for i, start := range s.valueStart {
		end := len(s.steps)
		if i+1 < len(s.valueStart) {
			end = s.valueStart[i+1]
		}
		list := []Step{}
		for _, each := range s.steps[start:end] {
			register := each.ireg
			if each.kind == 4 {
				register = each.freg
			}
			list = append(list, Step{each.kind, register, each.offset, each.size, each.stkOff})
		}
		out = append(out, list)
	}
	return out
}

func main() {
	seed, _ := strconv.ParseInt(os.Args[1], 10, 64)
	count, _ := strconv.Atoi(os.Args[2])
	intArgRegs, _ = strconv.Atoi(os.Args[3])
	floatArgRegs, _ = strconv.Atoi(os.Args[4])
	r := rand.New(rand.NewSource(seed))
	all := []Signature{}
	for i := 0; i < count; i++ {
		var in, out []reflect.Type
		for n := r.Intn(8); n > 0; n-- {
			in = append(in, random(r, 3))
		}
		for n := r.Intn(5); n > 0; n-- {
			out = append(out, random(r, 3))
		}
		t := reflect.FuncOf(in, out, false)
		d := newAbiDesc((*[2]unsafe.Pointer)(unsafe.Pointer(&t))[1], nil)
		s := Signature{ParameterSteps: steps(d.call), ResultSteps: steps(d.ret), Parameters: []Tree{}, Results: []Tree{}}
		for _, each := range in {
			s.Parameters = append(s.Parameters, tree(each))
		}
		for _, each := range out {
			s.Results = append(s.Results, tree(each))
		}
		all = append(all, s)
	}
	_ = json.NewEncoder(os.Stdout).Encode(all)
}
`;

interface Tree {
  readonly Kind: string;
  readonly Name: string;
  readonly Size: number;
  readonly Count: number;
  readonly Elem: Tree | null;
  readonly Fields: readonly { readonly Offset: number; readonly Type: Tree }[] | null;
}
interface Step {
  readonly Kind: number;
  readonly Register: number;
  readonly Offset: number;
  readonly Size: number;
  readonly StackOffset: number;
}
interface Signature {
  readonly Parameters: readonly Tree[];
  readonly Results: readonly Tree[];
  readonly ParameterSteps: readonly (readonly Step[])[];
  readonly ResultSteps: readonly (readonly Step[])[];
}

/** reflect's abiStepKind. */
const stepKinds = { stack: 1, integer: 2, pointer: 3, float: 4 } as const;

class Types {
  readonly #types: GoType[] = [];
  readonly resolve = (ref: TypeRef): GoType => this.#types[ref]!;

  type(tree: Tree): GoType {
    const base = { name: tree.Name, size: tree.Size };
    const ref = (inner: Tree): TypeRef => this.#types.push(this.type(inner)) - 1;
    switch (tree.Kind) {
      case 'array':
        return { ...base, kind: 'array', elem: ref(tree.Elem!), count: tree.Count };
      case 'struct': {
        const fields = (tree.Fields ?? []).map((field, i) => ({
          name: `F${i}`,
          offset: field.Offset,
          type: ref(field.Type),
          embedded: false,
        }));
        return { ...base, kind: 'struct', fields };
      }
      case 'slice':
        return { ...base, kind: 'slice', elem: 0 };
      case 'pointer':
        return { ...base, kind: 'pointer', elem: undefined };
      case 'interface':
        return { ...base, kind: 'interface', empty: true };
      default:
        return { ...base, kind: tree.Kind as 'int' };
    }
  }
}

function placesOf(architecture: Architecture, steps: readonly Step[], size: number): Place[] {
  const { integers, floats } = abiRegisters[architecture];
  return steps.flatMap((step): Place[] => {
    const part = { offset: step.Offset, size: step.Size };
    if (step.Kind === stepKinds.stack) {
      return size === 0 ? [] : [{ kind: 'stack', frameOffset: 8 + step.StackOffset, offset: 0, size }];
    }
    if (step.Kind === stepKinds.float) return [{ kind: 'float-register', register: floats[step.Register]!, ...part }];
    return [{ kind: 'register', register: integers[step.Register]!, ...part }];
  });
}

test.each(['amd64', 'arm64'] as const)(
  'random signatures get the places that package reflect gives them: %s',
  async (architecture) => {
    const program = await goFixture({
      source: { 'main.go': oracle, 'empty.s': '', 'go.mod': 'module oracle\n\ngo 1.21\n' },
      flags: ['-ldflags=-checklinkname=0'],
    });
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { integers, floats } = abiRegisters[architecture];
    const { stdout } = await promisify(execFile)(
      program,
      [`${seed}`, '400', `${integers.length}`, `${floats.length}`],
      { maxBuffer: 1 << 28 },
    );
    const signatures = JSON.parse(stdout) as Signature[];
    expect(signatures).toHaveLength(400);
    let registers = 0;
    let stack = 0;
    for (const [i, signature] of signatures.entries()) {
      const types = new Types();
      const parameters = signature.Parameters.map((tree) => types.type(tree));
      const results = signature.Results.map((tree) => types.type(tree));
      const places = assignAbi(architecture, parameters, results, types.resolve, { assembly: false });
      const expected = {
        parameters: signature.ParameterSteps.map((steps, k) => placesOf(architecture, steps, parameters[k]!.size)),
        results: signature.ResultSteps.map((steps, k) => placesOf(architecture, steps, results[k]!.size)),
      };
      const text = `func(${parameters.map((type) => type.name)}) (${results.map((type) => type.name)})`;
      expect(places, `seed ${seed}, signature ${i}: ${text}`).toEqual(expected);
      for (const place of [...places.parameters, ...places.results].flat()) {
        if (place.kind === 'stack') stack++;
        else registers++;
      }
    }
    expect(registers).toBeGreaterThan(1000);
    expect(stack).toBeGreaterThan(100);
  },
  120_000,
);

const int64: GoType = { kind: 'int', name: 'int64', size: 8 };
const int8: GoType = { kind: 'int', name: 'int8', size: 1 };
const none = (): GoType => {
  throw new Error('no types');
};

test('assembly has everything on the stack, results behind the parameters at a word boundary', () => {
  expect(assignAbi('amd64', [int8, int64, int8], [int8], none, { assembly: true })).toEqual({
    parameters: [
      [{ kind: 'stack', frameOffset: 8, offset: 0, size: 1 }],
      [{ kind: 'stack', frameOffset: 16, offset: 0, size: 8 }],
      [{ kind: 'stack', frameOffset: 24, offset: 0, size: 1 }],
    ],
    results: [[{ kind: 'stack', frameOffset: 32, offset: 0, size: 1 }]],
  });
});

test('a value that does not fit leaves its registers to later ones', () => {
  const quarter: GoType = {
    kind: 'struct',
    name: 'struct of four',
    size: 32,
    fields: [0, 8, 16, 24].map((offset) => ({ name: '_', offset, type: 0, embedded: false })),
  };
  const { parameters } = assignAbi('amd64', [quarter, quarter, quarter, int64], [], () => int64, { assembly: false });
  expect(parameters.map((places) => places.map((place) => place.kind === 'register' && place.register))).toEqual([
    [0, 3, 2, 5],
    [4, 8, 9, 10],
    [false],
    [11],
  ]);
});

test('an unknown type, and one that holds itself, are refused', () => {
  const unknown: GoType = { kind: 'unknown', name: 'main.What', size: 8 };
  expect(() => assignAbi('amd64', [int64, unknown], [], none, { assembly: false })).toThrow(UnassignableType);
  const endless: GoType = { kind: 'array', name: 'main.Loop', size: 8, elem: 0, count: 1 };
  expect(() => assignAbi('amd64', [endless], [], () => endless, { assembly: false })).toThrow(UnassignableType);
});
