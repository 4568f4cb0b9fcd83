import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { attachUprobes, loadProgram, makeMap, openRingBuffer, readKernelBtf } from '#bpf';
import { header, headerFlags, type LogicalTracepoint } from '#model';
import { Fd, openSys } from '#sys';
import { instructionText, openGoFile } from '../../../testing/ebpf/index.ts';
import { goFixture } from '../../../testing/go-fixtures.ts';
import { startProcess } from '../../../testing/process.ts';
import { compileTarget } from '../compile.ts';
import { control } from '../types.ts';
import { entryProgram, machine } from './index.ts';

const withoutBtf = !existsSync('/sys/kernel/btf/vmlinux');

it.skipIf(withoutBtf)(
  'g comes from thread-local storage where its register holds something else',
  async () => {
    const file = await goFixture({ source: 'values' });
    const binary = openGoFile(file);
    await using target = await startProcess(file, { ready: /ready/ });
    const { pid } = target;
    const sys = openSys();
    const fsbaseOffset = readKernelBtf(sys).fieldOffset('task_struct', 'thread.fsbase');
    expect(fsbaseOffset).toBeDefined();
    const features = { attachCookie: true, fsbaseOffset: fsbaseOffset! };
    const filter = { tgid: pid };
    const logical: LogicalTracepoint = {
      name: 't',
      table: 't',
      target: { kind: 'upid', upid: { agentId: 1, pid, startTicks: 1n } },
      ttlNs: 1n,
      probes: [{ function: 'main.ints', columns: [{ name: 'a', capture: { kind: 'argument', text: 'a' } }] }],
    };
    const found = compileTarget(logical, binary, { filter, features, targetIndex: 0, instructionText });
    if (!found.ok) throw new Error(JSON.stringify(found.diagnostics));
    const { maps, planned, sites } = found.value;
    const entry = sites[0]!.entry!;
    // A machine whose g register is r15, which never is g.
    const program = entryProgram(
      { machine: { ...machine('amd64'), g: 0 }, runtime: binary.runtime, features, filter, target: 0, probes: 1 },
      0,
      planned[0]!.entry!,
      entry,
    );
    using ringMap = makeMap(sys, maps.ring);
    using controlMap = makeMap(sys, maps.control);
    const byName = new Map([
      ['ring', ringMap],
      ['control', controlMap],
    ]);
    using loaded = loadProgram(sys, program, byName, { multi: true });
    using executable = new Fd(sys, sys.open(`/proc/${pid}/exe`, 0));
    const attachment = attachUprobes(sys, loaded, { executable, pid, sites: [{ offset: entry.offset, cookie: 0 }] });
    using ring = openRingBuffer(sys, ringMap.fd, maps.ring.maxEntries);
    Atomics.store(controlMap.words, control.gate, 1n);
    try {
      target.write('ints 5\n');
      await target.waitFor(/done ints/);
      const seen: [number, bigint][] = [];
      ring.drain((_, view, at) => {
        seen.push([view.getUint32(at + header.flags, true), view.getBigUint64(at + header.goid, true)]);
      });
      expect(seen).toEqual(Array(5).fill([headerFlags.g | headerFlags.goid, 1n]));
    } finally {
      attachment.close();
    }
  },
  120_000,
);
