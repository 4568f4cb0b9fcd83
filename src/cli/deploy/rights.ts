import type { ClusterClient, ClusterObject } from '#cluster';

/** What somebody lacks for doing these things with all of the objects, a line each; empty: nothing. Asked before anything is changed. */
export async function missingRights(
  client: ClusterClient,
  objects: readonly ClusterObject[],
  verbs: readonly string[],
): Promise<string[]> {
  const kinds = new Map<string, { group: string; resource: string; namespace: string | undefined }>();
  for (const { apiVersion = '', kind = '', metadata } of objects) {
    const group = apiVersion.includes('/') ? apiVersion.split('/')[0]! : '';
    const namespace = metadata?.namespace;
    kinds.set(`${kind} ${namespace}`, { group, resource: resourceOf(kind), namespace });
  }
  const lines = [...kinds.values()].map(async ({ group, resource, namespace }) => {
    const may = await Promise.all(verbs.map((verb) => client.may(verb, group, resource, namespace)));
    const lacking = verbs.filter((_, i) => !may[i]);
    if (lacking.length === 0) return [];
    return [`${lacking.join(', ')} ${resource}${namespace === undefined ? '' : ` in namespace ${namespace}`}`];
  });
  return (await Promise.all(lines)).flat();
}

function resourceOf(kind: string): string {
  return `${kind.toLowerCase()}s`.replace(/ys$/, 'ies');
}
