import { closeSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A lock that its holder forgot is nobody's after this. */
const limitMs = 10_000;

/**
 * Of several px at once one starts the agent, the others wait: ten agents that each find out that they are too many cost seconds. Only a
 * courtesy: that one agent serves is the agents' own doing (the socket's name). Undefined when another px, alive, holds it; else how to let go.
 */
export function takeStartLock(directory: string): (() => void) | undefined {
  const path = join(directory, 'agent.starting');
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = openSync(path, 'wx', 0o600);
      writeSync(file, String(process.pid));
      closeSync(file);
      return () => remove(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return () => {};
      if (isHeld(path)) return undefined;
      remove(path);
    }
  }
  return undefined;
}

function isHeld(path: string): boolean {
  try {
    if (Date.now() - statSync(path).mtimeMs > limitMs) return false;
    const pid = Number(readFileSync(path, 'utf8'));
    // Just made and not yet written.
    if (pid === 0) return true;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already.
  }
}
