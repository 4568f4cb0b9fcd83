import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { bytesSource } from '#elf';
import { nodeInflate } from '../../testing/binary-file.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import type { GoToolchain } from '../../testing/go-toolchain.ts';
import { createX86Decoder, type GoBinary, type IcedX86, openGoBinary, type TypeRef } from './index.ts';
import { StandardTypes } from './standard-types.ts';

const decode = createX86Decoder(createRequire(import.meta.url)('iced-x86') as IcedX86);

async function open(toolchain: GoToolchain, main: string): Promise<GoBinary> {
  const source = { 'main.go': main, 'go.mod': 'module fixture\n\ngo 1.17\n' };
  const file = await goFixture({ source, toolchain, flags: ['-ldflags=-s -w'] });
  return openGoBinary(bytesSource(new Uint8Array(readFileSync(file))), { inflate: nodeInflate, decode });
}

/** Puts all of them into one that reflection may look at. */
const everything = `package main

import (
	"bytes"
	"context"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net"
	"net/http"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type all struct {
	a sync.Mutex
	b sync.RWMutex
	c sync.WaitGroup
	d sync.Once
	e sync.Map
	f atomic.Value
	g time.Time
	h bytes.Buffer
	i strings.Builder
	j time.Duration
	k time.Month
	l time.Weekday
	m fs.FileMode
	n context.CancelFunc
	o context.Context
	p fmt.Stringer
	q sort.Interface
	r sync.Locker
	s hash.Hash
	t fs.FileInfo
	u fs.FS
	v io.Reader
	w io.ReadWriteCloser
	x net.Conn
	y net.Error
	z http.Handler
	A http.ResponseWriter
	B io.WriteCloser
	C net.Listener
	D net.Addr
	E io.ReadCloser
	F io.ReadWriter
	G io.Writer
	H io.Closer
}

func main() { fmt.Println(&all{}) }
`;

/** All that a type is made of; a struct once. */
function text(binary: GoBinary, ref: TypeRef, seen = new Set<string>()): string {
  const type = binary.type(ref);
  const inner = (of: TypeRef) => text(binary, of, seen);
  if (type.kind === 'pointer') return type.elem === undefined ? 'pointer' : `*${inner(type.elem)}`;
  if (type.kind === 'slice') return `[]${inner(type.elem)}`;
  if (type.kind === 'array') return `[${type.count}]${inner(type.elem)}`;
  if (type.kind === 'map') return `map[${inner(type.key)}]${inner(type.elem)}`;
  if (type.kind !== 'struct') return `${type.kind}${type.size}${'empty' in type ? type.empty : ''}`;
  if (seen.has(type.name)) return type.name;
  seen.add(type.name);
  const fields = type.fields.map((field) => `${field.name}@${field.offset} ${inner(field.type)}`);
  return `${type.name}(${type.size}){${fields.join('; ')}}`;
}

test.each(['go1.17.13', 'go1.18.10', 'go1.20.14', 'go1.21.13', 'go1.23.12', 'go1.24.9', 'local', 'go1.27.3'] as const)(
  'types of the standard library are known as their descriptors have them: %s',
  async (toolchain) => {
    const described = await open(toolchain, everything);
    const bare = await open(toolchain, 'package main\n\nfunc main() { println(1) }\n');
    let compared = 0;
    for (const name of StandardTypes.names) {
      const [is, made] = [described.declaredTypes.named(name), bare.declaredTypes.named(name)];
      if (is === undefined) continue;
      compared++;
      expect(made, name).toBeDefined();
      expect(text(bare, made!)).toBe(text(described, is));
    }
    expect(compared).toBeGreaterThan(35);
    const short = bare.declaredTypes.named('atomic.Value');
    expect(bare.type(short!).name).toBe('sync/atomic.Value');
  },
);
