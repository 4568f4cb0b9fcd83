import { expect, it } from 'vitest';
import { Assembler, immediate, r0, r1, r2 } from '#asm';
import { FakeSys, Struct } from '#sys';
import { makeMap, objectName } from './map.ts';
import { loadProgram, VerifierRejected } from './program.ts';

function maps(sys: FakeSys) {
  const value = makeMap(sys, { name: 'values', type: 'array', keySize: 4, valueSize: 24, maxEntries: 1 });
  const ring = makeMap(sys, { name: 'ring', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 4096 });
  return new Map([value, ring].map((map) => [map.spec.name, map]));
}

function program() {
  const asm = new Assembler();
  asm.mov(r0, immediate(0));
  asm.loadMapValue(r2, 'values', 16);
  asm.loadMapFd(r1, 'ring');
  asm.exit();
  return asm.program('patched');
}

it('puts the descriptors of the maps into the instructions, and leaves the blueprint as it was', () => {
  const sys = new FakeSys();
  const made = maps(sys);
  const source = program();
  const before = source.instructions.slice();
  loadProgram(sys, source, made, { multi: true });
  expect(source.instructions).toEqual(before);
  const attr = sys.calls.find(({ call }) => call === 'bpf(BPF_PROG_LOAD)')!.attr!;
  const loaded = attr.target(8)!;
  const view = new DataView(loaded.buffer);
  // BPF_PSEUDO_MAP_VALUE in the source register, the descriptor, the offset in the second half.
  expect([loaded[9], view.getInt32(12, true), view.getInt32(20, true)]).toEqual([
    0x22,
    made.get('values')!.fd.number,
    16,
  ]);
  expect([loaded[25], view.getInt32(28, true), view.getInt32(36, true)]).toEqual([
    0x11,
    made.get('ring')!.fd.number,
    0,
  ]);
  expect(new TextDecoder().decode(attr.target(16))).toBe('Dual MIT/GPL\0');
  expect([attr.getU32(0), attr.getU32(4), attr.getU32(68)]).toEqual([2, loaded.length / 8, 48]);
});

it('loads for perf links without an attach type, and raw tracepoints as such', () => {
  const sys = new FakeSys();
  const loads = () => sys.calls.filter(({ call }) => call === 'bpf(BPF_PROG_LOAD)').map(({ attr }) => attr!);
  loadProgram(sys, program(), maps(sys), { multi: false });
  loadProgram(sys, { ...program(), type: 'raw_tracepoint' }, maps(sys), { multi: true });
  expect(loads().map((attr) => [attr.getU32(0), attr.getU32(68)])).toEqual([
    [2, 0],
    [17, 0],
  ]);
});

it('is a bug error to refer to a map that was not made', () => {
  expect(() => loadProgram(new FakeSys(), program(), new Map(), { multi: true })).toThrow(/values, which was not made/);
});

it('asks again for the log until it fits, and shows its last lines', () => {
  const sys = new FakeSys();
  let wanted = 0;
  sys.refuse = (call, attr) => {
    if (call !== 'bpf(BPF_PROG_LOAD)') return undefined;
    const log = attr!.target(32);
    if (!log) return 'EACCES';
    if (++wanted === 1) return 'ENOSPC';
    const lines = Array.from({ length: 50 }, (_, i) => `${i}: (b7) r0 = ${i}`);
    const text = `${lines.join('\n')}\nR0 !read_ok\nprocessed 51 insns (limit 1000000)\n`;
    log.set(new TextEncoder().encode(text));
    return 'EACCES';
  };
  let thrown: unknown;
  try {
    loadProgram(sys, program(), maps(sys), { multi: true });
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(VerifierRejected);
  const { message, log } = thrown as VerifierRejected;
  expect(message).toMatch(/program patched \(EACCES\)/);
  expect(message).toMatch(/49: \(b7\) r0 = 49\nR0 !read_ok$/);
  expect(message).not.toMatch(/ 10: /);
  expect(log).toMatch(/^0: /);
});

it('passes on what has nothing to do with the program', () => {
  const sys = new FakeSys();
  const made = maps(sys);
  sys.refuse = (call) => (call === 'bpf(BPF_PROG_LOAD)' ? 'EPERM' : undefined);
  expect(() => loadProgram(sys, program(), made, { multi: true })).toThrow(/EPERM: needs CAP_BPF and CAP_PERFMON/);
});

it('tries again when a signal interrupts the verifier', () => {
  const sys = new FakeSys();
  const made = maps(sys);
  let loads = 0;
  sys.refuse = (call) => (call === 'bpf(BPF_PROG_LOAD)' && ++loads < 3 ? 'EAGAIN' : undefined);
  loadProgram(sys, program(), made, { multi: true }).close();
  expect(loads).toBe(3);
});

it('says of a verifier that is interrupted again and again that nothing was refused', () => {
  const sys = new FakeSys();
  const made = maps(sys);
  let loads = 0;
  sys.refuse = (call) => (call === 'bpf(BPF_PROG_LOAD)' && ++loads > 0 ? 'EAGAIN' : undefined);
  expect(() => loadProgram(sys, program(), made, { multi: true })).toThrow(
    'bpf(BPF_PROG_LOAD): EAGAIN: signals (of a profiler?) interrupted the verifier at every try: try again',
  );
  expect(loads).toBe(5);
});

it('makes names that the kernel takes', () => {
  expect(objectName('main.(*T).Get')).toBe('main.__T_.Get');
  expect(objectName('a name that is far too long')).toBe('a_name_that_is_');
});

it('closes the map when its memory cannot be mapped', () => {
  const sys = new FakeSys();
  sys.refuse = (call) => (call === 'mmap' ? 'ENOMEM' : undefined);
  expect(() => maps(sys)).toThrow(/ENOMEM/);
  expect(sys.openDescriptors).toEqual([]);
  expect(new Struct(8).target(0)).toBeUndefined();
});
