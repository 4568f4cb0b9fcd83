import {
  type ClusterClient,
  type ClusterClock,
  ClusterError,
  NoSuchTarget,
  reasonOf,
  settled,
  type TracepointObject,
  TracepointTaken,
  writeTracepoint,
} from '#cluster';
import {
  bindingCommands,
  type Caller,
  type Deletion,
  type Holder,
  MachineError,
  noSuchTracepoint,
  type Placed,
  subjectOf,
  UserError,
} from '#door';
import type { LogicalTracepoint } from '#model';
import type { Nodes } from './nodes.ts';
import type { Scopes } from './scopes.ts';
import { heldTracepoints, placedObject } from './tracepoints.ts';

interface PlacementParts {
  readonly client: ClusterClient;
  readonly clock: ClusterClock;
  readonly nodes: Nodes;
  readonly scopes: Scopes;
}

/**
 * Places the tracepoints of scripts whose clients have a token of Sonde's and no kubeconfig: by the same objects that px writes for its user, written here as the
 * token's subject. So that subject's rights decide, and the audit log has its name.
 */
export class Placement implements Holder {
  readonly #parts: PlacementParts;
  readonly #subjects = new Map<string, ClusterClient>();

  constructor(parts: PlacementParts) {
    this.#parts = parts;
  }

  async place(logical: LogicalTracepoint, caller: Caller): Promise<Placed> {
    const { client, scopes } = this.#parts;
    const { object, hint } = await placedObject(logical, await scopes.ofToken(caller), this.#parts);
    requireBound(caller, object);
    const subject = this.#subject(caller);
    try {
      const before = await subject.read<TracepointObject>(object as never);
      const written = await writeTracepoint(subject, object, subjectOf(caller.token!.name).user);
      const outcome = await settled(client, written);
      // One that waits for its first process is there, and has no table to ask for yet.
      if (outcome.state !== 'done') throw new UserError(reasonOf(outcome, hint) ?? 'it could not be placed');
      return { id: written.metadata.uid ?? '', changed: !isSame(before, object) };
    } catch (error) {
      throw asFault(error, caller);
    }
  }

  async delete(deletes: readonly Deletion[], upserts: readonly LogicalTracepoint[], caller: Caller): Promise<void> {
    if (deletes.length === 0) return;
    const { client, scopes } = this.#parts;
    const held = await heldTracepoints(client, await scopes.ofToken(caller));
    const known = [...new Set(held.map(({ spec }) => spec.name))];
    const missing = deletes.filter(({ name }) => !known.includes(name) && !upserts.some((each) => each.name === name));
    if (missing.length > 0) throw new UserError(missing.map((each) => noSuchTracepoint(each, known)));
    const doomed = held.filter(({ spec }) => deletes.some(({ name }) => name === spec.name));
    const subject = this.#subject(caller);
    try {
      for (const { apiVersion, kind, metadata } of doomed) {
        const { name, namespace } = metadata;
        await subject.delete({ apiVersion, kind, metadata: { name: name!, ...(namespace ? { namespace } : {}) } });
      }
    } catch (error) {
      throw asFault(error, caller);
    }
  }

  #subject({ token }: Caller): ClusterClient {
    const { user } = subjectOf(token!.name);
    const known = this.#subjects.get(user) ?? this.#parts.client.impersonating(user);
    this.#subjects.set(user, known);
    return known;
  }
}

function requireBound({ token, name }: Caller, { metadata: { namespace } }: TracepointObject): void {
  const bounds = token!.namespaces;
  if (bounds.length === 0 || (namespace !== undefined && bounds.includes(namespace))) return;
  const what = namespace === undefined ? 'a process outside any pod' : `namespace ${namespace}`;
  throw new UserError(`${name} is good for ${bounds.join(', ')} only: it may not trace ${what}`);
}

/** It was there and traced the same: writing it once more renews it. */
function isSame(before: TracepointObject | undefined, { spec }: TracepointObject): boolean {
  if (!before?.status?.nodes?.some(({ state }) => state === 'RUNNING')) return false;
  const meaning = ({ renewedAt: _, ...rest }: TracepointObject['spec']) => JSON.stringify(sorted(rest));
  return meaning(before.spec) === meaning(spec);
}

/** With its keys in one order: the API server has its own. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

/** What the API server refuses is about the subject's rights: whoever made the token can give them. */
function asFault(error: unknown, { token }: Caller): unknown {
  if (error instanceof TracepointTaken || error instanceof NoSuchTarget) return new UserError(error.message);
  if (!(error instanceof ClusterError)) return error;
  if (error.status !== 403) return new MachineError(error.message, { cause: error });
  const { name, namespaces } = token!;
  const hint = `whoever made the token can allow it: ${bindingCommands(name, 'tracer', namespaces).join('; ')}`;
  return new UserError([{ id: 'broker.forbidden', message: error.message, hints: [hint] }]);
}
