import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ProcessError, RunningProcess } from '../process.ts';

const run = promisify(execFile);

/** The node's address, on one end of a veth pair whose both ends are inside (there may be no dummy interfaces). */
export const nodeAddress = '10.99.0.1';

/**
 * Mount, network and pid namespaces for a whole cluster. Its init is a sleeping process that ends with us: with it the kernel ends
 * every process inside, whatever started it, and what they mounted and configured goes too.
 */
export class Namespaces {
  /** The init's pid outside. */
  readonly pid: number;
  readonly #holder: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(holder: ChildProcess, pid: number) {
    this.#holder = holder;
    this.pid = pid;
    this.#ended = new Promise((resolve) => void holder.once('exit', () => resolve()));
  }

  /** `folder`: for what the kubelet and CNI keep in fixed places. */
  static async create(folder: string): Promise<Namespaces> {
    const flags = [
      '--mount',
      '--net',
      '--pid',
      '--fork',
      '--kill-child=KILL',
      '--mount-proc',
      '--propagation',
      'private',
    ];
    // The shell inside ends when we do: its input is our pipe.
    const inside = ['sh', '-c', 'echo ready; read -r _; exit 0'];
    const holder = spawn('unshare', [...flags, '--', ...inside], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      holder.stdout!.once('data', () => resolve());
      holder.once('exit', () => reject(new ProcessError('unshare ended: root is needed')));
    });
    const children = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim();
    const namespaces = new Namespaces(holder, Number(children.split(' ')[0]));
    try {
      await namespaces.execute('bash', ['-c', setup(folder)]);
    } catch (error) {
      await namespaces.close();
      throw error;
    }
    return namespaces;
  }

  /** Starts a program inside; it ends with the namespaces. `only`: enters just these, as `n` for the network. */
  start(file: string, args: readonly string[]): RunningProcess {
    return new RunningProcess('nsenter', { args: [...this.entering('mnp'), file, ...args] });
  }

  /** The arguments of nsenter before the command. */
  entering(which: string): string[] {
    return ['-t', String(this.pid), ...[...which].map((each) => `-${each}`), '--'];
  }

  /** Runs a program inside to its end. @throws with its output when it fails. */
  async execute(file: string, args: readonly string[], which = 'mnp'): Promise<string> {
    const { stdout } = await run('nsenter', [...this.entering(which), file, ...args], { maxBuffer: 64 << 20 });
    return stdout;
  }

  async close(): Promise<void> {
    this.#holder.kill('SIGKILL');
    await this.#ended;
    // Init is gone when all others are (pid_namespaces(7)).
    for (let i = 0; i < 500 && alive(this.pid); i++) await sleep(10);
  }
}

function alive(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function setup(folder: string): string {
  const kept = ['kubelet:/var/lib/kubelet', 'cni:/var/lib/cni', 'pods:/var/log/pods', 'containers:/var/log/containers'];
  for (const each of kept) mkdirSync(join(folder, each.split(':')[0]!), { recursive: true });
  // The kubelet sets these for the whole machine: it is shown the values that it wants, the real ones stay.
  const sysctls = { 'vm/overcommit_memory': 1, 'kernel/panic': 10, 'kernel/panic_on_oops': 1 };
  return [
    'set -e',
    'mount --make-rshared /',
    'mount -t tmpfs -o mode=755 tmpfs /run',
    'mkdir -p /run/lock /run/netns /run/containerd',
    ...kept
      .map((each) => each.split(':'))
      .map(([from, to]) => `mkdir -p ${to}; mount --bind '${join(folder, from!)}' ${to}`),
    ...Object.entries(sysctls).map(([key, value]) => {
      const shown = join(folder, key.replace('/', '_'));
      return `echo ${value} >'${shown}'; mount --bind '${shown}' /proc/sys/${key}`;
    }),
    'ip link set lo up',
    'ip link add node0 type veth peer name node0p',
    'ip link set node0p up',
    `ip addr add ${nodeAddress}/24 dev node0`,
    'ip link set node0 up',
    'ip route add default dev node0',
    'echo 1 >/proc/sys/net/ipv4/ip_forward',
  ].join('\n');
}
