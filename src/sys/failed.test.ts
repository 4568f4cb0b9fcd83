import { expect, it } from 'vitest';
import { errno } from './errno.ts';
import { failedWith, SyscallFailed } from './failed.ts';

it.each([
  ['bpf(BPF_PROG_LOAD)', 'EPERM', /CAP_BPF and CAP_PERFMON/],
  ['bpf(BPF_MAP_CREATE)', 'ENOMEM', /ulimit -l/],
  ['bpf(BPF_MAP_CREATE)', 'E2BIG', /too large/],
  ['bpf(BPF_LINK_CREATE)', 'ENOTSUPP', /no probe on this instruction/],
  ['perf_event_open', 'EACCES', /need CAP_SYS_ADMIN/],
  ['open', 'EACCES', /CAP_SYS_PTRACE/],
  ['open', 'EMFILE', /ulimit -n/],
  ['bpf(BPF_LINK_CREATE)', 'ESRCH', /process is gone/],
] as const)('%s %s names call, errno and cause', (call, name, cause) => {
  const error = new SyscallFailed(call, errno[name], 'x');
  expect(error.message.startsWith(`${call} x: ${name}: `)).toBe(true);
  expect(error.message).toMatch(cause);
  expect(failedWith(error, 'EINVAL', name)).toBe(true);
  expect(failedWith(error, 'EINVAL')).toBe(false);
});

it('leaves an errno that it does not know a number', () => {
  expect(new SyscallFailed('x', 999).message).toBe('x: errno 999');
});
