import { cutToWidth, displayWidth } from '../format/width.ts';
import type { Look } from '../output/look.ts';
import { keysOf } from './keys.ts';

interface Input {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  off(event: 'data', listener: (bytes: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

interface Output {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A piece of a line with one look. */
export interface Span {
  readonly text: string;
  readonly style?: Style;
}
export type Style = Look | 'chosen' | 'heat1' | 'heat2' | 'heat3' | 'heat4';
export type Line = readonly Span[];

const plain: Readonly<Record<Style, string>> = {
  title: '1',
  chosen: '7',
  dim: '2',
  warn: '',
  bad: '1',
  heat1: '',
  heat2: '',
  heat3: '',
  heat4: '',
};
const coloured: Readonly<Record<Style, string>> = {
  ...plain,
  warn: '33',
  bad: '31',
  heat1: '34',
  heat2: '36',
  heat3: '33',
  heat4: '31',
};

/**
 * The whole screen of a terminal, in raw mode: keys come in, frames of lines go out, and only lines that have changed are written. What was on the
 * screen before comes back at `leave`. Frames are cheap by this, so nothing else decides what is to be drawn.
 */
export class Terminal {
  readonly #input: Input;
  readonly #output: Output;
  readonly #styles: Readonly<Record<Style, string>>;
  readonly #onKey: (key: string) => void;
  readonly #onResize: () => void;
  #shown: string[] = [];
  #entered = false;

  constructor(
    input: Input,
    output: Output,
    colours: boolean,
    listeners: { readonly key: (key: string) => void; readonly resize: () => void },
  ) {
    this.#input = input;
    this.#output = output;
    this.#styles = colours ? coloured : plain;
    this.#onKey = listeners.key;
    this.#onResize = listeners.resize;
  }

  get size(): Size {
    return { width: this.#output.columns ?? 80, height: this.#output.rows ?? 24 };
  }

  enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    this.#shown = [];
    this.#input.setRawMode?.(true);
    this.#input.on('data', this.#data);
    this.#input.resume();
    this.#output.on('resize', this.#resized);
    // Alternate screen, no cursor (xterm control sequences: DECSET 1049, 25).
    this.#output.write('\x1b[?1049h\x1b[?25l\x1b[2J');
  }

  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    this.#output.off('resize', this.#resized);
    this.#input.off('data', this.#data);
    this.#input.setRawMode?.(false);
    this.#input.pause();
    this.#output.write('\x1b[?25h\x1b[?1049l');
  }

  draw(lines: readonly Line[]): void {
    if (!this.#entered) return;
    const { width, height } = this.size;
    let text = '';
    for (let y = 0; y < height; y++) {
      const line = this.#written(lines[y] ?? [], width);
      if (line === this.#shown[y]) continue;
      this.#shown[y] = line;
      text += `\x1b[${y + 1};1H${line}\x1b[0m\x1b[K`;
    }
    // One frame at a time, where the terminal knows how (DECSET 2026).
    if (text !== '') this.#output.write(`\x1b[?2026h${text}\x1b[?2026l`);
  }

  #written(line: Line, width: number): string {
    let room = width;
    let written = '';
    for (const { text, style } of line) {
      if (room <= 0) break;
      const shown = cutToWidth(text, room);
      room -= displayWidth(shown);
      const code = style === undefined ? '' : this.#styles[style];
      written += code === '' ? shown : `\x1b[${code}m${shown}\x1b[0m`;
    }
    return written;
  }

  readonly #data = (bytes: Buffer): void => {
    for (const key of keysOf(bytes.toString('utf8'))) this.#onKey(key);
  };

  readonly #resized = (): void => {
    this.#shown = [];
    this.#output.write('\x1b[2J');
    this.#onResize();
  };
}
