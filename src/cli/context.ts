import type { Readable, Writable } from 'node:stream';
import { escapeLines } from '#base';
import { Sink } from './output/sink.ts';
import { onHangup } from './trace/hangup.ts';

type Stream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** The world that a command sees; tests hand in their own. */
export interface Context {
  readonly out: Sink;
  /** stdout is a terminal: a person reads. */
  readonly outIsTerminal: boolean;
  /** How wide that terminal is; undefined when stdout is none. */
  readonly outColumns: number | undefined;
  readonly err: Stream;
  readonly input: Readable;
  /** Standard input is a terminal: it ends only when somebody types Ctrl-D. */
  readonly inputIsTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  /** What stood behind `--` on the command line of `px run`. */
  readonly scriptArguments: readonly string[];
  /** Calls `listener` at SIGINT, SIGTERM and SIGHUP instead of dying; returns how to undo that. */
  onInterrupt(listener: (signal: string) => void): () => void;
  /** Calls `listener` once nobody reads standard output any more, noticed at a write or between writes; returns how to undo that. */
  onOutputClosed(listener: () => void): () => void;
}

export function processContext(scriptArguments: readonly string[]): Context {
  const out = new Sink(process.stdout);
  // A closed standard error has nobody to be told of anything.
  process.stderr.on('error', () => {});
  return {
    out,
    outIsTerminal: process.stdout.isTTY === true,
    outColumns: process.stdout.isTTY === true ? process.stdout.columns || undefined : undefined,
    err: process.stderr,
    input: process.stdin,
    inputIsTerminal: process.stdin.isTTY === true,
    env: process.env,
    uid: process.getuid!(),
    scriptArguments,
    onOutputClosed: (listener) => {
      out.onClosed(listener);
      return onHangup(process.stdout.fd, listener);
    },
    onInterrupt(listener) {
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
  };
}

/** A message for the user on standard error; control characters in it are escaped. */
export function tell(context: Context, message: string): void {
  context.err.write(`${escapeLines(message)}\n`);
}
