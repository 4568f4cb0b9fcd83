import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Writable } from 'node:stream';
import { SondeError } from '#base';
import { type Agent, withAgent } from '../connect/agent.ts';
import type { Where } from '../connect/where.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes, UsageError } from '../failure.ts';
import { type Action, type LiveState, newState, pressed, refresh } from '../live/state.ts';
import { TableCollector } from '../live/tables.ts';
import { Terminal } from '../live/terminal.ts';
import { pageOf, screen } from '../live/view.ts';
import { wantsColours } from '../output/look.ts';
import { Sink } from '../output/sink.ts';
import { execute } from '../run/execute.ts';
import { type PreparedScript, prepareScript, scriptSource } from '../run/prepare.ts';

export interface LiveOptions extends Where {
  readonly file?: string;
  /** Nanoseconds between two runs. */
  readonly every: bigint;
}

/** A run that takes longer than this shows what it has so far: it streams. */
const patienceMs = 1_500;

/** `px live`: a script's tables on the whole terminal, run again and again. */
export async function live(context: Context, script: string | undefined, options: LiveOptions): Promise<ExitCode> {
  if (!context.outIsTerminal || !context.inputIsTerminal || (options.file ?? script) === '-') {
    throw new UsageError('px live wants a terminal, for its keys too; `px run --watch` prints again and again');
  }
  const prepared = await prepareScript(context, script, options);
  if (prepared === undefined) return exitCodes.ok;
  // What is to be known of the connection is shown on the screen, while there is one.
  let shown: Live | undefined;
  const write = (text: string, _: unknown, done: () => void) => {
    if (shown === undefined) context.err.write(text);
    else shown.note(text);
    done();
  };
  const err = Object.assign(new Writable({ decodeStrings: false, write }), { isTTY: context.err.isTTY === true });
  const connecting: Context = { ...context, err };
  const work = (agent: Agent) => {
    shown = new Live(context, agent, prepared, script, options);
    return shown.run();
  };
  return withAgent(connecting, work, { where: options });
}

class Live {
  readonly #context: Context;
  readonly #agent: Agent;
  readonly #options: LiveOptions;
  readonly #script: string | undefined;
  readonly #state: LiveState;
  readonly #terminal: Terminal;
  #prepared: PreparedScript;
  /** Where an edited bundled script lies. */
  #copy: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #drawing: NodeJS.Timeout | undefined;
  #ends: () => void = () => {};
  /** Ends the run that is under way. */
  #cancel: () => void = () => {};
  #runs = 0;
  /** Of the run that is under way. */
  #notes: string[] = [];

