import { escapeControls } from '#base';

export type StepState = 'pending' | 'done' | 'failed';

export interface Step {
  readonly label: string;
  readonly state: StepState;
  readonly reason?: string;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;

interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * Lines as Pixie prints them: ` ✔    Preparing schema`, ` ✕    Deploying NAME  ERR: reason`. A line is written when its step is over and those
 * before it are; on a terminal the pending step spins meanwhile.
 */
export class Progress {
  readonly #stream: Terminal;
  #steps: readonly Step[] = [];
  #printed = 0;
  #frame = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #spinning = false;
  /** Reasons of failed steps that have been printed. */
  readonly reasons: string[] = [];

  constructor(stream: Terminal) {
    this.#stream = stream;
  }

  /** All steps in their order, each time. */
  update(steps: readonly Step[]): void {
    this.#steps = steps;
    this.#clear();
    while (this.#printed < steps.length && steps[this.#printed]!.state !== 'pending')
      this.#print(steps[this.#printed++]!);
    if (this.#printed === steps.length) this.#stop();
    else if (this.#stream.isTTY && this.#timer === undefined) {
      this.#timer = setInterval(() => this.#spin(), frameMs);
      this.#timer.unref();
      this.#spin();
    }
  }

  /** Nothing more will come: pending steps are left unsaid. */
  close(): void {
    this.#clear();
    this.#stop();
  }

  #print(step: Step): void {
    if (step.state === 'done') {
      this.#stream.write(` ✔    ${escapeControls(step.label)}\n`);
      return;
    }
    // What else there is to say of it follows when all is over, with its place in the script.
    const [first = ''] = (step.reason ?? '').split('\n');
    this.#stream.write(` ✕    ${escapeControls(step.label)}  ERR: ${escapeControls(first)}\n`);
    if (step.reason) this.reasons.push(step.reason);
  }

  #spin(): void {
    const step = this.#steps[this.#printed];
    if (step === undefined) return;
    this.#stream.write(`\r\x1b[K ${frames[this.#frame++ % frames.length]}    ${escapeControls(step.label)}`);
    this.#spinning = true;
  }

  #clear(): void {
    if (this.#spinning) this.#stream.write('\r\x1b[K');
    this.#spinning = false;
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
