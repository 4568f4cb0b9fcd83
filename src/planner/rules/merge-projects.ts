import type { Project } from '../plan.ts';
import { definitions, mostMerged, substituted } from './walk.ts';

/** Two projections in a row as one. */
export function mergeProjects(plan: Project): Project {
  const { source } = plan;
  if (source.operator !== 'project') return plan;
  const inner = definitions(source);
  const outputs = plan.outputs.map(({ column, value }) => ({ column, value: substituted(value, inner) }));
  if (outputs.some((output) => output.value.size > mostMerged)) return plan;
  return { ...plan, source: source.source, outputs };
}
