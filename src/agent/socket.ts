import { existsSync, linkSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

/** Where the agent of a folder listens. */
export const socketPath = (dir: string): string => join(dir, 'agent.sock');

/** Where this agent listens until it has the well-known name; shorter than that one, whose length px has found good to bind. */
export const ownSocketPath = (dir: string): string => join(dir, `.${process.pid}`);

/** Removes the sockets of agents that died before they had the well-known name. */
export function removeStale(dir: string): void {
  for (const name of readdirSync(dir)) {
    const pid = /^\.(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && (Number(pid) === process.pid || !existsSync(`/proc/${pid}`)))
      rmSync(join(dir, name), { force: true });
  }
}

/** Whether somebody accepts connections there. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const done = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

/**
 * Gives a socket that is bound and listening at `own` the well-known name. Of several agents that start at once one gets it:
 * link(2) is atomic. False: another agent answers there.
 */
export async function claim(own: string, path: string): Promise<boolean> {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      linkSync(own, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (await answers(path)) return false;
    rmSync(path, { force: true });
  }
  return false;
}
