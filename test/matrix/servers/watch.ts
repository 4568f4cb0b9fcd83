import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killStarted, type RunningProcess } from '../../../testing/process.ts';
import { PxEnvironment, parseRows, type TracedCall } from '../../../testing/px.ts';
import type { Load } from './load.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a call shows is looked into as it comes
export type Any = any;

/** A function of a server, and what its calls must show. */
export interface Watched {
  readonly function: string;
  /** Of `px trace`. */
  readonly flags?: readonly string[] | (() => Promise<readonly string[]>);
  /** Throws where a call is not what the client sent. False: it is of no request of the load's. */
  check(call: TracedCall): unknown;
  /** What cannot be captured of it, and why: path to reason. */
  readonly lacks?: Readonly<Record<string, RegExp>>;
}

export interface Served {
  readonly server: RunningProcess;
  readonly load: Load;
  /** Undefined: nothing in what the server said is a fault. */
  readonly faults?: RegExp;
}

/** Calls that are held against what was sent, of each function. */
const wanted = 20;

/** Of a value as large as a server there is always more than is asked for; what is secret is not shown. */
const explained =
  /^not captured: (?:deeper than \d+ references?|.*\(limit [a-z ]+ \d+: |redacted|debug info does not tell what it has captured|of \S+ it is not followed)/;

function isExplained(note: string): boolean {
  return !note.startsWith('not captured') || explained.test(note);
}

/** Traces each function while the server works, and holds each call against what the client sent. */
export function watch(name: string, start: () => Promise<Served>, functions: readonly Watched[]): void {
  describe(name, () => {
    const sonde = new PxEnvironment();
    let served: Served;

    beforeAll(async () => {
      served = await start();
      served.load.start(2);
    }, 1_200_000);

    afterAll(async () => {
      await served?.load.stop();
      await sonde.dispose();
      await killStarted();
    }, 60_000);

    for (const { function: place, flags = [], check, lacks = {} } of functions) {
      it(place, async () => {
        const more = typeof flags === 'function' ? await flags() : flags;
        const limits = ['--first', String(wanted), '--count', String(wanted), '--for', '1m', '--no-budget'];
        const args = ['trace', String(served.server.pid), place, '-o', 'json', ...limits, ...more];
        const { stdout, stderr } = await sonde.ok(args, { timeoutMs: 300_000 });
        const calls = parseRows<TracedCall>(stdout);
        const held = calls.filter((call) => {
          try {
            const ours = check(call) !== false;
            for (const [path, note] of Object.entries(call.notes ?? {})) {
              if (isExplained(note)) continue;
              expect(note, path).toMatch(lacks[path] ?? /^captured$/);
            }
            return ours;
          } catch (error) {
            (error as Error).message += `\nin ${shown(call)}`;
            throw error;
          }
        });
        expect(held.length, `calls of the load among ${calls.length}; ${stderr}`).toBeGreaterThan(0);
        expect(served.load.faults).toEqual([]);
      });
    }

    it('the server has answered every request rightly, and lives', async () => {
      await served.load.stop();
      expect(served.load.faults).toEqual([]);
      expect(served.load.sent).toBeGreaterThan(100);
      expect(served.server.exit).toBeUndefined();
      expect(`${served.server.stdout}${served.server.stderr}`).not.toMatch(served.faults ?? /panic:|fatal error:/);
    });
  });
}

function shown(call: TracedCall): string {
  return JSON.stringify(call, (_, value) => (typeof value === 'bigint' ? `${value}` : value)).slice(0, 6000);
}
