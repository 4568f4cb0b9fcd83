import { expect, it } from 'vitest';
import { type Compilation, estimateOffset } from '#probe';
import { attachCounting } from './estimate.ts';

/** As many functions, of which the last is called so often a millisecond once it is attached, or another so often at once; each call costs a microsecond. */
async function count(functions: number, perMs: number, burst?: { readonly function: number; readonly calls: number }) {
  const sites = Array.from({ length: functions }, (_, offset) => ({ offset }));
  const program = { kind: 1, sites };
  const plans = sites.map((_, i) => ({ function: `main.f${i}` }));
  const words = new BigUint64Array(estimateOffset(functions, functions) / 8);
  const hot = estimateOffset(functions, 0) / 8 + functions - 1;
  let timer: NodeJS.Timeout | undefined;
  const batches: number[] = [];
  try {
    await attachCounting({
      compilation: { compiled: { programs: [program], plans }, sites } as unknown as Compilation,
      controls: { words },
      costs: sites.map(() => 1000),
      place: (_, attached) => {
        batches.push(attached.length);
        if (burst !== undefined && attached.includes(burst.function))
          words[estimateOffset(functions, 0) / 8 + burst.function]! += BigInt(burst.calls);
        if (!attached.includes(functions - 1)) return;
        let last = performance.now();
        timer = setInterval(() => {
          words[hot]! += BigInt(Math.round((performance.now() - last) * perMs));
          last = performance.now();
        }, 1);
      },
      limited: true,
    });
    return { batches };
  } catch (error) {
    return { batches, message: (error as Error).message };
  } finally {
    clearInterval(timer);
  }
}

it('attaches in growing batches, of which none is attached whole by one call', async () => {
  expect(await count(10_000, 1)).toEqual({
    batches: [32, 128, 512, 1_024, 1_024, ...Array(7).fill(1_024), 7_280 - 7 * 1_024],
  });
});

it('attaches no more once the budget is passed', async () => {
  const { batches, message } = await count(10_000, 0, { function: 1_000, calls: 1_000_000 });
  expect(batches).toEqual([32, 128, 512, 1_024]);
  expect(message).toMatch(/of the first 1696 of 10000 functions, .* Most of it: main\.f1000 /);
});

it('refuses with the numbers, the functions and the way to insist', async () => {
  const { message } = await count(100, 900);
  expect(message).toMatch(
    /not traced, because it would cost too much: \d+ calls a second of 100 functions, counted for \d+ ms, would be \d+ % of one CPU \(budget 5 %\)\. Most of it: main\.f99 \(\d+\/s\); without it it would be 0 %\. .*--no-budget/,
  );
});
