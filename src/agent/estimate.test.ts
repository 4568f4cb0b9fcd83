import { expect, it } from 'vitest';
import { type Compilation, estimateOffset } from '#probe';
import { attachCounting } from './estimate.ts';

/** As many functions, of which the last is called so often a millisecond once it is attached; each call costs a microsecond. */
async function count(functions: number, perMs: number) {
  const sites = Array.from({ length: functions }, (_, offset) => ({ offset }));
  const program = { kind: 1, sites };
  const plans = sites.map((_, i) => ({ function: `main.f${i}` }));
  const words = new BigUint64Array(estimateOffset(functions, functions) / 8);
  const hot = estimateOffset(functions, 0) / 8 + functions - 1;
  let timer: NodeJS.Timeout | undefined;
  let passed = 0;
  const batches: number[] = [];
  try {
    await attachCounting({
      compilation: { compiled: { programs: [program], plans }, sites } as unknown as Compilation,
      controls: { words },
      costs: sites.map(() => 1000),
      place: (_, attached) => {
        batches.push(attached.length);
        if (!attached.includes(functions - 1)) return;
        let last = performance.now();
        timer = setInterval(() => {
          words[hot]! += BigInt(Math.round((performance.now() - last) * perMs));
          last = performance.now();
          // Five per cent of 400 ms.
          if (passed === 0 && Number(words[hot]) > 20_000) passed = performance.now();
        }, 1);
      },
      limited: true,
    });
    return { batches };
  } catch (error) {
    return { batches, message: (error as Error).message, lateMs: performance.now() - passed };
  } finally {
    clearInterval(timer);
  }
}

it('attaches in growing batches', async () => {
  expect(await count(10_000, 1)).toEqual({ batches: [32, 128, 512, 2_048, 7_280] });
});

it('stops within 100 ms of passing the budget, with the numbers, the functions and the way to insist', async () => {
  const { message, lateMs } = await count(100, 900);
  expect(lateMs).toBeLessThan(100);
  expect(message).toMatch(
    /not traced, because it would cost too much: \d+ calls a second of 100 functions, counted for \d+ ms, would be \d+ % of one CPU \(budget 5 %\)\. Most of it: main\.f99 \(\d+\/s\); without it it would be 0 %\. .*--no-budget/,
  );
});
