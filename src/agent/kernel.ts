import { SondeError } from '#base';
import { calibrate, type HitCost, type KernelFeatures, kernelFeatures, readKernelBtf, VerifierRejected } from '#bpf';
import { MachineError, UserError } from '#door';
import type { EmitFeatures, FloatState, ProcessFilter } from '#probe';
import {
  capabilities,
  errno,
  isFirstPidNamespace,
  missingCapabilities,
  readLockdown,
  readNamespace,
  readProcessStatus,
  type Sys,
} from '#sys';
import { Floats } from './floats.ts';

/**
 * `EmitFeatures.checkedSteps` at first, and at least. The verifier of Linux 6.1 takes some 7,000 of its million instructions for each, where a program
 * has several ways to where the walk begins.
 */
const firstCheckedSteps = 64;
const leastCheckedSteps = 8;

/** What this kernel and our rights offer, found by trying, once; and what a hit costs here. */
export class Kernel {
  readonly floats: Floats;
  readonly #sys: Sys;
  #features: KernelFeatures | undefined;
  #emitFeatures: EmitFeatures | undefined;
  #cost: Promise<HitCost> | undefined;
  #checkedSteps = firstCheckedSteps;

  constructor(sys: Sys) {
    this.#sys = sys;
    this.floats = new Floats(sys, () => this.multi);
  }

  get features(): KernelFeatures {
    this.#features ??= kernelFeatures(this.#sys);
    return this.#features;
  }

  /** Probes are attached by uprobe_multi links. */
  get multi(): boolean {
    return this.features.uprobeMulti.present;
  }

  get emitFeatures(): EmitFeatures {
    this.#emitFeatures ??= this.#findEmitFeatures();
    return { ...this.#emitFeatures, checkedSteps: this.#checkedSteps };
  }

  /**
   * From now on programs follow half as many references: one was too long for the verifier, which without `may_goto` looks at every step.
   * False: it is not for that, or nothing would be left.
   */
  followLess(refused: unknown): boolean {
    const tooLong = refused instanceof VerifierRejected && refused.errno === errno.E2BIG;
    if (!tooLong || this.emitFeatures.mayGoto === true || this.#checkedSteps <= leastCheckedSteps) return false;
    this.#checkedSteps /= 2;
    return true;
  }

  /** How programs read float registers, or why they cannot: for `compileTarget`. */
  readonly floatState = (): FloatState | string => {
    const found = this.floats.find();
    return typeof found === 'string' ? found : found.state;
  };

  /** Measured at the first call, some 30 ms; where it cannot be measured, figures of a slow machine. */
  hitCost(): Promise<HitCost> {
    this.#cost ??= calibrate(this.#sys, { multi: this.multi }).catch((error) => {
      if (!(error instanceof SondeError)) throw error;
      return { emulatedNs: 1000, steppedNs: 15_000, latencyFloor: { emulatedNs: 1000, steppedNs: 1000 } };
    });
    return this.#cost;
  }

  /** Finds out what every tracepoint needs to know, before there is one. What cannot be found out is said to the first that asks. */
  prepare(): void {
    try {
      if (missingCapabilities(this.#sys).length > 0 || !this.features.bpf.present) return;
      void this.emitFeatures;
      this.hitCost().catch(() => {});
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
    }
  }

  /** @throws MachineError that says what is missing and how to get it. */
  requirePrivileges(): void {
    const missing = missingCapabilities(this.#sys);
    if (missing.length > 0) {
      const uses = missing.map((name) => `${name} (to ${capabilities[name].use})`).join(', ');
      throw new MachineError(
        `tracing needs root, or these capabilities that the agent lacks: ${uses}. Run px with sudo, after \`px agent stop\` if an agent without them runs; in a container, add them (docker run ${missing.map((name) => `--cap-add ${name.slice(4)}`).join(' ')})`,
      );
    }
    const { bpf, ringBuffer, perfLink, uprobeMulti } = this.features;
    for (const [name, feature] of Object.entries({ eBPF: bpf, 'the BPF ring buffer (Linux 5.8)': ringBuffer })) {
      if (!feature.present)
        throw new MachineError(`this kernel does not offer ${name}: ${feature.reason}. px doctor tells more`);
    }
    if (!perfLink.present && !uprobeMulti.present) {
      throw new MachineError(
        `this kernel places no uprobes: ${uprobeMulti.reason}; ${perfLink.reason}. px doctor tells more`,
      );
    }
  }

  /**
   * By what the programs know the process: its pid in its own pid namespace, which is the kernel's own numbering only where that is
   * the machine's first one.
   */
  filter(pid: number): ProcessFilter {
    const tgid = readProcessStatus(this.#sys, pid)?.namespacePids.at(-1);
    const namespace = readNamespace(this.#sys, pid);
    if (tgid === undefined || namespace === undefined) throw new UserError(`process ${pid} has ended`);
    return isFirstPidNamespace(namespace) ? { tgid } : { tgid, namespace };
  }

  #findEmitFeatures(): EmitFeatures {
    const attachCookie = this.features.attachCookie.present;
    const fsbaseOffset = this.#fsbaseOffset();
    const mayGoto = this.features.mayGoto.present;
    const sleepable = this.features.sleepable.present;
    const found = { attachCookie, mayGoto, sleepable };
    return fsbaseOffset === undefined ? found : { ...found, fsbaseOffset };
  }

  #fsbaseOffset(): number | undefined {
    // Under this lockdown a program that reads kernel memory is refused as a whole.
    if (!this.features.btf.present || readLockdown(this.#sys) === 'confidentiality') return undefined;
    try {
      return readKernelBtf(this.#sys).fieldOffset('task_struct', 'thread.fsbase');
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      return undefined;
    }
  }
}
