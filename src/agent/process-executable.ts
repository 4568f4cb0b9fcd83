import { openSync } from 'node:fs';
import { MachineError, UserError } from '#door';
import { Executable } from './executable.ts';

/** Opens the image that `pid` runs now. */
export function executableOf(pid: number): Executable {
  try {
    return new Executable(openSync(`/proc/${pid}/exe`, 'r'), pid);
  } catch (error) {
    throw openFailure(pid, error as NodeJS.ErrnoException);
  }
}

function openFailure(pid: number, error: NodeJS.ErrnoException): Error {
  switch (error.code) {
    case 'ENOENT':
      return new UserError(`process ${pid} has ended, or is a kernel thread`);
    case 'EACCES':
    case 'EPERM':
      return new MachineError(
        `no permission to open the executable of process ${pid}: this needs root, or CAP_SYS_PTRACE. Run px with sudo, after \`px agent stop\` if an agent without it runs`,
      );
    default:
      return new MachineError(`the executable of process ${pid} cannot be opened: ${error.message}`);
  }
}
