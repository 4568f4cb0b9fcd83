import { getPriority, setPriority } from 'node:os';

/** Ahead of everything but real time (setpriority(2)). */
const urgent = -20;

let held = 0;
let usual = 0;

/**
 * This thread goes ahead of others until it is disposed of: a probe that slows a process too much must come off at once, also where CPUs are short. For moments only, and for work that needs
 * little of a CPU. Without CAP_SYS_NICE nothing changes.
 */
export function urgency(): Disposable {
  if (held++ === 0) {
    usual = getPriority();
    prioritise(urgent);
  }
  return {
    [Symbol.dispose]() {
      if (--held === 0) prioritise(usual);
    },
  };
}

function prioritise(priority: number): void {
  try {
    setPriority(priority);
  } catch {
    // Not allowed: it goes as it can.
  }
}
