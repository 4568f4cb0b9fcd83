import { type Assembler, fp, immediate, type Label, r0, r1, r2, r3, r6, r7 } from '#asm';
import { type EventKind, type EventLayout, eventKinds, header, headerSize } from '#model';
import { control } from '../types.ts';
import { controlOffset, wokenOffset } from './control.ts';
import { frame, mapNames, smallestRing } from './frame.ts';

/** Adds 1 to a word of the control map. Loses r1, r2. */
export function count(asm: Assembler, offset: number): void {
  asm.loadMapValue(r1, mapNames.control, offset);
  asm.mov(r2, immediate(1));
  asm.atomicAdd(r1, 0, r2);
}

/** Index of a probe in its tracepoint, known when the program is made; `cookie`: in the low 16 bits of the attach cookie of the site that is hit. */
export type ProbeNumber = number | 'cookie';

/** Where in an attach cookie that tells the probe is what: its number from bit 0 on. */
const cookieBits = { site: 16, frameBytes: 32 } as const;

/** Of an inlined copy: bytes between the stack pointer at its sites and the return address, known when the program is made or told by each site's attach cookie. */
export type FrameBytes = number | 'cookie';

/** r0 = what the cookie of the site that is hit tells of the frame. Loses r1–r5. */
export function frameBytesOfSite(asm: Assembler): void {
  asm.mov(r1, r6);
  asm.call('get_attach_cookie');
  asm.alu('rsh', r0, immediate(cookieBits.frameBytes));
}

/** The cookie of site `site` (an index) of probe `probe`, for programs whose probe is told by it. `frameBytes`: of an inlined copy. */
export function siteCookie(probe: number, site: number, frameBytes = 0): number {
  return frameBytes * 2 ** cookieBits.frameBytes + site * 2 ** cookieBits.site + probe;
}

/** Most probes that cookies can tell apart. */
export const mostCookieProbes = 0x1_0000;

/** Where the cookie tells the probe: its number into the frame, or to `out`. Loses r0–r5; not to be relied on behind a sleep. */
export function noteProbe(asm: Assembler, probe: ProbeNumber, probes: number, out: Label): void {
  if (probe !== 'cookie') return;
  asm.mov(r1, r6);
  asm.call('get_attach_cookie');
  asm.alu('and', r0, immediate(0xffff));
  // The verifier learns by this that the words of the control map are where it has some.
  asm.jumpIf('ge', r0, immediate(probes), out);
  asm.store(8, fp, frame.probe, r0);
}

/** Adds 1 to a word of a probe in the control map. Loses r1, r2. */
export function countProbe(asm: Assembler, probe: ProbeNumber, word: Parameters<typeof controlOffset>[1]): void {
  probeWords(asm, probe, word);
  asm.mov(r2, immediate(1));
  asm.atomicAdd(r1, 0, r2);
}

/** r1 = address of a word of a probe in the control map. Loses r2. */
function probeWords(asm: Assembler, probe: ProbeNumber, word: Parameters<typeof controlOffset>[1]): void {
  asm.loadMapValue(r1, mapNames.control, controlOffset(probe === 'cookie' ? 0 : probe, word));
  if (probe !== 'cookie') return;
  asm.load(8, r2, fp, frame.probe);
  asm.alu('mul', r2, immediate(8 * control.wordsPerProbe));
  asm.alu('add', r1, r2);
}

/** r7 = a record of `size` bytes in the ring, or to `full`. From here to `submit` no helper may sleep (FACTS, rule 18). */
export function reserve(asm: Assembler, size: number, full: Label): void {
  asm.loadMapFd(r1, mapNames.ring);
  asm.mov(r2, immediate(size));
  asm.mov(r3, immediate(0));
  asm.call('ringbuf_reserve');
  asm.jumpIf('eq', r0, immediate(0), full);
  asm.mov(r7, r0);
}

