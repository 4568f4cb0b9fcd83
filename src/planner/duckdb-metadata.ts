import { metadataFunctions } from './functions/metadata.ts';
import type { Application } from './plan.ts';

/** What a UPID itself tells, or what the processes of this machine tell, needs no Kubernetes. */
const known = new Set([
  'upid_to_pid',
  'upid_to_asid',
  'upid_to_string',
  'has_value',
  'has_service_name',
  'has_service_id',
]);

/**
 * What is known of Kubernetes' objects. There is none on one machine: nobody knows the name of a pod, so that names and ids are
 * empty, as Pixie's are for a process outside any pod, and times are missing. Undefined: it is no such function.
 */
export function metadataText({ operation, type }: Application): string | undefined {
  if (known.has(operation) || !Object.hasOwn(metadataFunctions, operation)) return undefined;
  if (type === 'STRING') return "''";
  return type === 'BOOLEAN' ? 'false' : 'CAST(NULL AS BIGINT)';
}
