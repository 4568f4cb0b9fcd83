import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type Address, address } from '#base';
import { bytesSource, openElf } from '#elf';
import { nodeInflate } from '../../testing/binary-file.ts';
import { goFixture } from '../../testing/go-fixtures.ts';
import { abiRegisters, alignmentOf } from './abi.ts';
import { decodeArm64 } from './arm64.ts';
import { receiverOf } from './names.ts';
import { openGoBinary } from './open.ts';
import { openPclntab } from './open-pclntab.ts';
import { flow, type GoFunction, type Place, stackLocation } from './types.ts';

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}
const at = address(0x10000);

test('flow and targets', () => {
  const code = decodeArm64(
    words(
      0x54000049,
      0x97fffffe,
      0x17ffffff,
      0xb40000a0,
      0x3700004a,
      0xd65f03c0,
      0xd61f0360,
      0xd63f0360,
      0xd4200000,
      0,
      0xd503201f,
    ),
    at,
  );
  expect([...code.flow]).toEqual([
    flow.conditional,
    flow.call,
    flow.jump,
    flow.conditional,
    flow.conditional,
    flow.return,
    flow.indirectJump,
    flow.indirectCall,
    flow.other,
    flow.other,
    flow.next,
  ]);
  expect([...code.targets].slice(0, 5)).toEqual([8, -4, 4, 32, 24]);
  expect(decodeArm64(new Uint8Array(6), at)).toMatchObject({ count: 1, invalidAt: 1 });
});

test('words that are loaded as literals are data, whatever they look like', () => {
  // ldr x0, +8; ret; and 8 bytes that look like ret and a jump to the entry.
  const code = decodeArm64(words(0x58000040, 0xd65f03c0, 0xd65f03c0, 0x17fffffd), at);
  expect([...code.flow]).toEqual([flow.next, flow.return, flow.other, flow.other]);
  expect(code.targets.every(Number.isNaN)).toBe(true);
});

describe('effects', () => {
  const sp = 2 ** 31;
  test.each([
    ['ldr x16, [x28, #16]', 0xf9400b90, 2 ** 16, 0, 0],
    ['cmp sp, x16', 0xeb3063ff, 0, 0, 0],
    ['sub x17, sp, #64', 0xd10103f1, 2 ** 17, 0, 0],
    ['sub sp, sp, #64', 0xd10103ff, sp, 0, 0],
    ['str x30, [sp, #-80]!', 0xf81b0ffe, sp, 0, 1],
    ['stp x29, x30, [sp, #-8]', 0xa93ffbfd, 0, 0, 1],
    ['ldp x29, x30, [sp], #16', 0xa8c17bfd, 2 ** 29 + 2 ** 30 + sp, 0, 0],
    ['mov x3, x30', 0xaa1e03e3, 2 ** 3, 0, 0],
    ['fmov d0, d1', 0x1e604020, 1, 1, 0],
    ['ldr d2, [x0]', 0xfd400002, 0, 4, 0],
    ['str d2, [x0]', 0xfd000002, 0, 0, 1],
    ['adrp x27', 0x9000001b, 2 ** 27, 0, 0],
    ['ldadd x0, x1, [x2]', 0xf8200041, 0xffffffff, 0xffffffff, 1],
  ])('%s', (_, word, registers, floats, memory) => {
    const { prefix } = decodeArm64(words(word), at);
    expect([prefix.registers[0], prefix.floats[0], prefix.memory[0]]).toEqual([registers, floats, memory]);
  });

  test("no write that Go's disassembler shows is missed", { timeout: 120_000 }, async () => {
    const path = await goFixture({ source: 'examples/simple-gotracing', env: { GOARCH: 'arm64' } });
    const elf = openElf(bytesSource(readFileSync(path)), { zlib: (bytes) => bytes });
    const tab = openPclntab(elf)!;
    const { stdout } = await promisify(execFile)(
      'go',
      ['tool', 'objdump', '-s', '^(strconv|math|runtime|main)\\.', path],
      {
        maxBuffer: 1 << 28,
      },
    );
    const text = new Map(
      [...stdout.matchAll(/^ {2}\S+\t+(0x[0-9a-f]+)\t+\S+\t+(.*?)\s*$/gm)].map(([, pc, line]) => [Number(pc), line!]),
    );
    let compared = 0;
    for (const pc of [...text.keys()].filter((_, i) => i % 5 === 0)) {
      const line = text.get(pc)!;
      const code = decodeArm64(elf.read(pc as Address, 4), pc as Address);
      const [, mnemonic = '', operands = ''] = /^(\S+)\s*(.*)$/.exec(line)!;
      // Those whose last operand is not a destination, or that write nothing.
      if (/^(CMP|CMN|TST|FCMP|CCMP|FCCMP|CCMN|B|CB|TB|CALL|JMP|RET|ST|PRFM|MSR|SYS|DC|IC|HINT|NOOP|\?)/.test(mnemonic))
        continue;
      const [, kind, number] = /(?:^|, )(R|F|V)(\d+)(?:\.\w+)?$/.exec(operands) ?? [];
      if (kind === undefined || tab.findByPc(pc as Address) < 0) continue;
      const { registers, floats } = code.prefix;
      const mask = kind === 'R' ? registers[0]! : floats[0]!;
      expect((mask >>> Number(number)) & 1, `${line} at 0x${pc.toString(16)}`).toBe(1);
      compared++;
    }
    expect(compared).toBeGreaterThan(2000);
  });
});

