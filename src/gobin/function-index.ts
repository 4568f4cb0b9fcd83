import { ByteReader, encodeUtf8, SondeError } from '#base';
import { type FunctionTable, hashBytes, type UnitHeader } from '#dwarf';
import type { InflatePoints } from '#elf';
import { lastComponent } from './names.ts';
import type { RuntimeOffsets } from './types.ts';

/**
 * What was learnt of a binary by reading all of its debug info, small enough to be kept (about 3 % of the binary): with it
 * a function is found by reading only the parts in which it and its types lie. Names are hashes: who finds one reads the
 * name itself and compares.
 */
export interface FunctionIndex {
  /** Build id and size of the binary: an index of another one is not used. */
  readonly identity: string;
  readonly runtime: RuntimeOffsets;
  readonly points: InflatePoints;
  readonly units: readonly UnitHeader[];
  /** By function with code: offset of its DIE, entry address less `base`, bytes of code, hashes of its name and of its last component. */
  readonly base: number;
  readonly dies: Uint32Array;
  readonly entries: Uint32Array;
  readonly sizes: Uint32Array;
  readonly names: Uint32Array;
  readonly tails: Uint32Array;
  /** By abstract subprogram: DIE, hashes, inlined copies. */
  readonly abstractDies: Uint32Array;
  readonly abstractNames: Uint32Array;
  readonly abstractTails: Uint32Array;
  readonly copies: Uint32Array;
}

const magic = 0x33584453; // "SDX3"

/** The hash by which the index knows a name. */
export const hashName = (name: string): number => hashBytes(encodeUtf8(name));

/** The hash of a name's last component. */
export const hashTail = (name: string): number => hashName(lastComponent(name));

export function buildIndex(
  identity: string,
  runtime: RuntimeOffsets,
  points: InflatePoints,
  units: readonly UnitHeader[],
  table: FunctionTable,
): FunctionIndex {
  const base = table.low.reduce((least, low) => Math.min(least, low), Number.MAX_SAFE_INTEGER);
  const tails = new Uint32Array(table.count);
  for (let i = 0; i < table.count; i++) tails[i] = hashTail(table.name(i));
  const copiesByDie = new Map<number, number>();
  for (const origin of table.inlined) copiesByDie.set(origin, (copiesByDie.get(origin) ?? 0) + 1);
  const abstractDies = table.abstractDie;
  return {
    identity,
    runtime,
    points,
    units,
    base: table.count === 0 ? 0 : base,
    dies: table.die,
    entries: Uint32Array.from(table.low, (low) => low - base),
    sizes: table.size,
    names: table.hash,
    tails,
    abstractDies,
    abstractNames: table.abstractHash,
    abstractTails: abstractDies.map((_, i) => hashTail(table.abstractName(i))),
    copies: abstractDies.map((die) => copiesByDie.get(die) ?? 0),
  };
}

/** Arrays in the order in which they are stored; those of 8-byte numbers first, so that each is aligned. */
const unitFields = ['offset', 'end', 'abbrevOffset', 'root'] as const;
const functionFields = ['dies', 'entries', 'sizes', 'names', 'tails'] as const;
const abstractFields = ['abstractDies', 'abstractNames', 'abstractTails', 'copies'] as const;

/** One buffer: a header of counts, JSON of the small things, then the arrays (little-endian). */
export function writeIndex(index: FunctionIndex): Uint8Array {
  const { points, units } = index;
  const json = JSON.stringify({
    identity: index.identity,
    runtime: index.runtime,
    base: index.base,
    infoSize: points.size,
  });
  const text = Uint8Array.from(json, (character) => character.charCodeAt(0));
  const counts = [points.outputs.length, units.length, index.dies.length, index.abstractDies.length, text.length];
  const arrays: (Float64Array | Uint32Array | Uint8Array)[] = [
    points.bits,
    points.outputs,
    ...unitFields.map((field) => Uint32Array.from(units, (unit) => unit[field])),
    Uint32Array.from(units, (unit) => unit.version * 256 + unit.offsetSize),
    ...functionFields.map((field) => index[field]),
    ...abstractFields.map((field) => index[field]),
    text,
    points.windows,
  ];
  const bytes = new Uint8Array(24 + arrays.reduce((sum, array) => sum + array.byteLength, 0));
  const view = new DataView(bytes.buffer);
  for (const [i, value] of [magic, ...counts].entries()) view.setUint32(4 * i, value, true);
  let at = 24;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += array.byteLength;
  }
  return bytes;
}

/** Undefined for bytes that are no index (of another version, cut, broken): the binary is then read without. */
export function readIndex(given: Uint8Array): FunctionIndex | undefined {
  // A copy only where the numbers would not be aligned.
  const bytes = given.byteOffset % 8 === 0 ? given : new Uint8Array(given);
  try {
    const reader = new ByteReader(bytes);
    if (reader.u32() !== magic) return undefined;
    const [pointCount, unitCount, functionCount, abstractCount, textSize] = [0, 0, 0, 0, 0].map(() => reader.u32()) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const words = (count: number): Uint32Array => {
      const part = reader.take(4 * count);
      return new Uint32Array(part.buffer, part.byteOffset, count);
    };
    const wide = reader.take(8 * pointCount);
    const bits = new Float64Array(wide.buffer, wide.byteOffset, pointCount);
    const outputs = words(pointCount);
    const [offset, end, abbrevOffset, root, kind] = [0, 0, 0, 0, 0].map(() => words(unitCount)) as Uint32Array[];
    const [dies, entries, sizes, names, tails] = functionFields.map(() => words(functionCount)) as Uint32Array[];
    const [abstractDies, abstractNames, abstractTails, copies] = abstractFields.map(() =>
      words(abstractCount),
    ) as Uint32Array[];
    const text = JSON.parse(String.fromCharCode(...reader.take(textSize))) as {
      identity: string;
      runtime: RuntimeOffsets;
      base: number;
      infoSize: number;
    };
    const windows = reader.take(32_768 * pointCount);
    if (reader.remaining !== 0 || outputs[0] !== 0 || outputs.some((at, i) => i > 0 && at <= outputs[i - 1]!))
      return undefined;
    const units = Array.from(
      offset!,
      (at, i): UnitHeader => ({
        offset: at,
        end: end![i]!,
        abbrevOffset: abbrevOffset![i]!,
        root: root![i]!,
        version: kind![i]! >> 8,
        offsetSize: kind![i]! & 255,
      }),
    );
    const points = { size: text.infoSize, outputs, bits, windows };
    const functions = { dies: dies!, entries: entries!, sizes: sizes!, names: names!, tails: tails! };
    const abstract = {
      abstractDies: abstractDies!,
      abstractNames: abstractNames!,
      abstractTails: abstractTails!,
      copies: copies!,
    };
    return {
      identity: text.identity,
      runtime: text.runtime,
      base: text.base,
      points,
      units,
      ...functions,
      ...abstract,
    };
  } catch (error) {
    if (error instanceof SondeError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
