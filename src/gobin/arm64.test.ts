import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type Address, address } from '#base';
import { bytesSource, openElf } from '#elf';
import { goFixture } from '../../testing/go-fixtures.ts';
import { decodeArm64 } from './arm64.ts';
import { openPclntab } from './open-pclntab.ts';
import { flow } from './types.ts';

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
