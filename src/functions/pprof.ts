import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { RowFunction } from './row-function.ts';

function number(writer: BinaryWriter, field: number, value: number | bigint): void {
  writer.tag(field, WireType.Varint).int64(value);
}

/** A message or packed numbers within a message. */
function block(writer: BinaryWriter, field: number, write: (inner: BinaryWriter) => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
}

/** A frame as pprof has it: `main.pay /src/shop.go:52` has its place behind its name. */
interface Frame {
  readonly name: string;
  readonly file: string;
  readonly line: number;
}

function frameOf(text: string): Frame {
  const [, name, file, line] = /^(\S+) (.+):(\d+)$/s.exec(text) ?? [];
  return name === undefined ? { name: text, file: '', line: 0 } : { name, file: file!, line: Number(line) };
}

/** Frames, the innermost first: a JSON array as pxtrace.Stack() has it, or `main;foo;bar` as Pixie's profiler. */
function framesOf(stack: string): readonly string[] {
  if (!stack.startsWith('[')) return stack.split(';').reverse();
  const frames: unknown = parsed(stack);
  return Array.isArray(frames) ? frames.map(String) : [stack];
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/**
 * A profile (github.com/google/pprof/proto/profile.proto) of rows `[stack, count, period in ms]`, as Pixie's pprof.cc makes it, in base64: its
 * values are the counts and the time that they stand for. Equal rows in another order give the same profile.
 */
function profile(rows: string): string {
  const counts = new Map<string, bigint>();
  const periods = new Set<number>();
  for (const text of (parsed(rows) as readonly unknown[] | undefined) ?? []) {
    const row = parsed(String(text));
    if (!Array.isArray(row) || row.length !== 3) continue;
    const [stack, count, period] = row as [string, number, number];
    counts.set(stack, (counts.get(stack) ?? 0n) + BigInt(count));
    periods.add(period);
  }
  if (periods.size > 1) return 'multiple profiling periods found';
  const periodNs = BigInt([...periods][0] ?? 0) * 1_000_000n;

  const strings = new Map<string, number>();
  const stringAt = (text: string): number => {
    const at = strings.get(text) ?? strings.size;
    strings.set(text, at);
    return at;
  };
  const valueType = (type: string, unit: string) => (inner: BinaryWriter) => {
    number(inner, 1, stringAt(type));
    number(inner, 2, stringAt(unit));
  };
  stringAt('');
  const whole = new BinaryWriter();
  block(whole, 1, valueType('samples', 'count'));
  block(whole, 1, valueType('cpu', 'nanoseconds'));

  /** Functions and locations, which stand behind the samples. */
  const described = new BinaryWriter();
  const functions = new Map<string, number>();
  const locations = new Map<string, number>();
  const functionAt = ({ name, file }: Frame): number => {
    const key = `${name}\0${file}`;
    const known = functions.get(key);
    if (known !== undefined) return known;
    const id = functions.size + 1;
    functions.set(key, id);
    block(described, 5, (inner) => {
      number(inner, 1, id);
      number(inner, 2, stringAt(name));
      number(inner, 3, stringAt(name));
      number(inner, 4, stringAt(file));
    });
    return id;
  };
  const locationAt = (text: string): number => {
    const known = locations.get(text);
    if (known !== undefined) return known;
    const frame = frameOf(text);
    const fn = functionAt(frame);
    const id = locations.size + 1;
    locations.set(text, id);
    block(described, 4, (inner) => {
      number(inner, 1, id);
      block(inner, 4, (line) => {
        number(line, 1, fn);
        number(line, 2, frame.line);
      });
    });
    return id;
  };
  for (const [stack, count] of [...counts].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    const frames = framesOf(stack).map(locationAt);
    block(whole, 2, (sample) => {
      block(sample, 1, (packed) => frames.forEach((id) => void packed.int64(id)));
      block(sample, 2, (packed) =>
        [count, count * periodNs].forEach((value) => void packed.int64(BigInt.asIntN(64, value))),
      );
    });
  }
  whole.raw(described.finish());
  for (const text of strings.keys()) whole.tag(6, WireType.LengthDelimited).string(text.toWellFormed());
  block(whole, 11, valueType('cpu', 'nanoseconds'));
  number(whole, 12, periodNs);
  return whole.finish().toBase64();
}

export const profiles: readonly RowFunction[] = [
  { name: '_pprof', parameters: ['text'], result: 'text', call: profile },
];
