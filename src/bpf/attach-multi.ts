import { bpfCommand, cString, Fd, failedWith, Struct, type Sys } from '#sys';
import type { AttachSite, AttachTarget, RefusedSite } from './attachment.ts';
import { attachType, type BpfProgram } from './program.ts';

/** More refused sites than this are not the sites' fault: the error is passed on. */
const mostRefused = 64;

/**
 * BPF_LINK_CREATE with BPF_TRACE_UPROBE_MULTI (kernel 6.6). One instruction that the kernel refuses fails the whole
 * link without saying which (FACTS, rule 6): halves are then tried until it stands alone, and what could be attached
 * stays attached, by several links.
 */
export function attachMulti(
  sys: Sys,
  program: BpfProgram,
  path: string,
  target: AttachTarget,
): { links: Fd[]; refused: RefusedSite[] } {
  const links: Fd[] = [];
  const refused: RefusedSite[] = [];
  const pathBytes = cString(path);
  const attach = (sites: readonly AttachSite[]): void => {
    try {
      links.push(new Fd(sys, createLink(sys, program, pathBytes, target.pid, sites)));
    } catch (error) {
      if (!failedWith(error, 'ENOTSUPP', 'EINVAL', 'ENOEXEC', 'EIO', 'EOPNOTSUPP')) throw error;
      if (sites.length === 1) {
        refused.push({ site: sites[0]!, error });
        if (refused.length > mostRefused) throw error;
        return;
      }
      const middle = sites.length >>> 1;
      attach(sites.slice(0, middle));
      attach(sites.slice(middle));
    }
  };
  try {
    attach(target.sites);
  } catch (error) {
    for (const link of links) link.close();
    throw error;
  }
  return { links, refused };
}

/** `struct { … } link_create` of union bpf_attr (include/uapi/linux/bpf.h at v6.18). */
function createLink(
  sys: Sys,
  program: BpfProgram,
  path: Uint8Array,
  pid: number,
  sites: readonly AttachSite[],
): number {
  const offsets = new BigUint64Array(sites.length);
  const cookies = new BigUint64Array(sites.length);
  sites.forEach((site, i) => {
    offsets[i] = BigInt(site.offset);
    cookies[i] = BigInt(site.cookie);
  });
  const attr = new Struct(64)
    .u32(0, program.fd.number)
    .u32(8, attachType.uprobeMulti)
    .pointer(16, path)
    .pointer(24, new Uint8Array(offsets.buffer))
    .pointer(40, new Uint8Array(cookies.buffer))
    .u32(48, sites.length)
    .u32(56, pid);
  return sys.bpf(bpfCommand.BPF_LINK_CREATE, attr);
}
