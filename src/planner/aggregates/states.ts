import type { Partials } from './definition.ts';

/** States of nodes as one text; none has this sign in it. */
const between = ';';

/** A list of the states, each cast to a type. */
export function statesText(gathered: string, type: string): string {
  return `list_transform(string_split(${gathered}, '${between}'), lambda s_: CAST(s_ AS ${type}))`;
}

/** The entries `{key, value}` of states that are maps of texts to counts. */
export function entriesText(gathered: string): string {
  return `flatten(list_transform(${statesText(gathered, 'MAP(VARCHAR, BIGINT)')}, lambda m_: map_entries(m_)))`;
}

/** All that stands in the first or the second half of states of the form `1,2,3|4,5,6`. */
export function halvesText(gathered: string, half: 1 | 2, type: 'DOUBLE' | 'BIGINT'): string {
  const ofOne = `string_split(split_part(s_, '|', ${half}), ',')`;
  return `CAST(flatten(list_transform(string_split(${gathered}, '${between}'), lambda s_: ${ofOne})) AS ${type}[])`;
}

export const statePartials: Partials<'gathered'> = {
  gathered: { text: (value) => `string_agg(${value}, '${between}')` },
};
