import type { Span } from '#base';
import type { Expression, Script } from './tree.ts';

/** A function that a script defines at its top level; what a vis.json may call. */
export interface ScriptFunction {
  readonly name: string;
  readonly arguments: readonly {
    readonly name: string;
    /** Dotted text of the annotation: `str`, `px.Time`; undefined where there is none or it is no name. */
    readonly annotation?: string;
    readonly hasDefault: boolean;
  }[];
  readonly docstring?: string;
  readonly span: Span;
}

/** The script's top-level functions without decorators, in order. */
export function scriptFunctions(tree: Script): readonly ScriptFunction[] {
  const found: ScriptFunction[] = [];
  for (const statement of tree.body) {
    if (statement.kind !== 'function' || statement.decorators.length > 0) continue;
    found.push({
      name: statement.name,
      arguments: statement.parameters.map((parameter) => {
        const annotation = parameter.annotation && dotted(parameter.annotation);
        return {
          name: parameter.name,
          ...(annotation === undefined ? {} : { annotation }),
          hasDefault: parameter.default !== undefined,
        };
      }),
      ...(statement.docstring === undefined ? {} : { docstring: statement.docstring }),
      span: statement.nameSpan,
    });
  }
  return found;
}

function dotted(node: Expression): string | undefined {
  if (node.kind === 'name') return node.name;
  if (node.kind !== 'attribute') return undefined;
  const object = dotted(node.object);
  return object && `${object}.${node.name}`;
}