/** Writes all of the header but `ktime` and `site`, from the frame; zeros in the statuses and in every slot's first 8 bytes. */
export function writeHeader(
  asm: Assembler,
  event: {
    readonly kind: EventKind;
    readonly probe: ProbeNumber;
    readonly target: number;
    readonly layout: EventLayout;
  },
): void {
  // u16 kind and u16 probe in one store.
  const { probe } = event;
  asm.store(4, r7, header.kind, immediate(event.kind | ((probe === 'cookie' ? 0 : probe) << 16) | 0));
  if (probe === 'cookie') {
    asm.load(8, r1, fp, frame.probe);
    asm.store(2, r7, header.probe, r1);
  }
  asm.store(4, r7, header.target, immediate(event.target));
  asm.load(8, r1, fp, frame.goid);
  asm.store(8, r7, header.goid, r1);
  asm.load(8, r1, fp, frame.g);
  asm.store(8, r7, header.g, r1);
  asm.load(8, r1, fp, frame.depth);
  asm.store(4, r7, header.depth, r1);
  asm.load(8, r1, fp, frame.flags);
  asm.store(4, r7, header.flags, r1);
  if (event.kind >= eventKinds.recovery) {
    asm.store(8, r7, header.entryDrops, immediate(0));
  } else {
    probeWords(asm, probe, 'entryDrops');
    asm.load(8, r2, r1, 0);
    asm.store(4, r7, header.entryDrops, r2);
    asm.load(8, r2, r1, controlOffset(0, 'returnDrops') - controlOffset(0, 'entryDrops'));
    asm.store(4, r7, header.returnDrops, r2);
  }
  const { slots } = event.layout;
  for (let at = 0; at < slots.length; at += 8) asm.store(8, r7, headerSize + at, immediate(0));
  for (const slot of slots) if (slot.kind !== 'graph') asm.store(8, r7, slot.offset, immediate(0));
}

/** Which of the program's sites was hit: the attach cookie, or 0. */
export function writeSite(asm: Assembler, probe: ProbeNumber, cookie: boolean): void {
  if (cookie) {
    asm.mov(r1, r6);
    asm.call('get_attach_cookie');
    if (probe === 'cookie') {
      asm.alu('rsh', r0, immediate(cookieBits.site));
      asm.alu('and', r0, immediate(0xffff));
    }
    asm.store(8, r7, header.site, r0);
  } else {
    asm.store(8, r7, header.site, immediate(0));
  }
}

/** The time now, into the frame: for a return, taken first, so that the program's own work is not in the latency. */
export function noteTime(asm: Assembler): void {
  asm.call('ktime_get_ns');
  asm.store(8, fp, frame.ktime, r0);
}

/** include/uapi/linux/bpf.h: BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP, BPF_RB_AVAIL_DATA. */
const noWakeup = 1;
const forceWakeup = 2;
const availableData = 0;
/** Such a part of a ring, of the larger ones that of `smallestRing`, is to be read when it is unread, whatever it is. */
const mostUnread = 1 / 4;

/**
 * Sends the record, with the time noted, or with the time now (for an entry, taken last). The reader is woken if it sleeps: by an entry whose return is to
 * come (`quiet`) only when much is unread, for a wake-up, some 15 µs in a virtual machine, would be in the call's latency.
 */
export function submit(
  asm: Assembler,
  { probes, ringBytes = smallestRing }: { readonly probes: number; readonly ringBytes?: number },
  { time, quiet = false }: { readonly time: 'noted' | 'now'; readonly quiet?: boolean },
): void {
  if (time === 'now') {
    asm.call('ktime_get_ns');
    asm.store(8, r7, header.ktime, r0);
  } else {
    asm.load(8, r1, fp, frame.ktime);
    asm.store(8, r7, header.ktime, r1);
  }
  asm.mov(r1, r7);
  asm.mov(r2, immediate(noWakeup));
  asm.call('ringbuf_submit');
  const done = asm.newLabel();
  if (quiet) {
    asm.loadMapFd(r1, mapNames.ring);
    asm.mov(r2, immediate(availableData));
    asm.call('ringbuf_query');
    asm.jumpIf('lt', r0, immediate(mostUnread * Math.min(ringBytes, smallestRing)), done);
  }
  wake(asm, probes, done);
  asm.label(done);
}

/** By an empty record that is given back. The kernel's own rule wakes for the record that the reader waits at, which a quiet one may be. The word is looked at behind the record, so that who clears it sees the record. */
function wake(asm: Assembler, probes: number, done: Label): void {
  asm.loadMapValue(r1, mapNames.control, wokenOffset(probes));
  asm.load(8, r2, r1, 0);
  asm.jumpIf('ne', r2, immediate(0), done);
  asm.loadMapFd(r1, mapNames.ring);
  asm.mov(r2, immediate(8));
  asm.mov(r3, immediate(0));
  asm.call('ringbuf_reserve');
  asm.jumpIf('eq', r0, immediate(0), done);
  asm.loadMapValue(r2, mapNames.control, wokenOffset(probes));
  asm.store(8, r2, 0, immediate(1));
  asm.mov(r1, r0);
  asm.mov(r2, immediate(forceWakeup));
  asm.call('ringbuf_discard');
}
