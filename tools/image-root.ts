/** `node tools/image-root.ts FOLDER`: the files of Sonde's image, into an empty folder. The Dockerfile and `make images` both have them from here. */
import { mkdirSync } from 'node:fs';
import { fillSonde } from '../testing/cluster/image.ts';

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write('usage: node tools/image-root.ts FOLDER\n');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
fillSonde(folder);