/**
 * What the compiler says itself of where arguments are: before a function calls morestack it saves those that are in registers, each to its place in the
 * spill area, and takes them back behind it (cmd/compile/internal/ssagen, "spill"). And location lists, at the entry.
 */
test("places of arguments are those of the compiler's own spill code and location lists", {
  timeout: 120_000,
}, async () => {
  const path = await goFixture({ source: 'examples/simple-gotracing', env: { GOARCH: 'arm64' } });
  const binary = openGoBinary(bytesSource(readFileSync(path)), { inflate: nodeInflate, decode: decodeArm64 });
  const morestacks = new Set(
    ['runtime.morestack', 'runtime.morestack_noctxt'].map((name) => Number(binary.functionNamed(name)!.entry)),
  );
  const wrong: string[] = [];
  const contested: string[] = [];
  let stores = 0;
  for (const fn of binary.functions()) {
    if (fn.assembly) continue;
    const signature = binary.signature(fn);
    if (signature.parameters.some(({ unknown }) => unknown !== undefined)) continue;
    const spilled = spillStores(binary.elf.read(fn.entry, fn.end - fn.entry), fn, morestacks);
    if (spilled.length === 0) continue;
    contested.push(...binary.contested(fn).map((name) => `${fn.name}: ${name}`));
    const area = spillArea(fn, signature, (ref) => binary.type(ref));
    for (const { offset, register, size } of spilled) {
      stores++;
      const part = area.get(offset);
      // A closure of a generic function that is called directly gets the dictionary behind all that is listed.
      if (part === undefined && /\]\.func\d/.test(fn.name) && size === 8) continue;
      if (part?.register !== register || part.size < size)
        wrong.push(`${fn.name}: ${size} bytes of register ${register} at ${offset}(SP), not ${JSON.stringify(part)}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(stores).toBeGreaterThan(3000);
  // Of whole binaries a handful; the convention holds there, as the spill code says.
  expect(contested.length).toBeLessThan(10);
});

type Types = Parameters<typeof alignmentOf>[1];

/** Where the parts of register parameters are spilled: offset from SP at the entry → register and size. */
function spillArea(
  fn: GoFunction,
  signature: ReturnType<ReturnType<typeof openGoBinary>['signature']>,
  resolve: Types,
) {
  const round = (value: number, to = 8) => Math.ceil(value / to) * to;
  const stackEnd = (places: readonly Place[]) =>
    Math.max(0, ...places.map((place) => (place.kind === 'stack' ? place.frameOffset + place.size : 0)));
  const { parameters, results, dictionary } = signature;
  const afterParameters = round(Math.max(8, ...parameters.map(({ places }) => stackEnd(places))));
  const area = new Map<number, { register: number; size: number }>();
  const slots = parameters.map(({ type, places }) => {
    const of = resolve(type);
    return { places, size: of.size, alignment: of.size === 0 ? 1 : alignmentOf(of, resolve) };
  });
  if (dictionary !== undefined) {
    const at = receiverOf(fn.name).receiver === undefined ? 0 : 1;
    slots.splice(at, 0, { places: dictionary, size: 8, alignment: 8 });
  }
  let at = round(Math.max(afterParameters, ...results.map(({ places }) => stackEnd(places))));
  for (const { places, size, alignment } of slots) {
    if (places.length === 0 || places[0]!.kind === 'stack') continue;
    at = round(at, alignment);
    for (const place of places)
      if (place.kind !== 'stack') area.set(at + place.offset, { register: place.register, size: place.size });
    at += size;
  }
  return area;
}

/** Stores to the stack right before the call of morestack. Registers by DWARF number. */
function spillStores(bytes: Uint8Array, fn: GoFunction, morestacks: ReadonlySet<number>) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: { offset: number; register: number; size: number }[] = [];
  for (let at = bytes.length - 4; at > 0; at -= 4) {
    const word = view.getUint32(at, true);
    if (word >>> 26 !== 0x25 || !morestacks.has(fn.entry + at + ((word << 6) >> 4))) continue;
    for (let before = at - 4; before > 0; before -= 4) {
      const store = view.getUint32(before, true);
      // mov x3, lr: what morestack is told.
      if (store === 0xaa1e03e3) continue;
      const parts = storesOf(store);
      if (parts.length === 0) break;
      found.push(...parts);
    }
    break;
  }
  return found;
}

/** Of str, stur and stp with SP as their base (Arm ARM, C4.1.94, loads and stores). */
function storesOf(word: number): { offset: number; register: number; size: number }[] {
  if (((word >>> 5) & 31) !== 31) return [];
  const float = (word >>> 26) & 1;
  const register = (number: number) => number + (float === 1 ? abiRegisters.arm64.firstFloat : 0);
  const first = register(word & 31);
  const top = word >>> 22;
  if ([0x2a4, 0x1b4, 0x0a4, 0x0b4].includes(top)) {
    const size = top === 0x2a4 || top === 0x1b4 ? 8 : 4;
    const offset = ((word << 10) >> 25) * size;
    return [
      { offset, register: first, size },
      { offset: offset + size, register: register((word >>> 10) & 31), size },
    ];
  }
  const size = 1 << (word >>> 30);
  const kind = (word >>> 22) & 0xff;
  if (kind === (float === 1 ? 0xf4 : 0xe4)) return [{ offset: ((word >>> 10) & 0xfff) * size, register: first, size }];
  if (kind === (float === 1 ? 0xf0 : 0xe0) && ((word >>> 10) & 3) === 0)
    return [{ offset: (word << 11) >> 23, register: first, size }];
  return [];
}

test.each([
  ['nop', 0xd503201f, { kind: 'nop' }],
  ['mov x1, x0', 0xaa0003e1, { kind: 'move', writes: [1], from: 0 }],
  ['ldr x1, [sp, #16]', 0xf9400be1, { kind: 'move', writes: [1], from: stackLocation + 16 }],
  ['str x1, [sp, #16]', 0xf9000be1, { kind: 'move', writes: [stackLocation + 16], from: 1 }],
  ['movz x1, #1', 0xd2800021, { kind: 'move', writes: [1] }],
  ['ldr x1, [x2]', 0xf9400041, { kind: 'other', writes: [1] }],
  ['str x1, [x2]', 0xf9000041, { kind: 'effect', writes: [] }],
  ['ldrb w27, [x0] is there to fault', 0x3940001b, { kind: 'effect' }],
  ['cmp x0, x1', 0xeb01001f, { kind: 'other', setsFlags: true }],
  ['csel x0, x1, x2, gt', 0x9a82c020, { kind: 'select', writes: [0], setsFlags: false }],
  ['add x0, x1, #1', 0x91000420, { kind: 'other', writes: [0], setsFlags: false }],
])('role: %s', (_, word, role) => {
  expect(decodeArm64(words(word), at).role(0)).toMatchObject(role);
});
