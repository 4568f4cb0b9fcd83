import { expect, it } from 'vitest';
import { BadBtf, Btf } from './btf.ts';

/** Words of the type section and the strings, in the order of Documentation/bpf/btf.rst. */
function btf(types: readonly number[], names: readonly string[]): Uint8Array {
  const text = `\0${names.join('\0')}\0`;
  const bytes = new Uint8Array(24 + 4 * types.length + text.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, true);
  const header = [24, 0, 4 * types.length, 4 * types.length, text.length];
  for (const [i, value] of header.entries()) view.setUint32(4 + 4 * i, value, true);
  for (const [i, value] of types.entries()) view.setUint32(24 + 4 * i, value, true);
  for (let i = 0; i < text.length; i++) bytes[24 + 4 * types.length + i] = text.charCodeAt(i);
  return bytes;
}

const names = ['int', 'outer', 'inner', 'x', 'y', 'bits'];
/** Place of a name in the string section. */
const at = (name: string) => 1 + names.slice(0, names.indexOf(name)).reduce((sum, text) => sum + text.length + 1, 0);
const info = (kind: number, count: number, flag = 0) => ((flag << 31) | (kind << 24) | count) >>> 0;

// int; struct inner { int x; int y; }; typedef inner; const typedef;
// union { const inner inner; }; struct outer { int x; union {…}; int bits : 3 (a bit field at bit 128) }
const sample = btf(
  [
    ...[at('int'), info(1, 0), 4, 32],
    ...[at('inner'), info(4, 2), 8, at('x'), 1, 0, at('y'), 1, 32],
    ...[at('inner'), info(8, 0), 2],
    ...[0, info(10, 0), 3],
    ...[0, info(5, 1), 8, at('inner'), 4, 0],
    ...[at('outer'), info(4, 3, 1), 24, at('x'), 1, 0, 0, 5, 64, at('bits'), 1, (3 << 24) | 128],
  ],
  names,
);

it('finds fields by path, through qualifiers, typedefs and anonymous unions', () => {
  const types = new Btf(sample);
  expect(types.typeCount).toBe(6);
  expect(types.fieldOffset('outer', 'x')).toBe(0);
  expect(types.fieldOffset('outer', 'inner')).toBe(8);
  expect(types.fieldOffset('outer', 'inner.y')).toBe(12);
  expect(types.structSize('outer')).toBe(24);
});

it('knows no field that is not there, is a bit field, or lies in something that is no struct', () => {
  const types = new Btf(sample);
  expect(types.fieldOffset('outer', 'y')).toBeUndefined();
  expect(types.fieldOffset('outer', 'bits')).toBeUndefined();
  expect(types.fieldOffset('outer', 'x.y')).toBeUndefined();
  expect(types.fieldOffset('int', 'x')).toBeUndefined();
  expect(types.structSize('nothing')).toBeUndefined();
});

it('says where damaged data ends', () => {
  expect(() => new Btf(sample.slice(0, 20))).toThrow(BadBtf);
  expect(() => new Btf(sample.slice(0, 100))).toThrow(/end behind the data/);
  const unknownKind = sample.slice();
  new DataView(unknownKind.buffer).setUint32(28, info(25, 0), true);
  expect(() => new Btf(unknownKind)).toThrow(/unknown kind 25 at offset 24/);
});

it('does not walk for ever through types that hold each other', () => {
  // A union with an anonymous member of its own type, and a typedef of itself.
  const cyclic = btf([...[at('outer'), info(4, 1), 8, 0, 1, 0], ...[at('inner'), info(8, 0), 2]], names);
  expect(new Btf(cyclic).fieldOffset('outer', 'x')).toBeUndefined();
  // Twenty structs, each with two anonymous members of every one: a walk of all paths would never end.
  const members = Array.from({ length: 20 }, (_, i) => [0, i + 1, 0, 0, i + 1, 0]).flat();
  const dense = btf(Array.from({ length: 20 }, () => [at('outer'), info(4, 40), 8, ...members]).flat(), names);
  expect(new Btf(dense).fieldOffset('outer', 'x')).toBeUndefined();
});
