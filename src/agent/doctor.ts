import { arch } from 'node:os';
import type { sonde } from '#api';
import { SondeError } from '#base';
import { ExecWatch, type Feature, mostPerfSites } from '#bpf';
import {
  capabilities,
  inFirstUserNamespace,
  listPids,
  missingCapabilities,
  openProcessMemory,
  readCommandLine,
  readKernelRelease,
  readLockdown,
  readSecurityProfile,
  type Sys,
} from '#sys';
import type { Kernel } from './kernel.ts';
import { microseconds } from './latency.ts';

type State = 'ok' | 'missing' | 'warning';
type Report = (name: string, state: State, detail: string, advice?: string) => Promise<void>;

/** Processes whose memory is tried: the newest ones. */
const mostLookedAt = 64;

/** What this machine offers and lacks, each found by trying. */
export async function runChecks(
  sys: Sys,
  kernel: Kernel,
  send: (check: sonde.DoctorCheck) => Promise<void>,
): Promise<void> {
  const report: Report = (name, state, detail, advice = '') => send({ name, state, detail, advice });
  await report('kernel', 'ok', `Linux ${readKernelRelease(sys) ?? 'of unknown release'}, ${arch()}`);
  await checkRights(sys, report);
  await checkKernel(sys, kernel, report);
  await checkCosts(kernel, report);
  await checkFloats(kernel, report);
}

async function checkRights(sys: Sys, report: Report): Promise<void> {
  const missing = missingCapabilities(sys);
  for (const [name, { use }] of Object.entries(capabilities)) {
    const lacks = missing.some((each) => each === name);
    const short = name.replace('CAP_', '');
    const advice = `run px with sudo (after \`px agent stop\`), or give the agent's container ${name} (docker run --cap-add ${short})`;
    await report(name, lacks ? 'missing' : 'ok', `to ${use}`, lacks ? advice : '');
  }
  const first = inFirstUserNamespace(sys);
  if (first === false) {
    const detail = 'not the first one: its capabilities do not count where eBPF and uprobes are asked for';
    await report('user namespace', 'missing', detail, 'run px outside of it (no rootless container)');
  } else await report('user namespace', 'ok', first ? 'the first one' : 'cannot be told');
  const profile = readSecurityProfile(sys);
  await report(
    'security profile',
    profile === undefined ? 'ok' : 'warning',
    profile === undefined ? 'none confines px' : `${profile}: it may refuse what is tried below`,
    profile === undefined ? '' : 'if so, run the agent without it (docker run --security-opt apparmor=unconfined)',
  );
  const lockdown = readLockdown(sys);
  const kept = lockdown === 'confidentiality';
  await report(
    'lockdown',
    kept ? 'warning' : 'ok',
    kept ? 'confidentiality: eBPF programs may not read kernel memory' : (lockdown ?? 'none'),
    kept ? 'goroutine ids are missing in assembly functions; boot with lockdown=integrity or none' : '',
  );
  await checkMemory(sys, report);
}

/** Security modules may keep processes apart whatever the capabilities. */
async function checkMemory(sys: Sys, report: Report): Promise<void> {
  let refusal: string | undefined;
  let readable = 0;
  let refused = 0;
  for (const pid of listPids(sys).slice(-mostLookedAt)) {
    if (pid === sys.pid || readCommandLine(sys, pid)?.length === 0) continue; // kernel threads have no command line
    const { present, reason } = tried(() => openProcessMemory(sys, pid)?.close());
    if (present) readable++;
    else refused++;
    refusal ??= reason;
  }
  const counts = `memory of ${readable} of ${readable + refused} other processes can be read`;
  const advice = 'only processes that can be read can be traced';
  if (refusal === undefined) await report('other processes', 'ok', counts);
  else {
    const fine = readable >= refused;
    await report('other processes', fine ? 'ok' : 'warning', `${counts} (${refusal})`, fine ? '' : advice);
  }
}

