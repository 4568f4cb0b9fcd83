import { SondeError } from '#base';
import { type BpfMap, type FloatsFound, findFloats, floatTrial, Kickers, VerifierRejected } from '#bpf';
import { floatTrialProgram } from '#probe';
import { readLockdown, type Sys } from '#sys';

/** What `px doctor` tells. */
export interface FloatsReport {
  /** A string: why not. */
  readonly found: FloatsFound | string;
  /** CPUs with a kicker. */
  readonly cpus: readonly number[];
  /** CPU → why it has none. */
  readonly lacking: ReadonlyMap<number, string>;
}

/** Kickers that are there as long as it is held. */
export interface KickerLease extends Disposable {
  readonly map: BpfMap;
}

/** Float registers on this machine: how they are read, found by trial, and the kickers, which exist only while somebody holds a lease. */
export class Floats {
  readonly #sys: Sys;
  readonly #multi: () => boolean;
  #kickers: Kickers | undefined;
  #leases = 0;
  #found: FloatsFound | undefined;

  /** `multi`: programs are attached by uprobe_multi links. */
  constructor(sys: Sys, multi: () => boolean) {
    this.#sys = sys;
    this.#multi = multi;
  }

  /** How, or why not. Takes some 50 ms until it is known; what was refused is tried again, for rights and cgroups change. */
  find(): FloatsFound | string {
    if (this.#found) return this.#found;
    const { found } = this.report();
    if (typeof found !== 'string') this.#found = found;
    return found;
  }

  /** Tries everything anew. */
  report(): FloatsReport {
    if (readLockdown(this.#sys) === 'confidentiality') {
      return { found: 'kernel lockdown forbids programs to read kernel memory', cpus: [], lacking: new Map() };
    }
    try {
      using lease = this.#lease();
      const { cpus, lacking } = lease.kickers;
      return { found: this.#try(lease.kickers), cpus, lacking };
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      return { found: reasonOf(error), cpus: [], lacking: new Map() };
    }
  }

  /** Throws SondeError where there is no kicker at all. */
  lease(): KickerLease {
    return this.#lease();
  }

  #try(kickers: Kickers): FloatsFound | string {
    try {
      return findFloats(this.#sys, kickers, {
        multi: this.#multi(),
        program: (place, kick) => floatTrialProgram(place, floatTrial, kick),
      });
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      return reasonOf(error);
    }
  }

  #lease(): KickerLease & { readonly kickers: Kickers } {
    this.#kickers ??= new Kickers(this.#sys);
    const kickers = this.#kickers;
    this.#leases++;
    let held = true;
    return {
      kickers,
      map: kickers.map,
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        if (--this.#leases > 0) return;
        this.#kickers = undefined;
        kickers.close();
      },
    };
  }
}

/** One line: it stands beside every value that is missing for it. */
function reasonOf(error: SondeError): string {
  if (!(error instanceof VerifierRejected)) return error.message;
  const words = error.message.split('\n').at(-1);
  return `it takes sleepable uprobe programs with kernel types (Linux 6.0), which this kernel refuses: ${words}`;
}
