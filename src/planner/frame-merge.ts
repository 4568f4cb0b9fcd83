import type { Span } from '#base';
import { bind, stringArgument, stringsArgument, wrongKind } from './call.ts';
import { fault } from './fault.ts';
import { checkColumnName, columnOf, frameOf, newColumn } from './frame.ts';
import { type Join, type JoinKind, type PlanColumn, reference, type Union } from './plan.ts';
import type { Session } from './session.ts';
import { type Argument, type CallSite, type Frame, unknown, type Value } from './value.ts';

const kinds: readonly string[] = ['inner', 'left', 'right', 'outer'];

/**
 * `left.merge(right, how, left_on, right_on, suffixes)`: all columns of the left, then all of the right. No columns to merge on means
 * every pair of rows.
 */
export function merge(session: Session, frame: Frame, site: CallSite): Value {
  const bound = bind(site, ['right', 'how?', 'left_on', 'right_on', 'suffixes?']);
  const other = bound.right!;
  if (other.value.kind === 'opaque') return other.value.poisoned ? other.value : unknown;
  if (other.value.kind !== 'frame') return wrongKind('DataFrame', 'right', other);
  const right = other.value.frame;
  const how = bound.how ? stringArgument(bound.how, 'how') : 'inner';
  if (!kinds.includes(how)) {
    fault('pxl.value', `'${how}' is no kind of merge`, bound.how!.span, [`one of: ${kinds.join(', ')}`]);
  }
  const on = keys(frame, right, bound.left_on!, bound.right_on!);
  const [leftSuffix, rightSuffix] = suffixes(bound.suffixes);
  const shared = new Set(
    frame.columns.filter(({ name }) => right.columns.some((each) => each.name === name)).map(({ name }) => name),
  );
  const named = ({ name }: PlanColumn, suffix: string) => (shared.has(name) ? name + suffix : name);
  const taken: string[] = [];
  const output = (side: 'left' | 'right', suffix: string) => (from: PlanColumn) => {
    const name = named(from, suffix);
    checkColumnName(name, bound.suffixes?.span ?? site.span, taken);
    taken.push(name);
    return { column: newColumn(session, name, from), side, from };
  };
  const plan: Join = {
    operator: 'join',
    left: frame.plan,
    right: right.plan,
    kind: how as JoinKind,
    on,
    outputs: [...frame.columns.map(output('left', leftSuffix)), ...right.columns.map(output('right', rightSuffix))],
  };
  return { kind: 'frame', frame: frameOf(plan, deeper(frame, right), site.span) };
}

function keys(left: Frame, right: Frame, leftOn: Argument, rightOn: Argument): Join['on'] {
  const mine = stringsArgument(leftOn, 'left_on');
  const theirs = stringsArgument(rightOn, 'right_on');
  if (mine.length !== theirs.length) {
    const text = "'left_on' and 'right_on' must contain the same number of elements.";
    fault('pxl.arguments', text, rightOn.span, [`left_on has ${mine.length}, right_on ${theirs.length}`]);
  }
  return mine.map((each, i) => {
    const a = columnOf(left, each.text, each.span);
    const b = columnOf(right, theirs[i]!.text, theirs[i]!.span);
    if (a.type !== b.type) {
      fault(
        'pxl.type',
        `'${a.name}' is ${a.type} and '${b.name}' is ${b.type}: they cannot be merged on`,
        theirs[i]!.span,
      );
    }
    return { left: reference(a), right: reference(b) };
  });
}

function suffixes(argument: Argument | undefined): [string, string] {
  if (argument === undefined) return ['_x', '_y'];
  const given = stringsArgument(argument, 'suffixes');
  const [left, right] = given;
  if (given.length !== 2 || !left || !right) {
    return fault('pxl.value', 'suffixes are two texts', argument.span, ["suffixes=['_x', '_y']"]);
  }
  return [left.text, right.text];
}

/** `df.append(other)` or `df.append([other, …])`: the rows of all, which have the same columns. */
export function append(session: Session, frame: Frame, site: CallSite): Value {
  const objs = bind(site, ['objs']).objs!;
  const { value } = objs;
  const items = value.kind === 'list' || value.kind === 'tuple' ? value.items : [objs];
  const others: { readonly frame: Frame; readonly span: Span }[] = [];
  for (const item of items) {
    if (item.value.kind === 'opaque') return item.value.poisoned ? item.value : unknown;
    if (item.value.kind !== 'frame') return wrongKind('DataFrame', 'objs', item);
    others.push({ frame: item.value.frame, span: item.span });
  }
  if (others.length === 0) fault('pxl.value', 'append() needs a DataFrame', site.span);
  const columns = frame.columns.map((column) => newColumn(session, column.name, column));
  const sources: Union['sources'] = [
    { plan: frame.plan, from: frame.columns },
    ...others.map((other) => ({ plan: other.frame.plan, from: matching(frame, other.frame, other.span) })),
  ];
  const deepest = others.reduce((all, other) => deeper(all, other.frame), frame);
  return { kind: 'frame', frame: frameOf({ operator: 'union', sources, columns }, deepest, site.span) };
}

/** The other's columns in this one's order; both have the same names with the same types. */
function matching(frame: Frame, other: Frame, span: Span): PlanColumn[] {
  const surplus = other.columns.find(({ name }) => !frame.columns.some((column) => column.name === name));
  if (surplus) {
    fault('pxl.type', `the DataFrame to append has a column '${surplus.name}' that this one lacks`, span, [
      `this one has: ${frame.columns.map((column) => column.name).join(', ')}`,
    ]);
  }
  return frame.columns.map((column) => {
    const found = other.columns.find((each) => each.name === column.name);
    if (!found) return fault('pxl.type', `the DataFrame to append lacks the column '${column.name}'`, span);
    if (found.type !== column.type || found.unsigned !== column.unsigned) {
      fault('pxl.type', `'${column.name}' is ${column.type} here and ${found.type} in the DataFrame to append`, span);
    }
    return found;
  });
}

/** What a frame over both is deeper than. */
function deeper(a: Frame, b: Frame): Frame {
  return { ...a, depth: Math.max(a.depth, b.depth), operators: a.operators + b.operators };
}
