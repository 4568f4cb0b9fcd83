import { SondeError } from '#base';
import { type ClusterClient, ClusterError } from './client.ts';
import { expiry, type TracepointObject } from './resource.ts';

/** Says who wrote an object: the API server lets nobody put another's name there (k8s/owner.yaml). */
const ownerAnnotation = 'sonde.dev/owner';

/** The name belongs to a tracepoint of somebody else's that still traces. */
export class TracepointTaken extends SondeError {
  readonly code = 'cluster.tracepoint-taken';
  readonly owner: string;

  constructor(object: TracepointObject, owner: string, leftMs: number) {
    const { metadata, spec } = object;
    const where = metadata.namespace === undefined ? '' : ` in namespace ${metadata.namespace}`;
    super(`tracepoint ${spec.name}${where} is ${owner}’s and traces for another ${Math.ceil(leftMs / 1000)} s`);
    this.owner = owner;
  }
}

/** Who wrote a tracepoint, as Kubernetes knows them: the user, or of an object that no px wrote, the program. Empty: nobody knows. */
export function ownerOf({ metadata }: TracepointObject): string {
  const named = metadata.annotations?.[ownerAnnotation];
  if (named !== undefined) return named;
  const wrote = (metadata.managedFields ?? []).filter(({ fieldsV1 }) => 'f:spec' in ((fieldsV1 ?? {}) as object));
  return wrote.map(({ manager }) => manager ?? '').join(', ');
}

/**
 * Writes a tracepoint as `owner`, who is the client's user. Each user is a field manager, so that the API server itself refuses to change what
 * is another's; what has ended anybody may have. `replace`: also what still traces.
 * @throws TracepointTaken, ClusterError
 */
export async function writeTracepoint(
  client: ClusterClient,
  object: TracepointObject,
  owner: string,
  replace = false,
): Promise<TracepointObject> {
  const annotations = { ...object.metadata.annotations, [ownerAnnotation]: owner };
  const own = { ...object, metadata: { ...object.metadata, annotations } };
  // At most 128 characters (apimachinery's ValidateFieldManager).
  const manager = `px ${owner}`.slice(0, 128);
  try {
    return await client.apply(own, manager, false);
  } catch (error) {
    if (!(error instanceof ClusterError) || error.status !== 409) throw error;
    const there = await client.read<TracepointObject>(own as never);
    const now = there === undefined ? 0 : await client.time();
    if (there !== undefined && !replace && isLive(there, now))
      throw new TracepointTaken(there, ownerOf(there) || 'somebody', expiry(there) - now);
    // If it changes once more meanwhile, that is an error of its own.
    const { resourceVersion } = there?.metadata ?? {};
    const metadata = { ...own.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    return await client.apply({ ...own, metadata }, manager, true);
  }
}

function isLive(object: TracepointObject, now: number): boolean {
  const nodes = object.status?.nodes ?? [];
  return expiry(object) > now && (nodes.length === 0 || nodes.some(({ state }) => state !== 'TERMINATED'));
}
