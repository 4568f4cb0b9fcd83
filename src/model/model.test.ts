import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatUpid, parseUpid, RowBatchBuilder } from '#model';

describe('UPID', () => {
  it('prints as Pixie prints it', () => {
    const upid = { agentId: 3, pid: 0x24_844a, startTicks: 0x8ca_a618n };
    expect(formatUpid(upid)).toBe('00000003-0024-844a-0000-000008caa618');
    expect(parseUpid('00000003-0024-844a-0000-000008caa618')).toEqual(upid);
  });

  it('survives a round trip', () => {
    const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(word, word, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (agentId, pid, startTicks) => {
        expect(parseUpid(formatUpid({ agentId, pid, startTicks }))).toEqual({ agentId, pid, startTicks });
      }),
    );
    for (const bad of ['', '123', '00000003-0024-844a-0000-000008caa61', 'g0000003-0024-844a-0000-000008caa618']) {
      expect(parseUpid(bad)).toBeUndefined();
    }
  });
});

describe('RowBatchBuilder', () => {
  it('keeps every value and every missing one', () => {
    const row = fc.tuple(
      fc.option(fc.boolean()),
      fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      fc.option(fc.double()),
      fc.option(fc.string({ unit: 'binary' })),
      fc.option(fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))),
    );
    fc.assert(
      fc.property(fc.array(row, { maxLength: 100 }), (rows) => {
        const builder = new RowBatchBuilder(['BOOLEAN', 'INT64', 'FLOAT64', 'STRING', 'UINT128']);
        for (const [flag, int, float, text, wide] of rows) {
          flag === null ? builder.column(0).missing() : builder.column(0).boolean(flag);
          int === null ? builder.column(1).missing() : builder.column(1).int(int);
          float === null ? builder.column(2).missing() : builder.column(2).float(float);
          text === null ? builder.column(3).missing() : builder.column(3).text(text);
          wide === null ? builder.column(4).missing() : builder.column(4).uint128(wide[0], wide[1]);
          builder.endRow();
        }
        const batch = builder.finish();
        expect(batch.rows).toBe(rows.length);
        const present = (column: number, i: number) => (batch.columns[column]!.valid?.[i] ?? 1) === 1;
        rows.forEach((values, i) => {
          values.forEach((value, column) => {
            expect(present(column, i)).toBe(value !== null);
          });
          const [flags, ints, floats, texts, wides] = batch.columns;
          if (values[0] !== null && flags!.type === 'BOOLEAN') expect(flags!.values[i]).toBe(values[0] ? 1 : 0);
          if (values[1] !== null && ints!.type === 'INT64') expect(ints!.values[i]).toBe(values[1]);
          if (values[2] !== null && floats!.type === 'FLOAT64') expect(floats!.values[i]).toBe(values[2]);
          if (values[3] !== null && texts!.type === 'STRING') {
            const { offsets, bytes } = texts!.values;
            expect(new TextDecoder().decode(bytes.subarray(offsets[i], offsets[i + 1]))).toBe(values[3]);
          }
          if (values[4] !== null && wides!.type === 'UINT128') {
            expect([wides!.values[2 * i], wides!.values[2 * i + 1]]).toEqual(values[4]);
          }
        });
        expect(builder.finish().rows).toBe(0);
      }),
    );
  });
});
