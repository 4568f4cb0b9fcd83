import { randomUUID } from 'node:crypto';
import type { LogicalTracepoint, Relation, TracepointState } from '#model';
import { Away } from './away.ts';
import type { Deployment } from './deployment.ts';
import { Shared } from './shared.ts';

/** A tracepoint as the agent holds it. */
export interface Tracepoint {
  readonly id: string;
  readonly logical: LogicalTracepoint;
  readonly owner: string;
  readonly state: TracepointState;
  /** Why it is FAILED or TERMINATED; of a RUNNING one, what went wrong on the way; empty otherwise. */
  readonly reason: string;
  readonly rows: number;
  /** Of these, what the store could not keep (the disk is full). */
  readonly lost: number;
  /** Milliseconds of the wall clock. */
  readonly expiresAt: number;
  /** Processes that are traced now. */
  readonly processes: number;
  /** Calls that were seen. */
  readonly hits: number;
  /** CPUs that its hits cost just now. */
  readonly cost: number;
  /** Of these, those that its selection of calls has kept. */
  readonly kept: number;
  /** Events that were lost, and rows that the store could not keep. */
  readonly drops: number;
  /** Calls without a row because their condition could not be decided. */
  readonly undecided: number;
  /** What was not seen, and why. */
  readonly notices: readonly string[];
}

/** Where processes were refused for so many different reasons, no more are told. */
const mostReasons = 5;

/** Of a tracepoint whose selector fits nothing yet. */
export const noProcess = 'waiting for a process that it fits';

/** The same from the inside. */
export class HeldTracepoint implements Tracepoint {
  readonly id = randomUUID();
  readonly logical: LogicalTracepoint;
  readonly owner: string;
  state: TracepointState = 'PENDING';
  reason = '';
  rows = 0;
  lost = 0;
  expiresAt = 0;
  relation: Relation | undefined;
  timer: NodeJS.Timeout | undefined;
  readonly shared = new Shared();
  /** By UPID; of a target that is one process it stays when it has ended. */
  readonly deployments = new Map<string, Deployment>();
  /** Processes where it could not be placed, or was taken off again, and why. */
  readonly refused = new Map<string, Error>();
  /** The last telling of processes (`follow`) that is under way. */
  told: Promise<void> = Promise.resolve();
  /** Counts of deployments that are gone. */
  readonly #past = { hits: 0, kept: 0, drops: 0, undecided: 0 };
  readonly #pastAway = new Away();

  constructor(logical: LogicalTracepoint, owner: string) {
    this.logical = logical;
    this.owner = owner;
  }

  get processes(): number {
    return this.state === 'RUNNING' ? this.deployments.size : 0;
  }

  get hits(): number {
    return [...this.deployments.values()].reduce((sum, { hits }) => sum + hits, this.#past.hits);
  }

  get cost(): number {
    return [...this.deployments.values()].reduce((sum, { share }) => sum + share, 0);
  }

  get kept(): number {
    return [...this.deployments.values()].reduce((sum, { kept }) => sum + kept, this.#past.kept);
  }

  get drops(): number {
    return [...this.deployments.values()].reduce((sum, { drops }) => sum + drops, this.#past.drops) + this.lost;
  }

  get undecided(): number {
    return [...this.deployments.values()].reduce((sum, { undecided }) => sum + undecided, this.#past.undecided);
  }

  get notices(): readonly string[] {
    return this.#pastAway.with(this.deployments.values()).notices;
  }

  forget(key: string): void {
    const deployment = this.deployments.get(key);
    if (!deployment) return;
    this.#past.hits += deployment.hits;
    this.#past.kept += deployment.kept;
    this.#past.drops += deployment.drops;
    this.#past.undecided += deployment.undecided;
    this.#pastAway.add(deployment.upid.pid, deployment.awayNs);
    this.deployments.delete(key);
  }

  /** Over for good: one with a selector goes on looking for processes when it has failed in those that there are. */
  get ended(): boolean {
    return this.state === 'TERMINATED' || (this.state === 'FAILED' && this.logical.target.kind === 'upid');
  }

  /** With a selector: its state is what its processes say. */
  settle(): void {
    if (this.state === 'TERMINATED') return;
    const deployments = [...this.deployments.values()];
    const reasons = [...new Set([...this.refused.values()].map(({ message }) => message))];
    const more = reasons.length - mostReasons;
    if (more > 0) reasons.splice(mostReasons, more, `and ${more} more reasons`);
    if (deployments.length > 0) this.state = 'RUNNING';
    else this.state = reasons.length > 0 ? 'FAILED' : 'PENDING';
    const told = [...new Set([...reasons, ...deployments.flatMap(({ skipped }) => skipped)])];
    this.reason = told.length > 0 ? told.join('\n') : this.state === 'PENDING' ? noProcess : '';
  }
}
