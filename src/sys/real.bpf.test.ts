import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startProcess } from '../../testing/process.ts';
import { root } from '../../testing/root.ts';
import { clock, mapFlag, openFlag, protection, resolveFlag } from './constants.ts';
import { failedWith } from './failed.ts';
import { Fd } from './fd.ts';
import { missingCapabilities } from './proc/capability.ts';
import { releaseFilePages } from './proc/file-pages.ts';
import { readBootId, readKernelRelease, readUptime, ticksPerSecond } from './proc/host.ts';
import { mappingsOf, readMaps } from './proc/maps.ts';
import { readProcessBytes } from './proc/memory.ts';
import {
  executableStatus,
  listPids,
  readCommandLine,
  readExecutableLink,
  readNamespace,
  readProcessStat,
  readProcessStatus,
} from './proc/process.ts';
import { openSys } from './real.ts';

const sys = openSys();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(`${tmpdir()}/sonde-sys-`);
});
afterAll(() => rmSync(folder, { recursive: true }));

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

it('tells the time as Node does', () => {
  expect(Math.abs(Number(sys.clockGettime(clock.monotonic) - process.hrtime.bigint()))).toBeLessThan(1e9);
  expect(Math.abs(Number(sys.clockGettime(clock.realtime) / 1_000_000n) - Date.now())).toBeLessThan(1_000);
});

