import type { Sys } from '../sys.ts';
import { text } from './gone.ts';

/**
 * Whether this process lives in the machine's first user namespace: capabilities of any other one, "root" in a rootless container, are none to the
 * kernel where eBPF and uprobes are asked for. Undefined: it cannot be told.
 */
export function inFirstUserNamespace(sys: Sys): boolean | undefined {
  const map = readable(sys, '/proc/self/uid_map');
  // user_namespaces(7): the first one maps every id to itself.
  return map === undefined ? undefined : /^0 0 4294967295$/.test(map.trim().replace(/\s+/g, ' '));
}

/** The profile by which AppArmor or SELinux confines this process; undefined where it is free. */
export function readSecurityProfile(sys: Sys): string | undefined {
  const label = readable(sys, '/proc/self/attr/current')?.replace(/\0/g, '').trim();
  return label === undefined || label === '' || label === 'kernel' || /unconfined/.test(label) ? undefined : label;
}

/** EINVAL is what attr/current gives without any security module. */
function readable(sys: Sys, path: string): string | undefined {
  try {
    return text(sys.readFile(path));
  } catch {
    return undefined;
  }
}
