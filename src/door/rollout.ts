import { createHash } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { vizier } from '#api';
import type { Span } from '#base';
import type { LogicalTracepoint, TracepointState } from '#model';
import { type Caller, requireRole } from './access.ts';
import { grpcCode, type Send } from './answer.ts';
import { atTarget, CallRefused, MachineError, UserError } from './errors.ts';

/** So long a client waits that knows nothing of mutations: it gets rows or a reason, no progress. */
const patienceMs = 30_000;
/** So long one answer to Pixie's px waits for the probes: a failure is then told in the first. It asks five times more within 25 s. */
const answerMs = 5_000;
/** Between two of its questions lie 5 s; after this it asks no more. */
const forgetMs = 60_000;
const mostAttempts = 1000;

const lifeCycle: Readonly<Record<TracepointState, vizier.LifeCycleState>> = {
  PENDING: vizier.LifeCycleState.PENDING_STATE,
  RUNNING: vizier.LifeCycleState.RUNNING_STATE,
  FAILED: vizier.LifeCycleState.FAILED_STATE,
  TERMINATED: vizier.LifeCycleState.TERMINATED_STATE,
};

/** A script that places tracepoints, for one caller. */
export interface Placement {
  readonly script: string;
  readonly upserts: readonly LogicalTracepoint[];
  readonly caller: Caller;
  readonly send: Send;
}

/** A tracepoint that is in place. */
export interface Placed {
  readonly id: string;
  /** It was not there before. */
  readonly changed: boolean;
}

/** A tracepoint that a script deletes. */
export interface Deletion {
  readonly name: string;
  readonly span: Span;
}

/** Who holds the tracepoints: an agent itself, a broker by objects of the cluster. */
export interface Holder {
  /** Puts one in place for somebody; resolves when it traces. @throws UserError, MachineError */
  place(logical: LogicalTracepoint, caller: Caller): Promise<Placed>;
  /** @throws UserError before anything is changed, when one is not there and `upserts` does not place it */
  delete(deletes: readonly Deletion[], upserts: readonly LogicalTracepoint[], caller: Caller): Promise<void>;
}

/** What a script changes, and who asks. */
export interface Changes {
  readonly request: vizier.ExecuteScriptRequest;
  readonly deletes: readonly Deletion[];
  readonly upserts: readonly LogicalTracepoint[];
  readonly caller: Caller;
  readonly send: Send;
}

/** What Pixie's px, which asks again and again, has been told of one script. */
interface Attempt {
  readonly rollout: Rollout;
  told: 'pending' | 'running';
  readonly forget: NodeJS.Timeout;
}

/** Places the tracepoints of scripts and tells each kind of client of it in the way that it understands. */
export class Rollouts {
  readonly #holder: Holder;
  readonly #attempts = new Map<string, Attempt>();

  constructor(holder: Holder) {
    this.#holder = holder;
  }

  /** Does what a script wants changed, as its client can follow it. @throws CallRefused (see `inSteps`, and without the role), UserError, MachineError */
  async run({ request, deletes, upserts, caller, send }: Changes): Promise<void> {
    if (deletes.length === 0 && upserts.length === 0) return;
    requireRole(caller, 'tracer', 'a script that places or deletes tracepoints');
    const script = JSON.stringify([request.queryStr, request.execFuncs]);
    const placement = { script, upserts, caller, send };
    const stepwise = caller.audience === 'pixie' && request.mutation;
    if (!stepwise || !this.underWay(placement)) await this.#holder.delete(deletes, upserts, caller);
    if (upserts.length === 0) return;
    if (caller.audience === 'sonde') await this.withProgress(placement);
    else if (stepwise) await this.inSteps(placement);
    else await this.inSilence(placement);
  }

  /** The script is being placed for a client that asks again: what it deletes has been deleted. */
  underWay(placement: Omit<Placement, 'upserts'>): boolean {
    return this.#attempts.has(attemptKey(placement));
  }

