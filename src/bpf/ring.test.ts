import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FakeSys } from '#sys';
import { makeMap } from './map.ts';
import { openRingBuffer } from './ring.ts';

const size = 4096;

function ringOn(sys: FakeSys) {
  const map = makeMap(sys, { name: 'ring', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: size });
  const open = () => {
    const ring = openRingBuffer(sys, map.fd, size);
    return { ring, kernel: sys.ring(map.fd.number) };
  };
  return { map, open };
}

function records(sizes: readonly number[]): Uint8Array[] {
  return sizes.map((length, i) => new Uint8Array(length).map((_, at) => i + at));
}

/** Also right before the low 32 bits of a position change their sign, and before they begin anew. */
const startPosition = fc
  .oneof(fc.bigInt(0n, 1n << 40n), ...[31n, 32n, 33n].map((bit) => fc.bigInt((1n << bit) - 6000n, 1n << bit)))
  .map((start) => start & ~7n);

it('hands over exactly the committed records, in order, over any number of turns and positions', () => {
  fc.assert(
    fc.property(
      startPosition,
      fc.array(
        fc.record({
          sizes: fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 8 }),
          discarded: fc.boolean(),
          limit: fc.integer({ min: 1, max: 9 }),
        }),
        { maxLength: 30 },
      ),
      (start, rounds) => {
        const { map, open } = ringOn(new FakeSys());
        const first = open();
        first.kernel.startAt(start);
        const sys = first.kernel;
        const ring = open().ring;
        const expected: string[] = [];
        const got: string[] = [];
        for (const { sizes, discarded, limit } of rounds) {
          for (const record of records(sizes)) {
            const fits = sys.produce(record, discarded ? 'discarded' : 'committed');
            if (fits && !discarded) expected.push(record.join());
          }
          const count = ring.drain((bytes, view, offset, length) => {
            expect(view.byteLength).toBe(bytes.length);
            got.push(bytes.subarray(offset, offset + length).join());
          }, limit);
          expect(count).toBeLessThanOrEqual(limit);
        }
        ring.drain((bytes, _view, offset, length) => got.push(bytes.subarray(offset, offset + length).join()));
        expect(got).toEqual(expected);
        expect(ring.pending).toBe(0);
        expect(sys.consumerPosition).toBe(sys.producerPosition);
        map.close();
      },
    ),
  );
});

it('stops at a record that is still being written, and goes on when it is committed', () => {
  const { open } = ringOn(new FakeSys());
  const { ring, kernel } = open();
  kernel.produce(Uint8Array.of(1));
  kernel.produce(Uint8Array.of(2), 'busy');
  kernel.produce(Uint8Array.of(3));
  const got: number[] = [];
  const take = () => ring.drain((bytes, _view, offset) => got.push(bytes[offset]!));
  expect(take()).toBe(1);
  expect(take()).toBe(0);
  expect(ring.pending).toBe(32);
  kernel.commit(16n);
  expect(take()).toBe(2);
  expect(got).toEqual([1, 2, 3]);
});

it('gives space back even if the callback throws; the record counts as read', () => {
  const { open } = ringOn(new FakeSys());
  const { ring, kernel } = open();
  for (const byte of [1, 2]) kernel.produce(Uint8Array.of(byte));
  const failing = () => {
    throw new Error('callback');
  };
  expect(() => ring.drain(failing)).toThrow('callback');
  expect(kernel.consumerPosition).toBe(16n);
  const got: number[] = [];
  ring.drain((bytes, _view, offset) => got.push(bytes[offset]!));
  expect(got).toEqual([2]);
});

it('unmaps the first page when the second mapping fails', () => {
  const sys = new FakeSys();
  const { map } = ringOn(sys);
  let mappings = 0;
  sys.refuse = (call) => (call === 'mmap' && ++mappings === 2 ? 'ENOMEM' : undefined);
  expect(() => openRingBuffer(sys, map.fd, size)).toThrow(/mmap: ENOMEM/);
  map.close();
  expect(sys.openDescriptors).toEqual([]);
});

it('is a bug error to drain after close', () => {
  const { open } = ringOn(new FakeSys());
  const { ring } = open();
  ring.close();
  expect(() => ring.drain(() => {})).toThrow(/after close/);
});
