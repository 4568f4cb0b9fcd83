import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SondeError } from '#base';

export interface StartOptions {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Wait for a line on stdout or stderr that matches; default: do not wait. */
  readonly ready?: RegExp;
  /** Milliseconds to wait for `ready`; default 10,000. */
  readonly timeoutMs?: number;
}

/** How a process ended: exactly one of the two is not null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A started program did not do in time what the test waits for. The message has all its output. */
export class ProcessError extends SondeError {
  readonly code = 'testing.process';
}

const running = new Set<RunningProcess>();

/** A child whose output is kept and which does not outlive us (SIGKILL of ourselves apart). */
export class RunningProcess {
  readonly child: ChildProcess;
  readonly file: string;
  readonly exited: Promise<Exit>;
  stdout = '';
  stderr = '';
  /** Whole lines of stdout so far. */
  readonly lines: string[] = [];
  #rest = '';
  #exit: Exit | undefined;
  #listeners = new Set<() => void>();

  constructor(file: string, options: StartOptions) {
    this.file = file;
    this.child = spawn(file, options.args ?? [], {
      env: options.env ?? process.env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    running.add(this);
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop()!;
      for (const line of lines) this.lines.push(line);
      this.#changed();
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#changed();
    });
    this.child.stdin!.on('error', () => {}); // the child may be gone: its exit says so
    this.exited = new Promise((resolve) => {
      const end = (exit: Exit) => {
        if (this.#exit !== undefined) return;
        this.#exit = exit;
        running.delete(this);
        resolve(exit);
        this.#changed();
      };
      this.child.on('error', (error) => {
        this.stderr += `${error.message}\n`;
        end({ code: 127, signal: null });
      });
      this.child.on('close', (code, signal) => end({ code, signal }));
      // A grandchild may hold the pipes open for as long as it likes: what it says is not waited for.
      this.child.on('exit', (code, signal) => {
        setTimeout(() => {
          this.child.stdout!.destroy();
          this.child.stderr!.destroy();
          end({ code, signal });
        }, 1_000).unref();
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  write(text: string): void {
    this.child.stdin!.write(text);
  }

  endInput(): void {
    this.child.stdin!.end();
  }

  /** Resolves when `condition` gives something, looked at whenever there is output or the process ends. */
  async until<T>(what: string, condition: () => T | undefined | false, timeoutMs = 10_000): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const finish = (act: () => void) => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        act();
      };
      const look = () => {
        const found = condition();
        const exit = this.#exit;
        if (found !== undefined && found !== false) finish(() => resolve(found));
        else if (exit !== undefined) finish(() => reject(this.#error(`ended (${describe(exit)}) before ${what}`)));
      };
      const timer = setTimeout(
        () => finish(() => reject(this.#error(`${what}: not within ${timeoutMs} ms`))),
        timeoutMs,
      );
      this.#listeners.add(look);
      look();
    });
  }

  /** The first match on stdout or stderr. */
  async waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray> {
    return this.until(
      `${pattern}`,
      () => pattern.exec(this.stdout) ?? pattern.exec(this.stderr) ?? undefined,
      timeoutMs,
    );
  }

  /** Sends the signal, then SIGKILL after 5 s; resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    if (this.#exit === undefined) this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #changed(): void {
    for (const look of [...this.#listeners]) look();
  }

  #error(what: string): ProcessError {
    return new ProcessError(`${this.file} ${what}\n--- stdout\n${tail(this.stdout)}\n--- stderr\n${tail(this.stderr)}`);
  }
}

/** Starts a program and waits until it is ready. */
export async function startProcess(file: string, options: StartOptions = {}): Promise<RunningProcess> {
  const started = new RunningProcess(file, options);
  if (options.ready !== undefined) {
    try {
      await started.waitFor(options.ready, options.timeoutMs);
    } catch (error) {
      await started.kill();
      throw error;
    }
  }
  return started;
}

const folders = new Set<string>();

/** A new folder for what is started; `killStarted` or the end of this process removes it. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  folders.add(folder);
  return folder;
}

function removeFolders(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}

/** Ends all that `startProcess` started in this process and is still there, and removes the temporary folders. */
export async function killStarted(): Promise<void> {
  await Promise.all([...running].map((process) => process.kill()));
  removeFolders();
}

function cleanUpNow(): void {
  for (const { child } of running) child.kill('SIGKILL');
  removeFolders();
}

process.on('exit', cleanUpNow);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    cleanUpNow();
    process.kill(process.pid, signal);
  });
}

function describe(exit: Exit): string {
  return exit.signal ?? `exit code ${exit.code}`;
}

function tail(text: string): string {
  return text.length > 4000 ? `…${text.slice(-4000)}` : text;
}
