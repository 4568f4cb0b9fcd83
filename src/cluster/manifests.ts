import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KubernetesObject, loadAllYaml, loadYaml } from '@kubernetes/client-node';

interface Kustomization {
  readonly resources: readonly string[];
  /** For every object, and with `includeTemplates` for the pods that it makes. */
  readonly labels?: readonly {
    readonly pairs: Readonly<Record<string, string>>;
    readonly includeTemplates?: boolean;
  }[];
}

/** The objects of a folder's kustomization, with its labels, in the order in which it names their files; `images` replaces image references. */
export function readManifests(folder: string, images: Readonly<Record<string, string>> = {}): KubernetesObject[] {
  const text = readFileSync(join(folder, 'kustomization.yaml'), 'utf8');
  const { resources, labels = [] } = loadYaml<Kustomization>(text);
  const objects = resources.flatMap((file) =>
    loadAllYaml(readFileSync(join(folder, file), 'utf8')),
  ) as KubernetesObject[];
  for (const object of objects) {
    for (const { pairs, includeTemplates } of labels) {
      object.metadata = { ...object.metadata, labels: { ...object.metadata?.labels, ...pairs } };
      const template = templateOf(object);
      if (template && includeTemplates)
        template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, ...pairs } };
    }
    for (const container of templateOf(object)?.spec.containers ?? []) {
      const replaced = Object.hasOwn(images, container.image) ? images[container.image] : undefined;
      if (replaced !== undefined) container.image = replaced;
    }
  }
  return objects;
}

interface Template {
  metadata?: { labels?: Record<string, string> };
  readonly spec: { readonly containers: { image: string }[] };
}

function templateOf(object: KubernetesObject): Template | undefined {
  return (object as { spec?: { template?: Template } }).spec?.template;
}
