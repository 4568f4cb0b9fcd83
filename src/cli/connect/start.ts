import { spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../version.ts';
import { ensureDirectory, logPath, socketPath } from './directory.ts';
import { AgentDidNotStart } from './errors.ts';
import { probeSocket } from './probe.ts';
import { takeStartLock } from './start-lock.ts';

/** A machine with a sick process on it can be slow: an agent that runs is given time, and told of; so is one that another px starts. */
const limitMs = 60_000;
const slowMs = 3_000;
const pollMs = 10;
const largestLog = 1 << 20;
/** Ours went, for another px was quicker: how long its agent may take to listen. */
const otherLimitMs = 2_000;

/**
 * One malloc arena a thread would keep 20 MB that nobody uses (mallopt(3)). The threads are for closing links, of which each waits for the
 * kernel, all for the same: with libuv's four, probes of a hundred programs are let go of in many waits instead of a few.
 */
const agentEnvironment = { MALLOC_ARENA_MAX: '2', UV_THREADPOOL_SIZE: '32' };

const nodeOptions = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=8', '--expose-gc'];

/** How Node is called: what the single executable has unpacked brings its own, with loader and libraries. */
function runtime(): [string, ...string[]] {
  const own = fileURLToPath(new URL('runtime', packageRoot));
  if (!existsSync(own)) return [process.execPath];
  return [join(own, 'ld.so'), '--library-path', own, join(own, 'node')];
}

/** The agent's program; SONDE_AGENT names another one (tests). */
function agentProgram(env: Readonly<Record<string, string | undefined>>): string {
  return env.SONDE_AGENT || fileURLToPath(new URL('src/agent/main.ts', packageRoot));
}

/**
 * Starts an agent that outlives this process and waits until its socket answers; if another px is starting one, waits for that.
 * `slow` is called when that takes long. @throws AgentDidNotStart with the end of its log
 */
export async function startAgent(
  directory: string,
  env: Readonly<Record<string, string | undefined>>,
  uid: number,
  slow: () => void,
): Promise<void> {
  ensureDirectory(directory, uid);
  const telling = setTimeout(slow, slowMs);
  try {
    const start = performance.now();
    for (;;) {
      const release = takeStartLock(directory);
      try {
        if ((await probeSocket(socketPath(directory))) === 'open') return;
        // Who has started none in all that time is stopped.
        if (release !== undefined || performance.now() - start > limitMs) return await launch(directory, env);
      } finally {
        release?.();
      }
      await sleep(pollMs);
    }
  } finally {
    clearTimeout(telling);
  }
}

/** Agents append to one log; one that has grown too large is begun anew. */
function openLog(path: string): number {
  const large = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > largestLog;
  return openSync(path, large ? 'w' : 'a', 0o600);
}

/** If another agent was quicker after all, ours goes by itself and that one answers. */
async function launch(directory: string, env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const log = openLog(logPath(directory));
  const before = fstatSync(log).size;
  let ended: string | undefined;
  let endedAt = 0;
  try {
    const [program, ...before] = runtime();
    const child = spawn(program, [...before, ...nodeOptions, agentProgram(env), '--dir', directory], {
      detached: true,
      stdio: ['pipe', log, log],
      cwd: '/',
      env: { ...agentEnvironment, ...env } as NodeJS.ProcessEnv,
    });
    // A pipe at its end: 'ignore' would need a /dev/null, which a bare root may not have.
    child.stdin?.destroy();
    child.once('error', (error) => {
      ended = error.message;
      endedAt = performance.now();
    });
    child.once('exit', (status, signal) => {
      ended = signal === null ? `it exited with ${status}` : `it was ended by ${signal}`;
      endedAt = performance.now();
    });
    child.unref();
  } finally {
    closeSync(log);
  }
  const start = performance.now();
  while (performance.now() - start < limitMs) {
    if ((await probeSocket(socketPath(directory))) === 'open') return;
    if (ended !== undefined && performance.now() - endedAt > (ended.endsWith('with 0') ? otherLimitMs : 200)) break;
    await sleep(pollMs);
  }
  throw new AgentDidNotStart(
    ended ?? `no answer within ${limitMs / 1000} s`,
    logPath(directory),
    logTail(directory, before),
  );
}

/** The last lines of the agent's log, from byte `from` on, without stack frames; empty when there are none. */
export function logTail(directory: string, from = 0, lines = 12): string {
  try {
    const bytes = readFileSync(logPath(directory));
    const text = bytes
      .subarray(from <= bytes.length ? from : 0)
      .toString('utf8')
      .trimEnd();
    const told = text.split('\n').filter((line) => !/^\s+at /.test(line));
    return told.slice(-lines).join('\n');
  } catch {
    return '';
  }
}
