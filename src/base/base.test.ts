import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ByteReader,
  decodeUtf8,
  EndOfInput,
  excerpt,
  formatDuration,
  NumberTooLarge,
  nearest,
  parseDuration,
} from '#base';

describe('ByteReader', () => {
  it('reads what a DataView wrote', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        (wide, narrow) => {
          const bytes = new Uint8Array(12);
          const view = new DataView(bytes.buffer);
          view.setBigUint64(0, wide, true);
          view.setUint32(8, narrow, true);
          const reader = new ByteReader(bytes);
          expect(reader.u64()).toBe(wide);
          expect(reader.u32()).toBe(narrow);
          expect(() => reader.u8()).toThrow(EndOfInput);
        },
      ),
    );
  });

  it('reads LEB128 of both signs', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const bytes: number[] = [];
        for (let rest = value; ; ) {
          const byte = Number(rest & 0x7fn);
          rest >>= 7n;
          const last = (rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0);
          bytes.push(last ? byte : byte | 0x80);
          if (last) break;
        }
        expect(new ByteReader(Uint8Array.from(bytes)).sleb()).toBe(value);
      }),
    );
    expect(new ByteReader(Uint8Array.of(0xe5, 0x8e, 0x26)).uleb()).toBe(624485);
    expect(() => new ByteReader(new Uint8Array(11).fill(0xff)).uleb()).toThrow(NumberTooLarge);
  });

  it('refuses numbers above 2^53 where a number is wanted', () => {
    expect(() => new ByteReader(new Uint8Array(8).fill(0xff)).u64number()).toThrow(NumberTooLarge);
  });
});

describe('decodeUtf8', () => {
  it('agrees with the platform on any bytes that are UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const bytes = new TextEncoder().encode(text);
        expect(decodeUtf8(bytes)).toBe(new TextDecoder().decode(bytes));
      }),
    );
  });
});

describe('durations', () => {
  it('are parsed whole or not at all', () => {
    expect(parseDuration('1h30m')).toBe(5_400_000_000_000n);
    expect(parseDuration('1.5h')).toBe(5_400_000_000_000n);
    expect(parseDuration('-5m')).toBe(-300_000_000_000n);
    for (const bad of ['', '90', '10minutes', '5m later', '1w', 'm', '5 m']) expect(parseDuration(bad)).toBeUndefined();
  });

  it('survive a round trip through text', () => {
    expect(formatDuration(5_400_000_000_000n)).toBe('1h30m');
    expect(formatDuration(0n)).toBe('0s');
    expect(formatDuration(-1_500_000n)).toBe('-1ms500us');
  });
});

describe('nearest', () => {
  it('finds the name that was meant', () => {
    const names = ['main.computeE', 'main.main', 'runtime.mallocgc', 'net/http.(*Server).Serve'];
    expect(nearest('main.computee', names)).toEqual(['main.computeE']);
    expect(nearest('computeE', names)).toEqual(['main.computeE']);
    expect(nearest('main.compteE', names)[0]).toBe('main.computeE');
    expect(nearest('zzzzzz', names)).toEqual([]);
    expect(nearest('tial', ['tail', 'head'])).toEqual(['tail']);
    expect(nearest('main.(*Stor).Add', ['time.Time.Add', 'main.(*Store).Add'])[0]).toBe('main.(*Store).Add');
  });

  it('does not take the number of a closure for a name', () => {
    const closures = ['sync.init.1', 'runtime.init.1', 'main.main.func1', 'main.serve.func1.1', 'main.serve.func2'];
    expect(nearest('example.org/web/api/v1.(*API).Register.func1.1', closures)).toEqual([]);
    expect(nearest('serve.func1.1', closures)).toEqual(['main.serve.func1.1']);
  });

  it('takes a name for near when so few letters must change, and not when one more must', () => {
    const plain = (a: string, b: string): number => {
      const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
      for (let i = 1; i <= a.length; i++) {
        rows[i] = [i];
        for (let j = 1; j <= b.length; j++) {
          const other = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
          const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
          const turned = swapped ? rows[i - 2]![j - 2]! + 1 : other;
          rows[i]![j] = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, other, turned);
        }
      }
      return rows[a.length]![b.length]!;
    };
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), minLength: 1, maxLength: 24 });
    fc.assert(
      fc.property(word, word, (name, candidate) => {
        const near = plain(name, candidate) <= Math.min(6, Math.max(1, Math.floor(name.length / 3)));
        expect(nearest(name, [candidate])).toEqual(near ? [candidate] : []);
      }),
    );
  });
});

describe('excerpt', () => {
  it('puts the caret under the span', () => {
    expect(excerpt('a = 1\nb = foo\n', { start: 10, end: 13, line: 2, column: 5 })).toBe('b = foo\n    ^^^');
  });

  it('counts wide and joined characters as a terminal shows them', () => {
    const source = "x = '日本e\u0301', foo";
    expect(excerpt(source, { start: 12, end: 15, line: 1, column: 13 })).toBe(`${source}\n${' '.repeat(13)}^^^`);
  });

  it('cuts a long line around the fault', () => {
    const source = `${'a'.repeat(5000)}!${'b'.repeat(5000)}`;
    const [line, caret] = excerpt(source, { start: 5000, end: 5001, line: 1, column: 5001 }).split('\n');
    expect(line).toBe(`…${'a'.repeat(80)}!${'b'.repeat(79)}…`);
    expect(caret).toBe(`${' '.repeat(81)}^`);
    const atEnd = excerpt(source, { start: 10_001, end: 10_002, line: 1, column: 10_002 }).split('\n');
    expect(atEnd[1]!.length).toBe(atEnd[0]!.length + 1);
  });
});
