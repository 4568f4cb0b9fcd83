import { parseAst } from 'rolldown/parseAst';

export interface Import {
  /** As it stands: `#base`, `./x.ts`, `node:fs`, `koffi`. */
  readonly specifier: string;
  /** Line of the statement, from 1. */
  readonly line: number;
  /** False when types are all that is imported: nothing of it is left when the program runs. */
  readonly value: boolean;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly source?: Node & { readonly value?: unknown };
  readonly specifiers?: readonly { readonly importKind?: string; readonly exportKind?: string }[];
  readonly importKind?: string;
  readonly exportKind?: string;
  readonly callee?: { readonly type: string; readonly name?: string };
  readonly arguments?: readonly { readonly type: string; readonly value?: unknown }[];
}

/**
 * All imports and re-exports of a TypeScript source, dynamic ones with a literal argument too. An `import()` or `require`
 * of a computed path has the specifier `(computed)`.
 */
export function importsOf(source: string, file: string): Import[] {
  const found: Import[] = [];
  const add = (node: Node, specifier: unknown, value: boolean) => {
    const line = source.slice(0, node.start).split('\n').length;
    found.push({ specifier: typeof specifier === 'string' ? specifier : '(computed)', line, value });
  };
  walk(parseAst(source, { lang: 'ts' }, file) as unknown as Node, (node) => {
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration': {
        if (!node.source) return;
        const kinds = node.specifiers ?? [];
        const onlyTypes =
          node.importKind === 'type' ||
          node.exportKind === 'type' ||
          (kinds.length > 0 && kinds.every((one) => one.importKind === 'type' || one.exportKind === 'type'));
        add(node, node.source.value, !onlyTypes);
        return;
      }
      case 'ImportExpression':
        add(node, node.source?.value, true);
        return;
      case 'TSImportType':
        add(node, node.source?.value, false);
        return;
      case 'CallExpression':
        if (node.callee?.type === 'Identifier' && node.callee.name === 'require')
          add(node, node.arguments?.[0]?.value, true);
    }
  });
  return found;
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const child of Object.values(node) as unknown[]) {
    for (const one of Array.isArray(child) ? (child as unknown[]) : [child]) {
      if (typeof one === 'object' && one !== null && typeof (one as Node).type === 'string') walk(one as Node, visit);
    }
  }
}