  /** Sonde's own px: progress in the open call. @throws UserError, MachineError */
  async withProgress({ upserts, caller, send }: Placement): Promise<void> {
    const rollout = new Rollout(this.#holder, upserts, caller);
    await send(rollout.info(grpcCode.unavailable));
    await rollout.over;
    await send(rollout.info(rollout.failed ? grpcCode.internal : grpcCode.ok));
    rollout.check();
  }

  /** A client that did not ask for a mutation would not understand news of one: it waits. @throws UserError, MachineError */
  async inSilence({ upserts, caller }: Placement): Promise<void> {
    const rollout = new Rollout(this.#holder, upserts, caller);
    if (await within(rollout.over, patienceMs)) return rollout.check();
    throw new MachineError(
      `the probes of ${upserts.map(({ name }) => name).join(', ')} are not in place after ${patienceMs / 1000} s; they are still being placed: run the script again`,
    );
  }

  /**
   * Pixie's px shows what it deploys only when it is answered three times: not ready, then RUNNING and yet not ready, then ready with the rows (`docs/decisions/0010`).
   * Resolves for the last of them, and at once when all was in place before. @throws CallRefused (CANCELLED) for the others, UserError, MachineError
   */
  async inSteps(placement: Placement): Promise<void> {
    const { upserts, caller, send } = placement;
    const key = attemptKey(placement);
    const earlier = this.#attempts.get(key);
    // The last step places them once more: that renews those that are there.
    const last = earlier?.told === 'running';
    const rollout = earlier && !last ? earlier.rollout : new Rollout(this.#holder, upserts, caller);
    const over = await within(rollout.over, answerMs);
    if (rollout.failed) {
      this.#forget(key);
      await send(rollout.info(grpcCode.internal));
      return rollout.check();
    }
    if (over && (last || (!earlier && !rollout.changed))) {
      this.#forget(key);
      return send(rollout.info(grpcCode.ok));
    }
    if (!earlier || last) this.#remember(key, rollout);
    else if (over) earlier.told = 'running';
    await send(rollout.info(grpcCode.unavailable, earlier && over ? undefined : 'PENDING'));
    throw new CallRefused(status.CANCELLED, 'the probes are being placed: ask again');
  }

  #remember(key: string, rollout: Rollout): void {
    this.#forget(key);
    const [oldest] = this.#attempts.keys();
    if (this.#attempts.size >= mostAttempts) this.#forget(oldest!);
    const forget = setTimeout(() => this.#attempts.delete(key), forgetMs).unref();
    this.#attempts.set(key, { rollout, told: 'pending', forget });
  }

  #forget(key: string): void {
    clearTimeout(this.#attempts.get(key)?.forget);
    this.#attempts.delete(key);
  }
}

function attemptKey({ script, caller }: Omit<Placement, 'upserts'>): string {
  return `${caller.name} ${createHash('sha256').update(script).digest('hex')}`;
}

/** The tracepoints of one script on their way into their processes. It goes on whether or not somebody waits. */
class Rollout {
  /** Resolves when each is in place or has failed; never rejects. */
  readonly over: Promise<unknown>;
  readonly #states: { id: string; readonly name: string; state: TracepointState; reason: string }[];
  readonly #failures: { readonly error: unknown; readonly logical: LogicalTracepoint }[] = [];
  #changed = false;

  constructor(holder: Holder, upserts: readonly LogicalTracepoint[], caller: Caller) {
    this.#states = upserts.map(({ name }) => ({ id: '', name, state: 'PENDING', reason: '' }));
    this.over = Promise.all(
      upserts.map(async (logical, i) => {
        const state = this.#states[i]!;
        try {
          const { id, changed } = await holder.place(logical, caller);
          Object.assign(state, { id, state: 'RUNNING' });
          this.#changed ||= changed;
        } catch (error) {
          Object.assign(state, { state: 'FAILED', reason: (error as Error).message });
          this.#failures.push({ error, logical });
        }
      }),
    );
  }

  get failed(): boolean {
    return this.#failures.length > 0;
  }

  /** One of them was not in place before. */
  get changed(): boolean {
    return this.#changed;
  }

  /** All of them, in their order. `as`: the state to be told in place of RUNNING. */
  info(code: number, as?: TracepointState): { mutationInfo: vizier.MutationInfo } {
    const message = this.#states
      .filter(({ reason }) => reason !== '')
      .map(({ name, reason }) => `${name}: ${reason}`)
      .join('\n');
    const states = this.#states.map(({ id, name, state, reason }) => ({
      id,
      name,
      state: lifeCycle[state === 'RUNNING' ? (as ?? state) : state],
      sondeReason: reason,
    }));
    return { mutationInfo: { status: { code, message, errorDetails: [] }, states } };
  }

  /** @throws what has gone wrong, if something has */
  check(): void {
    const machine = this.#failures.find(({ error }) => !(error instanceof UserError));
    if (machine) throw machine.error;
    if (this.failed) {
      throw new UserError(this.#failures.flatMap(({ error, logical }) => atTarget(error as UserError, logical)));
    }
  }
}

/** Whether it is over by then. */
function within(over: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    void over.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
