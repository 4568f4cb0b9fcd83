import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseExact } from './exact-json.ts';
import { ProcessError, RunningProcess, startProcess } from './process.ts';
import { root } from './root.ts';

export interface PxResult {
  /** 128 + signal number is not computed: -1 for a signal. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
}

export interface PxOptions {
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Default 60,000; then it is killed and the call fails. */
  readonly timeoutMs?: number;
}

/** `./px` with a folder (socket, rows, log, caches) and thus an agent of its own. */
export class PxEnvironment {
  readonly px: string;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;

  /** `px`: another executable than the tree's. */
  constructor(env: NodeJS.ProcessEnv = {}, px = join(root, 'px')) {
    this.px = px;
    this.folder = mkdtempSync(join(tmpdir(), 'sonde-test-'));
    this.env = { ...process.env, TZ: 'UTC', NO_COLOR: '1', ...env, SONDE_DIR: this.folder };
  }

  /** Runs a command to its end. Never throws for its exit code: that is in the result. */
  async run(args: readonly string[], options: PxOptions = {}): Promise<PxResult> {
    const began = performance.now();
    const process = this.#spawn(args, options);
    if (options.input !== undefined) process.write(options.input);
    process.endInput();
    const limit = options.timeoutMs ?? 60_000;
    const end = await Promise.race([process.exited, sleep(limit, undefined, { ref: false })]);
    if (end === undefined) {
      await process.kill();
      throw new ProcessError(
        `px ${args.join(' ')}: not done within ${limit} ms\n--- stdout\n${process.stdout}\n--- stderr\n${process.stderr}\n--- agent's log\n${this.agentLog()}`,
      );
    }
    return {
      code: end.code ?? -1,
      stdout: process.stdout,
      stderr: process.stderr,
      milliseconds: performance.now() - began,
    };
  }

  /** As `run`, but a non-zero exit code is an error with all output. */
  async ok(args: readonly string[], options: PxOptions = {}): Promise<PxResult> {
    const result = await this.run(args, options);
    if (result.code !== 0) {
      throw new ProcessError(
        `px ${args.join(' ')}: exit code ${result.code}\n--- stdout\n${result.stdout}\n--- stderr\n${result.stderr}\n--- agent's log\n${this.agentLog()}`,
      );
    }
    return result;
  }

  /** Rows of a command that prints one JSON object a line (`-o json` is added). */
  async rows<T = Record<string, unknown>>(args: readonly string[], options: PxOptions = {}): Promise<T[]> {
    const at = args.indexOf('--');
    const json = at < 0 ? [...args, '-o', 'json'] : [...args.slice(0, at), '-o', 'json', ...args.slice(at)];
    return parseRows<T>((await this.ok(json, options)).stdout);
  }

  /** The UPID of a Go process. */
  async upid(pid: number): Promise<string> {
    const found = (await this.rows<{ pid: number; upid: string }>(['ps'])).find((process) => process.pid === pid);
    if (found === undefined) throw new ProcessError(`px ps does not list process ${pid}`);
    return found.upid;
  }

  /** A command that goes on, such as `px trace`; `ready` as in startProcess. */
  async start(args: readonly string[], options: PxOptions & { readonly ready?: RegExp } = {}): Promise<RunningProcess> {
    return startProcess(this.px, {
      args,
      env: { ...this.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.ready === undefined ? {} : { ready: options.ready }),
      timeoutMs: options.timeoutMs ?? 60_000,
    });
  }

  /** `px trace … -o json`, resolved once its probe is in place. */
  async trace(target: string | number, fn: string, extra: readonly string[] = []): Promise<Trace> {
    return new Trace(await this.start(['trace', String(target), fn, '-o', 'json', ...extra], { ready: /armed/ }));
  }

  /** Pids of all processes that run with this folder: the agent, and any px. */
  processes(): number[] {
    const mark = Buffer.from(`SONDE_DIR=${this.folder}\0`);
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/environ`).includes(mark);
        } catch {
          return false;
        }
      });
  }

  /** The agent's pid as it says itself; undefined when none runs. */
  async agentPid(): Promise<number | undefined> {
    const result = await this.run(['agent', 'status', '-o', 'json']);
    const pid = /"pid"\s*:\s*"?(\d+)/.exec(result.stdout)?.[1];
    return pid === undefined ? undefined : Number(pid);
  }

  agentLog(): string {
    const log = readdirSync(this.folder).find((name) => name.endsWith('.log'));
    return log === undefined ? '(none)' : readFileSync(join(this.folder, log), 'utf8').slice(-4000);
  }

  /** Stops the agent, kills what is left of it, removes the folder. */
  async dispose(): Promise<void> {
    if (existsSync(this.folder) && this.processes().length > 0) {
      await this.run(['agent', 'stop'], { timeoutMs: 10_000 }).catch(() => {});
      for (let tries = 0; tries < 20 && this.processes().length > 0; tries++) await sleep(100);
    }
    for (const pid of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // gone meanwhile
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  #spawn(args: readonly string[], options: PxOptions): RunningProcess {
    return new RunningProcess(this.px, {
      args,
      env: { ...this.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
  }
}

/** One line of `px trace -o json`. */
export interface TracedCall {
  readonly time: string;
  readonly upid: string;
  readonly goid?: number;
  readonly function: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly results?: Readonly<Record<string, unknown>>;
  readonly latency_ns?: number;
  readonly outcome: string;
  readonly notes?: Readonly<Record<string, string>>;
}

/** A running `px trace -o json`. */
export class Trace {
  readonly process: RunningProcess;

  constructor(process: RunningProcess) {
    this.process = process;
  }

  get calls(): TracedCall[] {
    return this.process.lines.map((line) => parseExact(line) as TracedCall);
  }

  /** Resolves with the calls once there are so many. */
  async atLeast(count: number, timeoutMs = 60_000): Promise<TracedCall[]> {
    return this.process.until(`${count} calls`, () => this.process.lines.length >= count && this.calls, timeoutMs);
  }

  /** Ctrl-C, then all calls, and what stderr said of counts. */
  async stop(): Promise<{ calls: TracedCall[]; code: number | null; stderr: string }> {
    const exit = await this.process.kill('SIGINT');
    return { calls: this.calls, code: exit.code, stderr: this.process.stderr };
  }

  /** As it ends by itself (`--count`, `--for`). */
  async ended(): Promise<{ calls: TracedCall[]; code: number | null; stderr: string }> {
    const exit = await this.process.exited;
    return { calls: this.calls, code: exit.code, stderr: this.process.stderr };
  }
}

export function parseRows<T = Record<string, unknown>>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseExact(line) as T);
}
