import { MachineError } from '#door';
import { readMemoryRoom, type Sys } from '#sys';

/**
 * Bytes that must stay free. The kernel charges a cgroup in batches of 64 pages a CPU (256 KiB; MEMCG_CHARGE_BATCH, include/linux/memcontrol.h), so that
 * what is shown as used is known no better than this; a process with less left is being reclaimed from or about to be killed as it is.
 */
const reserve = 1 << 20;

/**
 * Every text page with a probe becomes a private copy, charged to the process's cgroup and gone with the probe (FACTS, rule 13).
 * @throws MachineError with the numbers when `pages` more would come too near to the cgroup's limit. Where no limit is known, there is none.
 */
export function requireMemory(sys: Sys, pid: number, pages: number): void {
  if (pages === 0) return;
  const room = readMemoryRoom(sys, pid);
  if (!room) return;
  const needed = pages * sys.pageSize;
  const left = room.limit - room.used - needed;
  if (left >= reserve) return;
  throw new MachineError(
    `probes in process ${pid} would need ${kib(needed)} of its memory (${pages} private copies of text pages), but of its limit of ${kib(room.limit)} it has used ${kib(room.used)}, and ${kib(reserve)} are to stay free (cgroup ${room.cgroup}); raise the limit, or trace fewer functions`,
  );
}

function kib(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KiB`;
}
