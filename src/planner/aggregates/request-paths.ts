import { type Aggregates, text } from './definition.ts';

/** What Pixie's request_path_ops.cc makes of paths depends on their order: one place must see them all. */
export const requestPaths: Aggregates<'_build_request_path_clusters'> = {
  _build_request_path_clusters: {
    type: ({ type }) => (type === 'STRING' ? text : undefined),
    text: (value, { order }) =>
      `px__build_request_path_clusters(CAST(to_json(list(${value} ORDER BY ${order})) AS VARCHAR))`,
    split: { kind: 'rows' },
  },
};
