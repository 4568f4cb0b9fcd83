import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseExact } from './exact-json.ts';
import { type GoFixture, goFixture } from './go-fixtures.ts';
import { type RunningProcess, startProcess, temporaryFolder } from './process.ts';

/**
 * The toolchains that a test is run with. How probes are attached does not hang on the compiler: without uprobe_multi the newest (on the machine)
 * stands for all.
 */
export function toolchains<const T extends readonly ['local', ...string[]]>(...all: T): readonly T[number][] {
  return process.env.SONDE_NO_UPROBE_MULTI === '1' ? all.slice(0, 1) : all;
}

/** A running demo server. */
export class DemoServer {
  readonly process: RunningProcess;
  readonly url: string;

  private constructor(process: RunningProcess, port: number) {
    this.process = process;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(fixture: Partial<GoFixture> = {}): Promise<DemoServer> {
    const program = await goFixture({ source: 'examples/simple-gotracing', ...fixture });
    const process = await startProcess(program, { args: ['-port', '0'], ready: /listening on port (\d+)/ });
    const port = Number(/listening on port (\d+)/.exec(process.stderr)![1]);
    return new DemoServer(process, port);
  }

  get pid(): number {
    return this.process.pid;
  }

  async get(path: string): Promise<string> {
    return (await fetch(`${this.url}${path}`)).text();
  }
}

/** What the fixture `calls` says of one call that it made. */
export interface SaidCall {
  readonly function: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly results: Readonly<Record<string, unknown>>;
}

/** The fixture `calls`: makes known calls on command. */
export class CallsProgram {
  readonly process: RunningProcess;
  #seen = 0;

  private constructor(process: RunningProcess) {
    this.process = process;
  }

  /** `name`: the process's name; then it runs from a copy of that name in a temporary folder. */
  static async start(fixture: Partial<GoFixture> = {}, name?: string): Promise<CallsProgram> {
    let program = await goFixture({ source: 'calls', ...fixture });
    if (name !== undefined) {
      const copy = join(temporaryFolder('sonde-calls-'), name);
      copyFileSync(program, copy);
      program = copy;
    }
    return CallsProgram.run(program);
  }

  /** An executable that is the fixture, wherever it lies. */
  static async run(executable: string): Promise<CallsProgram> {
    return new CallsProgram(await startProcess(executable, { ready: /^ready$/m }));
  }

  /** The fixture with priority over what else runs here: what it does in a second must not depend on that. */
  static async urgent(): Promise<CallsProgram> {
    const executable = await goFixture({ source: 'calls' });
    return new CallsProgram(await startProcess('nice', { args: ['-n', '-10', executable], ready: /^ready$/m }));
  }

  /** A process that is the fixture and has said that it is ready. */
  static of(process: RunningProcess): CallsProgram {
    return new CallsProgram(process);
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Sends a command without waiting. */
  send(command: string): void {
    this.process.write(`${command}\n`);
  }

  /** Sends a command, waits until it is done, and gives the lines that it printed. */
  async command(command: string, timeoutMs = 60_000): Promise<string[]> {
    const from = Math.max(this.#seen, this.process.lines.length);
    this.send(command);
    const end = await this.process.until(
      `ok ${command}`,
      () => {
        const at = this.process.lines.indexOf(`ok ${command}`, from);
        return at < 0 ? undefined : at;
      },
      timeoutMs,
    );
    this.#seen = end + 1;
    return this.process.lines.slice(from, end);
  }

  /** Calls main.tick so often, `n` from 0 to `burst` - 1 again and again: in bursts that the ring does not mind. */
  async ticks(count: number, burst = 4_000): Promise<void> {
    for (let n = 0; n < count; n += burst) {
      await this.command(`spin ${burst}`);
      await sleep(80);
    }
  }

  /** As `command`, for commands that say each call. */
  async said(command: string): Promise<SaidCall[]> {
    return (await this.command(command)).map((line) => parseExact(line) as SaidCall);
  }
}
