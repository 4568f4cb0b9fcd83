import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KubernetesObject, loadAllYaml, loadYaml } from '@kubernetes/client-node';

/** The objects of a folder's kustomization, in the order in which it names their files; `images` replaces image references. */
export function readManifests(folder: string, images: Readonly<Record<string, string>> = {}): KubernetesObject[] {
  const { resources } = loadYaml<{ resources: string[] }>(readFileSync(join(folder, 'kustomization.yaml'), 'utf8'));
  const objects = resources.flatMap((file) =>
    loadAllYaml(readFileSync(join(folder, file), 'utf8')),
  ) as KubernetesObject[];
  for (const object of objects) {
    for (const container of podTemplate(object)?.containers ?? []) {
      const replaced = Object.hasOwn(images, container.image) ? images[container.image] : undefined;
      if (replaced !== undefined) container.image = replaced;
    }
  }
  return objects;
}

function podTemplate(object: KubernetesObject): { containers: { image: string }[] } | undefined {
  const { spec } = object as { spec?: { template?: { spec?: { containers: { image: string }[] } } } };
  return spec?.template?.spec;
}
