import { leavesOf } from './computation/index.ts';
import type { ResolvedColumn, ResolvedProbe, ResolvedValue } from './resolve/index.ts';

/** Has the probe a value that the object graph is walked from? */
export function walks(probe: ResolvedProbe): boolean {
  return probe.columns.flatMap(columnValues).some(isWalked) || conditionValues(probe).some(isWalked);
}

/** Is there a part of the value that the object graph is walked from? */
export function isWalked(value: ResolvedValue): boolean {
  if (value.kind === 'computed') return leavesOf(value.computation).some(isWalked);
  return (
    value.kind === 'graph' ||
    value.kind === 'part' ||
    (value.kind === 'object' && value.fields.some((field) => isWalked(field.value)))
  );
}

function columnValues(column: ResolvedColumn): ResolvedValue[] {
  if (column.from === 'log') return column.parts.flatMap((part) => ('value' in part ? part.value : []));
  return 'value' in column ? [column.value] : [];
}

function conditionValues({ condition }: ResolvedProbe): ResolvedValue[] {
  if (condition === undefined) return [];
  return leavesOf(condition).flatMap((leaf) => ('value' in leaf ? leaf.value : []));
}
