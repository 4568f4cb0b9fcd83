/** `make images`: the images of Sonde and of its demo as OCI archives in dist/, without a container engine. */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { demoImage, demoReference, sondeImage, sondeReference } from '../testing/cluster/image.ts';
import { root } from '../testing/root.ts';

const dist = join(root, 'dist');
mkdirSync(dist, { recursive: true });
for (const [reference, build] of [
  [sondeReference, sondeImage],
  [demoReference, demoImage],
] as const) {
  const archive = join(dist, `${reference.replace(':', '-')}.tar`);
  await build(reference, archive);
  console.log(`${reference}: ${archive}, ${(statSync(archive).size / 1e6).toFixed(1)} MB`);
}
