import { metadataFunctions, ofUnknown, toldByItself } from './functions/metadata.ts';
import type { Application } from './plan.ts';

/**
 * What nobody here knows, or no table was there to look it up in: names and ids are empty, as Pixie's are for a process outside any
 * pod, and times are missing. Undefined: it is no such function.
 */
export function metadataText({ operation, type }: Application): string | undefined {
  if (toldByItself.has(operation) || !Object.hasOwn(metadataFunctions, operation)) return undefined;
  if (type === 'STRING') return `'${ofUnknown(operation)}'`;
  return type === 'BOOLEAN' ? 'false' : 'CAST(NULL AS BIGINT)';
}