it('lets go of the pages of files that it runs from, and goes on', () => {
  const residentKb = () => Number(/RssFile:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  const before = residentKb();
  releaseFilePages(sys);
  expect(residentKb()).toBeLessThan(before / 2);
});

it('names call and errno of what is refused', () => {
  expect(
    failedWith(
      thrownBy(() => sys.open('/no/such/file', 0)),
      'ENOENT',
    ),
  ).toBe(true);
  expect(
    failedWith(
      thrownBy(() => sys.pidfdOpen(2 ** 30)),
      'ESRCH',
    ),
  ).toBe(true);
  expect(
    failedWith(
      thrownBy(() => sys.mmap(-1, 4096, protection.read, mapFlag.shared, 0)),
      'EBADF',
    ),
  ).toBe(true);
  expect(
    failedWith(
      thrownBy(() => sys.readLink('/proc')),
      'EINVAL',
    ),
  ).toBe(true);
});

it('maps memory, and detaches what looks at it before it is unmapped', () => {
  const fd = new Fd(sys, sys.memfd('test', new Uint8Array(8192).fill(7)));
  const mapping = sys.mmap(fd.number, 8192, protection.read | protection.write, mapFlag.shared, 0);
  const bytes = new Uint8Array(mapping.buffer);
  expect([bytes.length, bytes[0], bytes[8191]]).toEqual([8192, 7, 7]);
  bytes[5] = 9;
  const back = new Uint8Array(8);
  expect(sys.pread(fd.number, back, 4n)).toBe(8);
  expect(back[1]).toBe(9);
  mapping.unmap();
  mapping.unmap();
  expect([bytes.length, bytes[5]]).toEqual([0, undefined]);
  fd.close();
});

it('follows a process: identity, executable, memory, its end', async () => {
  const child = spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
  const pid = child.pid!;
  const exited = once(child, 'exit');
  await expect.poll(() => readExecutableLink(sys, pid)?.path).toMatch(/sleep|coreutils|busybox/);
  expect(listPids(sys)).toContain(pid);
  const stat = readProcessStat(sys, pid)!;
  const age = readUptime(sys)! - Number(stat.startTicks) / ticksPerSecond;
  expect(age).toBeGreaterThanOrEqual(-0.02);
  expect(age).toBeLessThan(30);
  expect(stat.parent).toBe(process.pid);
  expect(readProcessStatus(sys, pid)).toMatchObject({ uid: process.getuid!(), tracer: 0 });
  expect(readCommandLine(sys, pid)).toEqual(['/bin/sleep', '60']);
  expect(readNamespace(sys, pid)).toEqual(readNamespace(sys, 'self'));
  const maps = mappingsOf(sys, pid, readMaps(sys, pid)!, executableStatus(sys, pid)!);
  const first = maps.find(({ offset }) => offset === 0)!;
  expect(first.start).toBeGreaterThan(2 ** 31);
  expect([...readProcessBytes(sys, pid, first.start, 4)!]).toEqual([0x7f, 0x45, 0x4c, 0x46]);
  expect(readProcessBytes(sys, pid, 8, 4)).toBeUndefined();

  using pidfd = new Fd(sys, sys.pidfdOpen(pid));
  sys.pidfdSendSignal(pidfd.number, 0);
  let ended = false;
  using readiness = sys.onReadable(pidfd.number, () => {
    ended = true;
    readiness.close();
  });
  expect(ended).toBe(false);
  child.kill('SIGKILL');
  await exited;
  await expect.poll(() => ended).toBe(true);
  expect(
    failedWith(
      thrownBy(() => sys.pidfdSendSignal(pidfd.number, 0)),
      'ESRCH',
    ),
  ).toBe(true);
  expect(readProcessStat(sys, pid)).toBeUndefined();
  expect(readMaps(sys, pid)).toBeUndefined();
  expect(readProcessBytes(sys, pid, first.start, 4)).toBeUndefined();
});

it('resolves links inside another root with openat2', () => {
  mkdirSync(`${folder}/etc`);
  writeFileSync(`${folder}/etc/secret`, 'inside');
  symlinkSync('/etc/secret', `${folder}/link`);
  using root = new Fd(sys, sys.open(folder, openFlag.path));
  using file = new Fd(sys, sys.openat2(root.number, 'link', openFlag.readOnly, resolveFlag.inRoot));
  expect(readFileSync(file.number, 'utf8')).toBe('inside');
  expect(sys.fstat(file.number)).toEqual(sys.stat(`${folder}/etc/secret`));
  expect(sys.fstat(file.number).inode).toBe(statSync(`${folder}/etc/secret`, { bigint: true }).ino);
});

it('waits while it is paused, and goes on when it is resumed', async () => {
  const child = spawn('/bin/sleep', ['0.05'], { stdio: 'ignore' });
  using pidfd = new Fd(sys, sys.pidfdOpen(child.pid!));
  let calls = 0;
  const readiness = sys.onReadable(pidfd.number, () => {
    calls++;
    readiness.pause();
  });
  await once(child, 'exit');
  await expect.poll(() => calls).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(calls).toBe(1);
  readiness.resume();
  await expect.poll(() => calls).toBe(2);
  readiness.close();
  readiness.resume();
});

/** Waits for the end of a process that is not its child, with nothing else to wake it for 10 seconds. */
const waiter = `
  import { openSys } from '#sys';
  const sys = openSys();
  setTimeout(() => process.exit(1), 10_000);
  const readiness = sys.onReadable(sys.pidfdOpen(Number(process.argv[1])), async () => {
    readiness.pause();
    await undefined;
    process.exit(0);
  });
  // When it has started: then nothing but the callback happens.
  setTimeout(() => console.log('waits'), 300);
`;

it('lets promises go on that a callback settles', async () => {
  const sleeper = spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
  const args = ['--input-type=module', '-e', waiter, String(sleeper.pid)];
  await using started = await startProcess(process.execPath, { args, cwd: root });
  await started.waitFor(/waits/);
  sleeper.kill('SIGKILL');
  expect(await started.exited).toMatchObject({ code: 0 });
});

it('knows who is at the other end of a Unix socket', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${folder}/socket`, resolve));
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = createConnection(`${folder}/socket`);
  const [socket] = await accepted;
  const fd = (socket as unknown as { _handle: { fd: number } })._handle.fd;
  expect(sys.peerCredentials(fd)).toEqual({ pid: process.pid, uid: process.getuid!(), gid: process.getgid!() });
  client.destroy();
  socket.destroy();
  server.close();
});

it('closes in the background', async () => {
  const fd = sys.open('/dev/null', 0);
  await sys.closeInBackground(fd);
  expect(
    failedWith(
      thrownBy(() => sys.fstat(fd)),
      'EBADF',
    ),
  ).toBe(true);
});

it('closes hundreds of descriptors in the background at once', async () => {
  const fds = Array.from({ length: 300 }, () => sys.open('/dev/null', 0));
  await Promise.all(fds.map((fd) => sys.closeInBackground(fd)));
  for (const fd of fds) {
    const error = thrownBy(() => sys.fstat(fd));
    expect(failedWith(error, 'EBADF')).toBe(true);
  }
});

it('knows this machine', () => {
  expect(readBootId(sys)).toMatch(/^[0-9a-f-]{36}$/);
  expect(readKernelRelease(sys)).toMatch(/^\d+\.\d+/);
  expect(missingCapabilities(sys)).toEqual([]);
});
