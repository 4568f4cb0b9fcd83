import { type Address, address, type FileOffset, fileOffset } from '#base';
import type { FileStatus, Sys } from '../sys.ts';
import { text, unlessGone } from './gone.ts';
import { executableStatus } from './process.ts';

/** One line of proc_pid_maps(5). */
export interface ProcessMapping {
  readonly start: Address;
  /** First address behind it. */
  readonly end: Address;
  readonly executable: boolean;
  readonly writable: boolean;
  /** MAP_PRIVATE: only there does the kernel place uprobes. */
  readonly private: boolean;
  /** Of the file, at `start`. */
  readonly offset: FileOffset;
  /** As stat(2) has it; on overlay file systems it may differ from what stat says of the same file (FACTS, rule 8). */
  readonly device: bigint;
  /** 0: not of a file. */
  readonly inode: bigint;
  /** Ends in ` (deleted)` for a removed file; empty, or `[stack]` and the like, without a file. */
  readonly path: string;
}

/** Undefined when the process is gone; empty for a kernel thread or a zombie. */
export function readMaps(sys: Sys, pid: number): ProcessMapping[] | undefined {
  const bytes = unlessGone(() => sys.readFile(`/proc/${pid}/maps`));
  return bytes && parseMaps(text(bytes));
}

const line = /^([0-9a-f]+)-([0-9a-f]+) ([r-])([w-])([x-])([ps]) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+) *(.*)$/;

/** Skips lines that are none (a read that races with the process can tear one). */
export function parseMaps(maps: string): ProcessMapping[] {
  const mappings: ProcessMapping[] = [];
  for (const row of maps.split('\n')) {
    const match = line.exec(row);
    if (!match) continue;
    const [, start, end, , write, execute, sharing, offset, major, minor, inode, path] = match;
    // vsyscall lies above what a number holds exactly; nothing of a file does.
    if (start!.length > 13) continue;
    mappings.push({
      start: address(Number.parseInt(start!, 16)),
      end: address(Number.parseInt(end!, 16)),
      executable: execute === 'x',
      writable: write === 'w',
      private: sharing === 'p',
      offset: fileOffset(Number.parseInt(offset!, 16)),
      device: deviceNumber(BigInt(`0x${major}`), BigInt(`0x${minor}`)),
      inode: BigInt(inode!),
      // Only newlines are escaped.
      path: path!.replaceAll('\\012', '\n'),
    });
  }
  return mappings;
}

/** As glibc's makedev: what stat(2) gives in user space. */
function deviceNumber(major: bigint, minor: bigint): bigint {
  return ((major & 0xffff_f000n) << 32n) | ((major & 0xfffn) << 8n) | ((minor & 0xffff_ff00n) << 12n) | (minor & 0xffn);
}

/**
 * The mappings of the process's own executable, or of a library. By device and inode; where the file system shows other
 * numbers there than stat does (overlay, btrfs), the executable's by the path that /proc gives for both; else by
 * /proc/PID/map_files, which stats the mapped file itself (needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE). Empty: not found.
 */
export function mappingsOf(
  sys: Sys,
  pid: number,
  mappings: readonly ProcessMapping[],
  file: FileStatus,
): ProcessMapping[] {
  const isFile = ({ inode, device }: Pick<FileStatus, 'inode' | 'device'>) =>
    inode === file.inode && device === file.device;
  const same = mappings.filter(isFile);
  if (same.length > 0) return same;
  const executable = executableStatus(sys, pid);
  if (executable !== undefined && isFile(executable)) {
    const link = unlessGone(() => sys.readLink(`/proc/${pid}/exe`));
    const named = mappings.filter((mapping) => mapping.inode !== 0n && mapping.path === link);
    if (named.length > 0) return named;
  }
  return mappings.filter((mapping) => {
    if (mapping.inode === 0n) return false;
    const name = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
    try {
      return isFile(sys.stat(`/proc/${pid}/map_files/${name}`));
    } catch {
      return false;
    }
  });
}

/** Where the kernel would place a probe on `offset`: in a private, executable mapping. Undefined: not mapped so. */
export function addressOfOffset(mappings: readonly ProcessMapping[], offset: FileOffset): Address | undefined {
  for (const mapping of mappings) {
    if (!mapping.executable || !mapping.private || mapping.inode === 0n) continue;
    const inside = offset - mapping.offset;
    if (inside >= 0 && inside < mapping.end - mapping.start) return address(mapping.start + inside);
  }
  return undefined;
}
