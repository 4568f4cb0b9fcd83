import type { ByteSource } from '#elf';

/** Where UPX writes its mark: behind the program headers (upx, src/stub/src/include/linux.h, `l_info`). */
const headBytes = 4096;
const mark = 'UPX!';

/** What to tell of a process whose executable unpacks itself into memory: what runs is in no file, so nothing can be probed. */
export function packedHints(executable: ByteSource): string[] {
  const head = Buffer.from(executable.read(0, Math.min(headBytes, executable.size)));
  if (!head.includes(mark)) return [];
  return ['its executable is packed by UPX, so the code that runs is in no file: run one that was unpacked (upx -d)'];
}
