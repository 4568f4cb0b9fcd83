import type { Binding, ClusterClient, ClusterObject } from '#cluster';

type Ending = ClusterObject & {
  readonly status?: { readonly conditions?: readonly { readonly status: string; readonly message?: string }[] };
};

/** Those of the objects that are there; `ending`: only those whose deletion is under way. As people read it, with what holds them. */
export async function there(
  client: ClusterClient,
  objects: readonly ClusterObject[],
  { ending }: { readonly ending: boolean },
): Promise<string[]> {
  const found = await Promise.all(objects.map((object) => client.read<Ending>(object as never)));
  return found.flatMap((each, i) => {
    if (each === undefined || (ending && each.metadata?.deletionTimestamp === undefined)) return [];
    const { kind, metadata } = objects[i]!;
    const name = `${kind} ${metadata?.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata?.name}`;
    const held = (each.status?.conditions ?? [])
      .filter(({ status }) => status === 'True')
      .map(({ message }) => message);
    const finalizers = each.metadata?.finalizers ?? [];
    if (finalizers.length > 0) held.push(`it waits for ${finalizers.join(', ')}`);
    const why = kind === 'Namespace' || finalizers.length > 0 ? held.filter(Boolean).join('; ') : '';
    return [why === '' ? name : `${name} (${why})`];
  });
}

/**
 * Deletes the bindings of tokens' subjects to these roles: `px token create` had somebody make them, and another token of that name would have their rights. Bindings of others
 * to the roles are somebody else's: they are told.
 */
export async function deleteBindings(
  client: ClusterClient,
  roles: readonly string[],
  tokenNamespace: string,
): Promise<string[]> {
  const bound = (await client.bindings()).filter(
    ({ roleRef }) => roleRef.kind === 'ClusterRole' && roles.includes(roleRef.name),
  );
  const isOfToken = ({ subjects = [] }: Binding) =>
    subjects.length > 0 &&
    subjects.every(({ kind, namespace }) => kind === 'ServiceAccount' && namespace === tokenNamespace);
  for (const binding of bound.filter(isOfToken)) await client.delete(binding);
  return bound
    .filter((binding) => !isOfToken(binding))
    .map(({ kind, metadata, roleRef }) => {
      const place = metadata?.namespace === undefined ? '' : `${metadata.namespace}/`;
      return `${kind} ${place}${metadata?.name} is not Sonde’s: it binds the ClusterRole ${roleRef.name}, which is no more`;
    });
}
