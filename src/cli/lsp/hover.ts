import { analyse, type Catalog, describe, membersOf } from '#planner';
import type { Attribute, Expression, StringLiteral } from '#pxl';
import type { Programs } from './completion.ts';
import { pathTo, type TreeNode } from './place.ts';

export interface Hovered {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** The type of what is pointed at, and what it is for. */
export async function hover(
  text: string,
  offset: number,
  catalog: Catalog,
  programs: Programs,
): Promise<Hovered | undefined> {
  const analysis = analyse(text, catalog, BigInt(Date.now()) * 1_000_000n);
  const path = pathTo(analysis.parsed.tree, offset);
  const node = path.at(-1);
  if (node === undefined) return undefined;
  const at = (shown: string | undefined, { start, end }: TreeNode['span'] = node.span): Hovered | undefined =>
    shown === undefined ? undefined : { text: shown, start, end };
  if (node.kind === 'attribute') {
    const { object, name, nameSpan } = node as Attribute & TreeNode;
    const of = analysis.valueOf(object);
    const member = of && membersOf(analysis.session, of).find((each) => each.name === name);
    if (member !== undefined && (member.detail !== '' || member.what !== undefined)) {
      const head = member.kind === 'column' ? `${name}: ${member.detail}` : member.detail || name;
      return at(member.what === undefined ? head : `${head}\n${member.what}`, nameSpan);
    }
    const value = analysis.valueOf(node as Attribute & TreeNode);
    return at(value && describe(value), nameSpan);
  }
  if (node.kind === 'string' && isProbe(path)) {
    const { value } = node as StringLiteral & TreeNode;
    const found = (
      await programs.functions(
        value,
        analysis.upserts.map(({ target }) => target),
      )
    ).find((each) => each.name === value);
    return at(found === undefined ? undefined : `${found.name}\n${found.signature}`);
  }
  const value =
    analysis.valueOf(node as Expression & TreeNode) ??
    ('name' in node ? analysis.globals.get(String(node.name)) : undefined);
  return at(value && describe(value));
}

function isProbe(path: readonly TreeNode[]): boolean {
  const call = path.at(-2);
  if (call?.kind !== 'call' || !('function' in call)) return false;
  const callee = call.function as Expression;
  return (callee.kind === 'attribute' || callee.kind === 'name') && callee.name === 'probe';
}
