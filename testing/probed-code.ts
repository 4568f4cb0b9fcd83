import { closeSync, openSync, readSync } from 'node:fs';
import { goCommand } from './go-toolchain.ts';

/**
 * Watches the bytes of one function in a process for breakpoints, by means that are not Sonde's: the symbol table as `go tool nm`
 * prints it, and /proc/PID/mem. For programs that are mapped where they were linked (not PIE).
 */
export class ProbedCode {
  readonly #pid: number;
  readonly #address: number;
  readonly #clean: Buffer;

  private constructor(pid: number, address: number, size: number) {
    this.#pid = pid;
    this.#address = address;
    this.#clean = readMemory(pid, address, size);
  }

  /** Call it while the function has no probe. */
  static async of(pid: number, program: string, fn: string): Promise<ProbedCode> {
    const { stdout } = await goCommand(['tool', 'nm', '-size', program], process.env);
    const line = stdout.split('\n').find((candidate) => candidate.trimEnd().endsWith(` ${fn}`));
    if (line === undefined) throw new Error(`${program} has no symbol ${fn}`);
    const [address, size] = line.trim().split(/\s+/) as [string, string];
    return new ProbedCode(pid, Number.parseInt(address, 16), Number(size));
  }

  /** How many bytes differ from those at the beginning: the number of breakpoints. */
  breakpoints(): number {
    const now = readMemory(this.#pid, this.#address, this.#clean.length);
    return now.reduce((count, byte, i) => count + (byte !== this.#clean[i] ? 1 : 0), 0);
  }

  /** Milliseconds until there are none, looked at every 5 ms; Infinity if there are some after `limitMs`. */
  async clean(limitMs = 5_000): Promise<number> {
    const began = performance.now();
    while (performance.now() - began < limitMs) {
      if (this.breakpoints() === 0) return performance.now() - began;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return Number.POSITIVE_INFINITY;
  }
}

function readMemory(pid: number, address: number, size: number): Buffer {
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  try {
    const bytes = Buffer.alloc(size);
    readSync(fd, bytes, 0, size, address);
    return bytes;
  } finally {
    closeSync(fd);
  }
}
