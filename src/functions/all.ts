import { addresses } from './addresses.ts';
import { formats } from './format.ts';
import { numberedNames } from './numbered-names.ts';
import { personalData } from './personal-data.ts';
import { profiles } from './pprof.ts';
import { requestPaths } from './request-paths.ts';
import type { RowFunction } from './row-function.ts';
import { sqlStatements } from './sql-statements.ts';
import { texts } from './texts.ts';
import { uris } from './uris.ts';

/** Every function of PxL that the store calls row by row instead of writing it as SQL. */
export const rowFunctions: readonly RowFunction[] = [
  ...addresses,
  ...formats,
  ...numberedNames,
  ...personalData,
  ...profiles,
  ...requestPaths,
  ...sqlStatements,
  ...texts,
  ...uris,
];
