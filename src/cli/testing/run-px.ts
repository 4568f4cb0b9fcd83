import { Readable, Writable } from 'node:stream';
import type { Context } from '../context.ts';
import { Sink } from '../output/sink.ts';
import { px, splitScriptArguments } from '../px.ts';

export interface PxResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface PxRun {
  readonly result: Promise<PxResult>;
  /** As Ctrl-C does. */
  interrupt(): void;
  /** As a reader that goes away: writes fail from now on, and the lost reader is noticed. */
  closeOutput(): void;
  readonly out: () => string;
  readonly err: () => string;
}

interface PxWorld {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly uid?: number;
  /** Standard error is a terminal. */
  readonly errIsTerminal?: boolean;
}

/** One `px` in this process, its world in memory. */
export function startPx(words: readonly string[], world: PxWorld = {}): PxRun {
  const out: string[] = [];
  const err: string[] = [];
  let closed = false;
  let interrupt: (signal: string) => void = () => {};
  let outputClosed: () => void = () => {};
  const stdout = new Writable({
    decodeStrings: false,
    write(chunk: string, _, done) {
      if (closed) return done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      out.push(chunk);
      done();
    },
  });
  const stderr = new Writable({
    decodeStrings: false,
    write(chunk: string, _, done) {
      err.push(chunk);
      done();
    },
  });
  if (world.errIsTerminal) Object.assign(stderr, { isTTY: true });
  const { own, script } = splitScriptArguments(words);
  const sink = new Sink(stdout);
  const context: Context = {
    out: sink,
    outIsTerminal: false,
    outColumns: undefined,
    err: stderr,
    input: Readable.from([Buffer.from(world.input ?? '')]),
    inputIsTerminal: false,
    env: world.env ?? {},
    uid: world.uid ?? process.getuid!(),
    scriptArguments: script,
    onInterrupt(listener) {
      interrupt = listener;
      return () => {};
    },
    onOutputClosed(listener) {
      outputClosed = listener;
      sink.onClosed(listener);
      return () => {};
    },
  };
  const text = () => out.join('');
  const errors = () => err.join('');
  return {
    result: px(own, context).then((code) => ({ code, out: text(), err: errors() })),
    interrupt: () => interrupt('SIGINT'),
    closeOutput() {
      closed = true;
      outputClosed();
    },
    out: text,
    err: errors,
  };
}

export function runPx(words: readonly string[], world: PxWorld = {}): Promise<PxResult> {
  return startPx(words, world).result;
}
