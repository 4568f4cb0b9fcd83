import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../root.ts';
import { draft, type RandomFunction, type Variant, write } from './functions.ts';
import { Random } from './random.ts';
import { RandomTypes } from './types.ts';

export interface RandomProgram {
  readonly files: Readonly<Record<string, string>>;
  readonly functions: readonly RandomFunction[];
  /** `type T0 struct { … }` */
  readonly declarations: readonly string[];
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
  const random = new Random(seed);
  const types = new RandomTypes(random);
  const drafts = Array.from({ length: count }, () => draft(random, types, generics));
  const chosen: readonly Variant[] =
    variants ??
    drafts.map(({ parameters, results }, index) => ({
      index,
      parameters: parameters.map((_, i) => i),
      results: results.map((_, i) => i),
    }));
  const written = chosen.map((variant, number) => write(drafts[variant.index]!, variant, number));
  const fixture = (file: string) => readFileSync(join(root, 'testing/fixtures/say', file), 'utf8');
  return {
    files: {
      'go.mod': `module fixture\n\ngo 1.${generics ? 18 : 17}\n`,
      'say.go': fixture('say.go'),
      'known.go': fixture('known.go'),
      ...(generics && { 'boxes.go': fixture('boxes.go') }),
      'main.go': `package main

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

${types.declarations.join('\n')}

${written.map((each) => each.source).join('\n')}

func callAll() {
${written.map((each) => each.call).join('\n')}
}
`,
    },
    functions: written.map((each) => each.function),
    declarations: types.declarations,
  };
}
