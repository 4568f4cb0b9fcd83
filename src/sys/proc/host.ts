import type { Sys } from '../sys.ts';
import { text, unlessGone } from './gone.ts';

/** Ticks of `startTicks` in a second: USER_HZ, 100 on every architecture that Sonde runs on. */
export const ticksPerSecond = 100;

/** 32 hex digits, the same after a restart; undefined where the machine has none. */
export function readMachineId(sys: Sys): string | undefined {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const bytes = unlessGone(() => sys.readFile(path));
    const id = bytes && text(bytes).trim().toLowerCase();
    if (id && /^[0-9a-f]{32}$/.test(id)) return id;
  }
  return undefined;
}

/** A UUID, another one after each boot. */
export function readBootId(sys: Sys): string | undefined {
  const bytes = unlessGone(() => sys.readFile('/proc/sys/kernel/random/boot_id'));
  return bytes && text(bytes).trim();
}

/** Seconds since boot, suspended time included. */
export function readUptime(sys: Sys): number | undefined {
  const bytes = unlessGone(() => sys.readFile('/proc/uptime'));
  return bytes && Number(text(bytes).split(' ')[0]);
}

/** `6.18.44`: for people and reports; never to be decided by. */
export function readKernelRelease(sys: Sys): string | undefined {
  const bytes = unlessGone(() => sys.readFile('/proc/sys/kernel/osrelease'));
  return bytes && text(bytes).trim();
}

/** CPUs by number, ascending: those that run (`online`), or all that there may ever be (`possible`). Empty where it cannot be told. */
export function readCpus(sys: Sys, which: 'online' | 'possible'): number[] {
  const bytes = unlessGone(() => sys.readFile(`/sys/devices/system/cpu/${which}`));
  const ranges = bytes === undefined ? '' : text(bytes).trim();
  return [...ranges.matchAll(/(\d+)(?:-(\d+))?/g)].flatMap(([, first, last]) => {
    const from = Number(first);
    return Array.from({ length: Number(last ?? first) - from + 1 }, (_, i) => from + i);
  });
}

/** The kernel's lockdown mode (kernel_lockdown(7)); undefined where there is none. `confidentiality` forbids reading memory from BPF. */
export function readLockdown(sys: Sys): string | undefined {
  const bytes = unlessGone(() => sys.readFile('/sys/kernel/security/lockdown'));
  return bytes && /\[(\w+)\]/.exec(text(bytes))?.[1];
}
