import koffi from 'koffi';
import { SyscallFailed } from './failed.ts';
import type { NativeThread } from './sys.ts';

/** `sigset_t` of both C libraries. */
const signalSetBytes = 128;
/** SIG_SETMASK, asm-generic/signal.h. */
const setMask = 2;

/** See `Sys.startThread`. */
export function startThread(address: bigint, argument: bigint): NativeThread {
  const libc = koffi.load(null);
  // A thread inherits the mask: no handler of Node's is ever to run on it.
  const mask = libc.func('pthread_sigmask', 'int', ['int', 'void *', 'void *']);
  const before = new Uint8Array(signalSetBytes);
  const thread = new BigUint64Array(1);
  mask(setMask, new Uint8Array(signalSetBytes).fill(0xff), before);
  let failed: number;
  try {
    const create = libc.func('pthread_create', 'int', ['void *', 'int64', 'int64', 'int64']);
    failed = create(new Uint8Array(thread.buffer), 0, address, argument);
  } finally {
    mask(setMask, before, null);
  }
  if (failed !== 0) throw new SyscallFailed('pthread_create', failed);
  const join = libc.func('pthread_join', 'int', ['int64', 'void *']);
  return { join: () => void join(thread[0]!, null) };
}
