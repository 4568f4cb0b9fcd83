import type { Partials } from './definition.ts';

/** States of nodes as one text; none has this sign in it. */
const between = ';';

/** A list of the states, each cast to a type. */
export function statesText(gathered: string, type: string): string {
  return `list_transform(string_split(${gathered}, '${between}'), lambda s_: CAST(s_ AS ${type}))`;
}

/** The entries `{key, value}` of states that are maps to counts. */
export function entriesText(gathered: string, key: 'DOUBLE' | 'VARCHAR'): string {
  return `flatten(list_transform(${statesText(gathered, `MAP(${key}, BIGINT)`)}, lambda m_: map_entries(m_)))`;
}

export const statePartials: Partials<'gathered'> = {
  gathered: { text: (value) => `string_agg(${value}, '${between}')` },
};
