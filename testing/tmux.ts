import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program on a terminal of its own, as a user has it: keys go in, the screen's text comes out. */
export class Tmux {
  static #count = 0;
  readonly #socket = `sonde-${process.pid}-${Tmux.#count++}`;

  /** `command` is a shell's; the terminal goes when it ends. */
  constructor(command: string, size: { readonly width: number; readonly height: number }, env: NodeJS.ProcessEnv) {
    const { width, height } = size;
    execFileSync(
      'tmux',
      [
        '-L',
        this.#socket,
        '-f',
        '/dev/null',
        'new-session',
        '-d',
        '-x',
        `${width}`,
        '-y',
        `${height}`,
        command,
        ';',
        'set',
        '-sg',
        'escape-time',
        '0',
      ],
      { env: { ...env, TMUX: undefined, LANG: 'C.UTF-8' } },
    );
  }

  /** Named keys (`Enter`, `Tab`, `Down`) as tmux names them; anything else is typed. */
  keys(...keys: readonly string[]): void {
    this.#tmux('send-keys', ...keys);
  }

  resize(width: number, height: number): void {
    this.#tmux('resize-window', '-x', `${width}`, '-y', `${height}`);
  }

  /** The lines of the screen, without blanks at their ends and empty lines at its end. */
  screen(): string {
    return this.#tmux('capture-pane', '-p')
      .replace(/[ \t]+$/gm, '')
      .trimEnd();
  }

  /** The same with the sequences that colour it. */
  colours(): string {
    return this.#tmux('capture-pane', '-p', '-e').trimEnd();
  }

  /** The screen once it shows `wanted`. @throws with the screen as it is after 20 s */
  async until(wanted: RegExp): Promise<string> {
    const end = Date.now() + 20_000;
    for (;;) {
      const screen = this.screen();
      if (wanted.test(screen)) return screen;
      if (Date.now() > end) throw new Error(`the screen does not show ${wanted}:\n${screen}`);
      await sleep(50);
    }
  }

  stop(): void {
    try {
      this.#tmux('kill-server');
    } catch {
      // It has ended with its last window.
    }
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync('tmux', ['-L', this.#socket, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }
}
