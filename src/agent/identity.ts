import { createHash } from 'node:crypto';
import { formatUuid } from '#model';
import { readBootId, readMachineId, type Sys } from '#sys';

/** Who this machine is: the same after restarts of the agent and, where there is a machine-id, after reboots. */
export interface Identity {
  /** The upper 32 bits of every UPID made here. */
  readonly agentId: number;
  /** The machine-id as a UUID text. */
  readonly clusterId: string;
  /** Another one after each reboot. */
  readonly bootId: string;
}

/** By the machine-id (machine-id(5)); a machine without one is known by its boot id. */
export function readIdentity(sys: Sys): Identity {
  const bootId = readBootId(sys) ?? '';
  const digits = (readMachineId(sys) ?? bootId).replaceAll('-', '').padStart(32, '0');
  return {
    agentId: createHash('sha256').update(digits).digest().readUInt32BE(0),
    bootId,
    clusterId: formatUuid(BigInt(`0x${digits.slice(0, 16)}`), BigInt(`0x${digits.slice(16)}`)),
  };
}
