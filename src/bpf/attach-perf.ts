import { bpfCommand, cString, Fd, failedWith, perfAttr, perfIoctl, Struct, type Sys } from '#sys';
import { type AttachTarget, type RefusedSite, TooManySites } from './attachment.ts';
import { attachType, type BpfProgram } from './program.ts';

/** FACTS, rule 11: taking 200 sites away took 24 s. */
export const mostPerfSites = 25;

/** Type number of the uprobe PMU (kernel 4.17). Throws SyscallFailed (ENOENT) where there is none. */
export function uprobePmuType(sys: Sys): number {
  return Number(new TextDecoder().decode(sys.readFile('/sys/bus/event_source/devices/uprobe/type')));
}

/** A perf event a site, each with a BPF link that carries the cookie (kernel 5.15). */
export function attachPerf(
  sys: Sys,
  program: BpfProgram,
  path: string,
  target: AttachTarget,
): { links: Fd[]; refused: RefusedSite[] } {
  if (target.sites.length > mostPerfSites) throw new TooManySites(target.sites.length, mostPerfSites);
  const pmu = uprobePmuType(sys);
  const pathBytes = cString(path);
  const links: Fd[] = [];
  const refused: RefusedSite[] = [];
  try {
    for (const site of target.sites) {
      const attr = new Struct(perfAttr.size)
        .u32(perfAttr.type, pmu)
        .u32(perfAttr.sizeField, perfAttr.size)
        .u64(perfAttr.samplePeriod, 1)
        .u32(perfAttr.wakeup, 1)
        .pointer(perfAttr.config1, pathBytes)
        .u64(perfAttr.config2, site.offset);
      let event: Fd;
      try {
        event = new Fd(sys, sys.perfEventOpen(attr, target.pid === 0 ? -1 : target.pid, target.pid === 0 ? 0 : -1));
      } catch (error) {
        if (!failedWith(error, 'ENOTSUPP', 'EINVAL', 'ENOEXEC', 'EIO', 'EOPNOTSUPP')) throw error;
        refused.push({ site, error });
        continue;
      }
      links.push(event);
      const link = new Struct(64)
        .u32(0, program.fd.number)
        .u32(4, event.number)
        .u32(8, attachType.perfEvent)
        .u64(16, site.cookie);
      links.push(new Fd(sys, sys.bpf(bpfCommand.BPF_LINK_CREATE, link)));
      sys.ioctl(event.number, perfIoctl.enable, 0);
    }
  } catch (error) {
    for (const link of links) link.close();
    throw error;
  }
  return { links, refused };
}