  constructor(
    context: Context,
    agent: Agent,
    prepared: PreparedScript,
    script: string | undefined,
    options: LiveOptions,
  ) {
    this.#context = context;
    this.#agent = agent;
    this.#prepared = prepared;
    this.#script = script;
    this.#options = options;
    this.#state = newState(prepared.queryName || basename(prepared.name), Number(options.every / 1_000_000n));
    this.#terminal = new Terminal(process.stdin, process.stdout, wantsColours(context), {
      key: (key) => this.#key(key),
      resize: () => this.#draw(),
    });
  }

  note(text: string): void {
    this.#notes.push(text);
    this.#state.notes = this.#notes.join('').replaceAll('\r\x1b[K', '');
    this.#drawSoon();
  }

  async run(): Promise<ExitCode> {
    const ended = new Promise<void>((resolve) => {
      this.#ends = resolve;
    });
    const forget = this.#context.onInterrupt(() => this.#ends());
    const undo = this.#context.onOutputClosed(() => this.#ends());
    // Whatever happens, the user gets the terminal back.
    const restore = () => this.#terminal.leave();
    process.on('exit', restore);
    this.#terminal.enter();
    this.#draw();
    this.#start();
    try {
      await ended;
    } finally {
      this.#runs++;
      this.#cancel();
      clearTimeout(this.#timer);
      clearTimeout(this.#drawing);
      restore();
      process.off('exit', restore);
      forget();
      undo();
      if (this.#copy !== undefined) rmSync(this.#copy, { recursive: true, force: true });
    }
    return exitCodes.ok;
  }

  #key(key: string): void {
    const action = pressed(this.#state, key, pageOf(this.#state, this.#terminal.size));
    if (action !== undefined) this.#act(action);
    if (key === 'p' || key === '+' || key === '-') this.#schedule();
    this.#draw();
  }

  #act(action: Action): void {
    if (action === 'quit') this.#ends();
    else if (action === 'rerun') this.#start();
    else if (action === 'edit') void this.#edit();
    else {
      this.#terminal.leave();
      process.once('SIGCONT', () => {
        this.#terminal.enter();
        this.#draw();
      });
      process.kill(process.pid, 'SIGTSTP');
    }
  }

  /** Runs the script, ending a run that is under way; the next one follows by the timer. */
  #start(): void {
    this.#cancel();
    clearTimeout(this.#timer);
    const id = ++this.#runs;
    const state = this.#state;
    const notes: string[] = [];
    this.#notes = notes;
    const shown = setTimeout(() => {
      streaming = true;
      refresh(state, collector.tables);
      this.#drawSoon();
    }, patienceMs);
    let streaming = false;
    const collector = new TableCollector(() => {
      if (streaming && this.#runs === id) {
        state.refreshed = Date.now();
        refresh(state, collector.tables);
        this.#drawSoon();
      }
    });
    // Nothing is printed; when its reader goes, the run ends, as that of `px run | head` does.
    const nowhere = new Writable({ write: (_, __, done) => done() });
    const out = new Sink(nowhere);
    this.#cancel = () => nowhere.destroy(Object.assign(new Error('the run is over'), { code: 'EPIPE' }));
    const err = new Writable({
      decodeStrings: false,
      write: (text: string, _, done) => {
        if (this.#runs === id) this.note(text);
        done();
      },
    });
    const context: Context = { ...this.#context, out, err };
    const over = (fault: string | undefined) => {
      clearTimeout(shown);
      if (this.#runs !== id) return;
      state.running = false;
      state.fault = fault;
      if (fault === undefined) {
        state.refreshed = Date.now();
        state.notes = notes.join('');
        refresh(state, collector.tables);
      }
      this.#schedule();
      this.#draw();
    };
    state.running = true;
    execute(context, this.#agent, this.#prepared, collector).then(
      () => over(undefined),
      (error: unknown) => over(faultText(error)),
    );
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#state.paused || this.#state.running) return;
    this.#timer = setTimeout(() => this.#start(), this.#state.everyMs);
  }

  #drawSoon(): void {
    this.#drawing ??= setTimeout(() => {
      this.#drawing = undefined;
      this.#draw();
    }, 100);
  }

  #draw(): void {
    this.#terminal.draw(screen(this.#state, this.#terminal.size));
  }

  /** The user's own file is edited in its place, a bundled script as a copy. */
  async #edit(): Promise<void> {
    const file = await this.#editable();
    clearTimeout(this.#timer);
    this.#terminal.leave();
    const [command = 'vi', ...words] = (this.#context.env.VISUAL || this.#context.env.EDITOR || 'vi').split(/\s+/);
    const problem = await new Promise<string | undefined>((resolve) => {
      const editor = spawn(command, [...words, file], { stdio: 'inherit' });
      editor.on('error', (error) => resolve(`cannot start the editor ${command}: ${error.message}; set EDITOR`));
      editor.on('exit', () => resolve(undefined));
    });
    this.#terminal.enter();
    if (problem === undefined) {
      try {
        this.#prepared = (await prepareScript(this.#context, undefined, { file })) ?? this.#prepared;
        this.#start();
      } catch (error) {
        this.#state.fault = faultText(error);
      }
    } else this.#state.fault = problem;
    this.#draw();
  }

  async #editable(): Promise<string> {
    if (this.#prepared.queryName === '') return this.#prepared.name;
    const source = await scriptSource(this.#context, this.#script, this.#options);
    if (this.#copy === undefined) {
      this.#copy = mkdtempSync(join(tmpdir(), 'px-live-'));
      writeFileSync(join(this.#copy, `${basename(source.name)}.pxl`), source.text);
      if (source.vis !== undefined) writeFileSync(join(this.#copy, 'vis.json'), source.vis);
    }
    return join(this.#copy, `${basename(source.name)}.pxl`);
  }
}

function faultText(error: unknown): string {
  if (error instanceof SondeError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
