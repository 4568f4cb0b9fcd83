import { readFileSync } from 'node:fs';
import { SondeError } from '#base';
import { BadBtf, Btf } from '#bpf';

/** Damaged BTF must give an answer or `BadBtf`, soon: nothing else, and no endless walk through a cycle of types. */
export function run(options: { milliseconds: number; seed?: number }): number {
  const seed = options.seed ?? (Math.random() * 0x1_0000_0000) >>> 0;
  const random = generator(seed);
  const deadline = performance.now() + options.milliseconds;
  const samples = [smallBtf(), ...kernelSlice()];
  let inputs = 0;
  for (; performance.now() < deadline; inputs++) {
    const sample = samples[inputs % samples.length]!.slice();
    for (let i = random(8) + 1; i > 0; i--) damage(sample, random);
    const bytes = random(4) === 0 ? sample.subarray(0, random(sample.length + 1)) : sample;
    const start = performance.now();
    try {
      const btf = new Btf(bytes);
      btf.fieldOffset('task_struct', 'thread.fsbase');
      btf.fieldOffset('task_struct', 'inner');
      btf.structSize('thread_struct');
      btf.enumValue('SOME_VALUE');
    } catch (error) {
      if (!(error instanceof SondeError && error instanceof BadBtf))
        throw new Error(`seed ${seed}, input ${inputs}`, { cause: error });
    }
    const took = performance.now() - start;
    if (took > 1_000) throw new Error(`seed ${seed}, input ${inputs}: took ${Math.round(took)} ms`);
  }
  return inputs;
}

function generator(seed: number): (below: number) => number {
  let state = seed;
  // mulberry32
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function damage(bytes: Uint8Array, random: (below: number) => number): void {
  const at = random(bytes.length);
  const interesting = [0, 1, 0x7f, 0x80, 0xff, random(256)];
  const value = interesting[random(interesting.length)]!;
  // A whole word or one byte: types refer to each other by words.
  if (random(2) === 0) bytes[at] = value;
  else bytes.set([random(32), 0, 0, 0].slice(0, bytes.length - (at & ~3)), at & ~3);
}

/** `struct task_struct { int a; union { const struct thread_struct thread; }; }` and an enum. */
export function smallBtf(): Uint8Array<ArrayBuffer> {
  const strings: string[] = [''];
  let stringsSize = 1;
  const name = (text: string): number => {
    strings.push(text);
    stringsSize += text.length + 1;
    return stringsSize - text.length - 1;
  };
  const info = (kind: number, count: number) => ((kind << 24) | count) >>> 0;
  const words = [
    [name('int'), info(1, 0), 4, 32], // 1
    [name('thread_struct'), info(4, 2), 16, name('sp'), 1, 0, name('fsbase'), 1, 64], // 2
    [0, info(10, 0), 2], // 3 const
    [0, info(5, 1), 16, name('thread'), 3, 0], // 4 anonymous union
    [name('task_struct'), info(4, 3), 32, name('a'), 1, 0, 0, 4, 64, name('inner'), 6, 192], // 5
    [name('inner_t'), info(8, 0), 7], // 6 typedef
    [name('inner_s'), info(4, 1), 8, name('self'), 6, 0], // 7
    [name('values'), info(6, 1), 4, name('SOME_VALUE'), 48], // 8
  ].flat();
  const text = `${strings.join('\0')}\0`;
  const bytes = new Uint8Array(24 + 4 * words.length + text.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, true);
  view.setUint8(2, 1);
  const header = [24, 0, 4 * words.length, 4 * words.length, text.length];
  for (const [i, value] of header.entries()) view.setUint32(4 + 4 * i, value, true);
  for (const [i, value] of words.entries()) view.setUint32(24 + 4 * i, value, true);
  for (let i = 0; i < text.length; i++) bytes[24 + 4 * words.length + i] = text.charCodeAt(i);
  return bytes;
}

/** The first types of this machine's kernel with all its strings cut down; none where there is no BTF. */
function kernelSlice(): Uint8Array[] {
  try {
    const whole = new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux'));
    const view = new DataView(whole.buffer);
    const stringsAt = 24 + view.getUint32(16, true);
    const typesEnd = Math.min(64 * 1024, view.getUint32(12, true));
    const kept = 64 * 1024;
    const slice = new Uint8Array(24 + typesEnd + kept);
    slice.set(whole.subarray(0, 24 + typesEnd));
    slice.set(whole.subarray(stringsAt, stringsAt + kept), 24 + typesEnd);
    const out = new DataView(slice.buffer);
    out.setUint32(12, typesEnd, true);
    out.setUint32(16, typesEnd, true);
    out.setUint32(20, kept, true);
    return [slice];
  } catch {
    return [];
  }
}
