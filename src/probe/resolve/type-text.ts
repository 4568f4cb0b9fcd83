import { nearest } from '#base';
import type { GoType, GoVariable } from '#gobin';
import type { BinaryView } from '../binary.ts';

/** Longest type name in a sentence: those of unnamed structs hold all their fields. */
const longest = 80;
/** Most variables or fields that a hint lists. */
const mostListed = 30;

/** The type's name, cut where it is one without end. */
export function typeName(type: GoType): string {
  return type.name.length <= longest ? type.name : `${type.name.slice(0, longest)}…`;
}

/** `iterations int64, r *http.Request`: the variables or fields that there are, for a diagnostic's hint. */
export function variablesText(
  variables: readonly Pick<GoVariable, 'name' | 'type'>[],
  binary: Pick<BinaryView, 'type'>,
): string {
  const listed = variables
    .slice(0, mostListed)
    .map((variable) => `${variable.name} ${typeName(binary.type(variable.type))}`);
  if (variables.length > mostListed) listed.push(`and ${variables.length - mostListed} more`);
  return listed.join(', ');
}

/** Any other single letter is as near as the next: no guess then. */
export function didYouMean(name: string, names: readonly string[], before = ''): string[] {
  if (name.length < 2) return [];
  return nearest(name, names, 1).map((candidate) => `did you mean ${before}${candidate}?`);
}
