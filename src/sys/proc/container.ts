import type { Sys } from '../sys.ts';
import { text, unlessGone } from './gone.ts';

export interface ContainerId {
  /** As the runtime has it: 64 hex digits for docker, containerd, CRI-O and podman. */
  readonly id: string;
  /** Of Kubernetes, lower case with dashes. */
  readonly podUid?: string;
}

/** Undefined for a process in no container (that its cgroup tells of), or gone. */
export function readContainerId(sys: Sys, pid: number): ContainerId | undefined {
  const bytes = unlessGone(() => sys.readFile(`/proc/${pid}/cgroup`));
  return bytes && parseContainerId(text(bytes));
}

/** Paths of the cgroups that a process is in; none for one that has ended. */
export function readCgroups(sys: Sys, pid: number): string[] {
  const bytes = unlessGone(() => sys.readFile(`/proc/${pid}/cgroup`));
  if (bytes === undefined) return [];
  return text(bytes)
    .split('\n')
    .map((line) => line.split(':').slice(2).join(':'))
    .filter((path) => path !== '');
}

/** Last path component → id: what each runtime makes of it, most telling first. */
const forms: readonly RegExp[] = [
  // docker-<id>.scope, cri-containerd-<id>.scope, crio-<id>.scope, libpod-<id>.scope, plain <id>, <unit>:cri-containerd:<id>
  /^(?:.*[-:])?([0-9a-f]{64})(?:\.scope|\.service)?$/,
  // Amazon ECS: <task>-<number>
  /^([0-9a-f]{32}-\d{6,})$/,
  // Cloud Foundry's garden
  /^([0-9a-f]{8}(?:-[0-9a-f]{4}){4})$/,
  // LXC: lxc.payload.<name>
  /^lxc\.payload\.(.+)$/,
  // systemd-nspawn: machine-<name>.scope
  /^machine-(.+)\.scope$/,
];

/** The container of proc_pid_cgroup(5) text: cgroup v1 and v2, with the systemd or the cgroupfs driver, nested too (the innermost). */
export function parseContainerId(cgroup: string): ContainerId | undefined {
  let best: { id: string; form: number; podUid: string | undefined } | undefined;
  for (const line of cgroup.split('\n')) {
    const path = line.split(':').slice(2).join(':');
    if (!path.startsWith('/')) continue;
    const found = innermost(path);
    if (found && (!best || found.form < best.form)) best = { ...found, podUid: podUidOf(path) };
  }
  if (!best) return undefined;
  return best.podUid === undefined ? { id: best.id } : { id: best.id, podUid: best.podUid };
}

function innermost(path: string): { id: string; form: number } | undefined {
  const parts = path.split('/');
  // Below a container there may be cgroups of its own (systemd inside, kubelet's init.scope), hence not only the last part.
  for (const part of parts.reverse()) {
    // crio-conmon-<id>.scope holds the container's monitor, not the container.
    if (part.startsWith('crio-conmon-') || part.startsWith('libpod-conmon-')) return undefined;
    for (let form = 0; form < forms.length; form++) {
      const id = forms[form]!.exec(part)?.[1];
      if (id !== undefined) return { id, form };
    }
  }
  const lxc = /\/lxc\/([^/]+)/.exec(path)?.[1];
  return lxc === undefined ? undefined : { id: lxc, form: forms.length };
}

/** `pod<uid>`, `…-pod<uid with underscores>.slice`, `….slice:cri-containerd:<id>`; of static pods the hash of their file. */
const podForm =
  /pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?=[./:]|$)/g;

/** The innermost: a node may itself be a pod of another cluster. */
function podUidOf(path: string): string | undefined {
  const uid = [...path.matchAll(podForm)].at(-1)?.[1];
  return uid?.replaceAll('_', '-');
}
