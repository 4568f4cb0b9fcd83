import { existsSync, lstatSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type ExitCode, exitCodes, Failure } from '../failure.ts';

/** The folder is not one that only this user can write: somebody else could stand behind the socket. */
export class UnsafeDirectory extends Failure {
  readonly code = 'cli.unsafe-directory';
  readonly exitCode: ExitCode = exitCodes.agent;

  constructor(directory: string, why: string) {
    super(`${directory} ${why}: not used as the agent's folder. Set SONDE_DIR to a folder of your own.`);
  }
}

/** Where the agent's socket and log lie: SONDE_DIR, else /run/sonde for root, else below XDG_RUNTIME_DIR, else /tmp/sonde-<uid>. */
export function agentDirectory(env: Readonly<Record<string, string | undefined>>, uid: number): string {
  if (env.SONDE_DIR) return resolve(env.SONDE_DIR);
  if (uid === 0) return '/run/sonde';
  if (env.XDG_RUNTIME_DIR) return join(env.XDG_RUNTIME_DIR, 'sonde');
  return `/tmp/sonde-${uid}`;
}

export function socketPath(directory: string): string {
  return join(directory, 'agent.sock');
}

export function logPath(directory: string): string {
  return join(directory, 'agent.log');
}

/**
 * Makes the folder (0700) if it is not there. @throws UnsafeDirectory when it is a link or another's, or when others may write in it.
 */
export function ensureDirectory(directory: string, uid: number): void {
  try {
    makeFolder(directory);
  } catch (error) {
    throw new UnsafeDirectory(directory, `cannot be made (${(error as NodeJS.ErrnoException).code})`);
  }
  const stat = lstatSync(directory);
  if (!stat.isDirectory()) throw new UnsafeDirectory(directory, 'is not a folder');
  if (stat.uid !== uid && stat.uid !== 0) throw new UnsafeDirectory(directory, `belongs to user ${stat.uid}`);
  if (stat.mode & 0o022 && !(stat.mode & 0o1000)) throw new UnsafeDirectory(directory, 'can be written by others');
}

/** With the folders above it. Node's own way (`recursive`) never ends where the kernel answers ENOENT below a folder that is there, as in /proc. */
function makeFolder(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || existsSync(dirname(directory))) throw error;
    makeFolder(dirname(directory));
    mkdirSync(directory, { mode: 0o700 });
  }
}
