import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';

/** Every name by which a client may reach this machine, as far as the machine knows them. */
export function ownHosts(...others: readonly string[]): readonly string[] {
  const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const addresses = interfaces.map((each) => each.address.replace(/%.*$/, ''));
  const hosts = ['localhost', hostname(), ...others, '127.0.0.1', '::1', ...addresses];
  return [...new Set(hosts)].filter((host) => isIP(host) !== 0 || /^[\w.-]+$/.test(host));
}
