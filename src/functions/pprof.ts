import type { RowFunction } from './row-function.ts';

/** Bytes of a message of Protocol Buffers (protobuf.dev/programming-guides/encoding). */
class Message {
  readonly bytes: number[] = [];

  #varint(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) this.bytes.push(Number(rest & 0x7fn) | 0x80);
    this.bytes.push(Number(rest));
  }

  number(field: number, value: number | bigint): this {
    this.#varint(BigInt(field << 3));
    this.#varint(BigInt(value));
    return this;
  }

  /** A message, a text, or packed numbers. */
  block(field: number, bytes: readonly number[]): this {
    this.#varint(BigInt((field << 3) | 2));
    this.#varint(BigInt(bytes.length));
    for (const byte of bytes) this.bytes.push(byte);
    return this;
  }

  packed(field: number, values: readonly (number | bigint)[]): this {
    const inner = new Message();
    for (const value of values) inner.#varint(BigInt(value));
    return this.block(field, inner.bytes);
  }
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
  const valueType = (type: string, unit: string) =>
    new Message().number(1, stringAt(type)).number(2, stringAt(unit)).bytes;
  stringAt('');
  const whole = new Message().block(1, valueType('samples', 'count')).block(1, valueType('cpu', 'nanoseconds'));

  const functions = new Map<string, number>();
  const locations = new Map<string, number>();
  const described = new Message();
  const locationAt = (text: string): number => {
    const known = locations.get(text);
    if (known !== undefined) return known;
    const { name, file, line } = frameOf(text);
    const key = `${name}\0${file}`;
    let fn = functions.get(key);
    if (fn === undefined) {
      fn = functions.size + 1;
      functions.set(key, fn);
      const named = new Message().number(1, fn).number(2, stringAt(name)).number(3, stringAt(name));
      described.block(5, named.number(4, stringAt(file)).bytes);
    }
    const id = locations.size + 1;
    locations.set(text, id);
    const place = new Message().number(1, fn).number(2, line).bytes;
    described.block(4, new Message().number(1, id).block(4, place).bytes);
    return id;
  };
  for (const [stack, count] of [...counts].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    const sample = new Message().packed(1, framesOf(stack).map(locationAt)).packed(2, [count, count * periodNs]);
    whole.block(2, sample.bytes);
  }
  for (const byte of described.bytes) whole.bytes.push(byte);
  const period = valueType('cpu', 'nanoseconds');
  for (const text of strings.keys()) whole.block(6, utf8(text));
  return base64(whole.block(11, period).number(12, periodNs).bytes);
}

function utf8(text: string): number[] {
  const escaped = encodeURIComponent(text.toWellFormed());
  return [...escaped.matchAll(/%(..)|./g)].map(([character, hex]) =>
    hex === undefined ? character.charCodeAt(0) : Number.parseInt(hex, 16),
  );
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function base64(bytes: readonly number[]): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.slice(at, at + 3);
    const all = (a << 16) | (b << 8) | c;
    const group = [18, 12, 6, 0].map((shift) => digits[(all >> shift) & 63]!).join('');
    text += at + 3 <= bytes.length ? group : group.slice(0, bytes.length - at + 1).padEnd(4, '=');
  }
  return text;
}

export const profiles: readonly RowFunction[] = [
  { name: '_pprof', parameters: ['text'], result: 'text', call: profile },
];
