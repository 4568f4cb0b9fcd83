import { type Aggregates, text } from './definition.ts';

/** Of stacks, counts and a period in milliseconds, packed into one text a row (pprof_ops.h). */
export const profiles: Aggregates<'pprof'> = {
  pprof: {
    inputs: ['STRING', 'INT64', 'INT64'],
    type: ({ type }) => (type === 'STRING' ? text : undefined),
    text: (value) => `px__pprof(CAST(to_json(list(${value}) FILTER (WHERE ${value} IS NOT NULL)) AS VARCHAR))`,
    split: { kind: 'rows' },
  },
};
