import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FakeSys, type Struct } from '#sys';
import { attachUprobes } from './attach.ts';
import { AllSitesRefused, TooManySites } from './attachment.ts';
import { loadProgram } from './program.ts';

const trivial = { name: 'p', instructions: new Uint8Array(16), maps: [], type: 'uprobe' } as const;

function offsetsOf(attr: Struct): bigint[] {
  const bytes = attr.target(24)!;
  return [...new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8)];
}

/** A kernel that refuses every link that has one of these offsets among its own. */
function kernelRefusing(refused: readonly number[]): FakeSys {
  const sys = new FakeSys();
  sys.refuse = (call, attr) =>
    call === 'bpf(BPF_LINK_CREATE)' && offsetsOf(attr!).some((offset) => refused.includes(Number(offset)))
      ? 'ENOTSUPP'
      : undefined;
  return sys;
}

const target = (offsets: readonly number[]) => ({
  executable: 9,
  pid: 4711,
  sites: offsets.map((offset, cookie) => ({ offset, cookie })),
});

it('gives the kernel one link with all offsets, their cookies and the pid', () => {
  const sys = new FakeSys();
  using program = loadProgram(sys, trivial, new Map(), { multi: true });
  using attachment = attachUprobes(sys, program, target([0x1000, 0x2000]));
  expect(attachment.attached).toBe(2);
  const links = sys.calls.filter(({ call }) => call === 'bpf(BPF_LINK_CREATE)');
  expect(links).toHaveLength(1);
  const attr = links[0]!.attr!;
  expect(new TextDecoder().decode(attr.target(16))).toBe('/proc/self/fd/9\0');
  expect(offsetsOf(attr)).toEqual([0x1000n, 0x2000n]);
  expect([...attr.target(40)!]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  expect([attr.getU32(0), attr.getU32(8), attr.getU32(48), attr.getU32(56)]).toEqual([program.fd.number, 48, 2, 4711]);
});

it('attaches exactly the sites that are not refused, whichever they are', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 60 }),
      fc.array(fc.nat(200), { maxLength: 12 }),
      (offsets, refused) => {
        const sys = kernelRefusing(refused);
        const program = loadProgram(sys, trivial, new Map(), { multi: true });
        const bad = offsets.filter((offset) => refused.includes(offset));
        if (bad.length === offsets.length) {
          expect(() => attachUprobes(sys, program, target(offsets))).toThrow(AllSitesRefused);
        } else {
          sys.calls.length = 0;
          const attachment = attachUprobes(sys, program, target(offsets));
          expect(attachment.refused.map(({ site }) => site.offset)).toEqual(bad);
          expect(attachment.attached).toBe(offsets.length - bad.length);
          const linked = sys.calls.flatMap(({ attr }) => {
            const inLink = offsetsOf(attr!).map(Number);
            return inLink.some((offset) => refused.includes(offset)) ? [] : inLink;
          });
          expect(linked.sort()).toEqual(offsets.filter((offset) => !refused.includes(offset)).sort());
          attachment.close();
        }
        program.close();
        expect(sys.openDescriptors).toEqual([]);
      },
    ),
  );
});

it('leaves nothing attached when the error has nothing to do with a site', () => {
  const sys = new FakeSys();
  const program = loadProgram(sys, trivial, new Map(), { multi: true });
  let links = 0;
  sys.refuse = (call, attr) => {
    if (call !== 'bpf(BPF_LINK_CREATE)') return undefined;
    if (offsetsOf(attr!).length > 2) return 'ENOTSUPP';
    return ++links > 1 ? 'ESRCH' : undefined;
  };
  expect(() => attachUprobes(sys, program, target([1, 2, 3, 4]))).toThrow(/ESRCH: the process is gone/);
  program.close();
  expect(sys.openDescriptors).toEqual([]);
});

it('does not ask the kernel about every site when it refuses them all alike', () => {
  const sys = kernelRefusing(Array.from({ length: 2_000 }, (_, i) => i));
  const program = loadProgram(sys, trivial, new Map(), { multi: true });
  expect(() => attachUprobes(sys, program, target(Array.from({ length: 2_000 }, (_, i) => i)))).toThrow(/ENOTSUPP/);
  expect(sys.calls.length).toBeLessThan(300);
});

it('uses a perf event and a link with its cookie for each site without uprobe_multi', () => {
  const sys = new FakeSys();
  sys.files.set('/sys/bus/event_source/devices/uprobe/type', '7\n');
  sys.refuse = (call, attr) => (call === 'perf_event_open' && attr!.getU64(64) === 0x20n ? 'ENOTSUPP' : undefined);
  const program = loadProgram(sys, trivial, new Map(), { multi: false });
  const attachment = attachUprobes(sys, program, target([0x10, 0x20, 0x30]));
  expect(attachment.attached).toBe(2);
  expect(attachment.refused.map(({ site }) => site)).toEqual([{ offset: 0x20, cookie: 1 }]);
  const links = sys.calls.filter(({ call }) => call === 'bpf(BPF_LINK_CREATE)').map(({ attr }) => attr!.getU64(16));
  expect(links).toEqual([0n, 2n]);
  attachment.close();
  attachment.close();
  program.close();
  expect(sys.openDescriptors).toEqual([]);
});

it('refuses more perf events than can be taken away in reasonable time', () => {
  const sys = new FakeSys();
  const program = loadProgram(sys, trivial, new Map(), { multi: false });
  const sites = Array.from({ length: 26 }, (_, i) => i);
  expect(() => attachUprobes(sys, program, target(sites))).toThrow(TooManySites);
});