async function checkKernel(sys: Sys, kernel: Kernel, report: Report): Promise<void> {
  const { bpf, ringBuffer, attachCookie, namespacePid, perfLink, uprobeMulti, sleepable, btf } = kernel.features;
  const free = missingCapabilities(sys).length === 0 && inFirstUserNamespace(sys) !== false;
  const rights = free ? undefined : 'see the rights above';
  const check = async (name: string, feature: Feature, works: string, otherwise: State, advice: string) => {
    if (feature.present) return report(name, 'ok', works);
    if (name !== 'eBPF' && !bpf.present) return report(name, otherwise, 'not tried: eBPF does not work', rights ?? '');
    return report(name, otherwise, feature.reason ?? 'missing', rights ?? advice);
  };
  await check('eBPF', bpf, 'works', 'missing', 'it needs Linux 5.15 or later with CONFIG_BPF_SYSCALL, and the rights');
  await check('BPF ring buffer', ringBuffer, 'works', 'missing', 'it needs Linux 5.8 or later');
  await check(
    'uprobe_multi links',
    uprobeMulti,
    'work: thousands of sites at once, gone at once',
    'warning',
    `Linux 6.6 or later has them. Without: at most ${mostPerfSites} sites a tracepoint, about 0.1 s a site to come off (also after a kill of the agent), and CAP_SYS_ADMIN is needed`,
  );
  const perfAdvice = 'it needs Linux 5.15 or later with CONFIG_UPROBES, and CAP_SYS_ADMIN (run px with sudo)';
  if (!perfLink.present && uprobeMulti.present) {
    await report('uprobes by perf link', 'ok', `not needed here, and not to be had: ${perfLink.reason}`);
  } else await check('uprobes by perf link', perfLink, 'work', 'missing', perfAdvice);
  const noCookie = 'rows do not tell at which return site a call ended';
  await check('attach cookies', attachCookie, 'work', 'warning', noCookie);
  const noNamespace = 'processes in containers are traced only by an agent in the host pid namespace';
  await check('pid namespaces', namespacePid, 'pids can be told in any namespace', 'warning', noNamespace);
  const noWait =
    'pages that are not resident cannot be waited for (wait_for_pages): what lies on them shows as not captured';
  await check('sleepable uprobes', sleepable, 'work: wait_for_pages is to be had', 'warning', noWait);
  const exec = bpf.present ? tried(() => new ExecWatch(sys, () => {}).close()) : bpf;
  await check('notice of exec', exec, 'works', 'warning', 'tracepoints do not follow a process that replaces itself');
  const noBtf = 'goroutine ids are missing in assembly functions; it needs CONFIG_DEBUG_INFO_BTF';
  await report('kernel BTF', btf.present ? 'ok' : 'warning', btf.reason ?? 'there', btf.present ? '' : noBtf);
}

async function checkCosts(kernel: Kernel, report: Report): Promise<void> {
  const { bpf, perfLink, uprobeMulti } = kernel.features;
  if (!bpf.present || !(perfLink.present || uprobeMulti.present)) {
    await report('cost of one hit', 'missing', 'not measured: no uprobe can be placed');
    return;
  }
  const { emulatedNs, steppedNs, latencyFloor } = await kernel.hitCost();
  await report(
    'cost of one hit',
    'ok',
    `${emulatedNs} ns where the kernel emulates the probed instruction, ${steppedNs} ns where it single-steps`,
  );
  await report(
    'latency floor',
    'ok',
    `a traced call of an empty function shows ${microseconds(latencyFloor.emulatedNs)} when its return is emulated, ${microseconds(latencyFloor.steppedNs)} when it is single-stepped: shorter times are the probe's own`,
  );
}

/** A thread per CPU, a sleepable program and the kernel's types are what it takes. */
async function checkFloats({ features, floats }: Kernel, report: Report): Promise<void> {
  const name = 'floats in registers';
  if (!features.bpf.present || !(features.perfLink.present || features.uprobeMulti.present)) {
    await report(name, 'warning', 'not tried: no uprobe can be placed', 'see above');
    return;
  }
  const { found, cpus, lacking } = floats.report();
  const without = [...lacking].map(([cpu, reason]) => `CPU ${cpu}: no kicker: ${reason}`);
  if (typeof found === 'string') {
    const advice =
      'floats in registers show as not captured; it takes Linux 6.0 or later with BTF on x86-64, and CAP_SYS_NICE';
    await report(name, 'warning', [found, ...without].join('; '), advice);
    return;
  }
  const works = `can be read: a kicker on ${cpus.length} of ${cpus.length + lacking.size} CPUs; a hit waits ${microseconds(found.saveNs)} for them`;
  const advice =
    "on CPUs without a kicker they show as not captured; let the agent's cpuset and cgroup use every CPU, with real-time threads";
  await report(
    name,
    without.length === 0 ? 'ok' : 'warning',
    [works, ...without].join('; '),
    without.length === 0 ? '' : advice,
  );
}

function tried(attempt: () => void): Feature {
  try {
    attempt();
    return { present: true };
  } catch (error) {
    if (!(error instanceof SondeError)) throw error;
    return { present: false, reason: error.message };
  }
}
