import type { Membership } from '#pxl';
import { fault } from './fault.ts';
import { apply, constant, type Scalar } from './plan.ts';
import { comparison, logical, unary } from './scalars.ts';
import { type Argument, constantOf, kindName, scalarValue, type Value } from './value.ts';

/** `a in b`: an item of a list, a key of a dictionary, a part of a text. `a is None` and its like. */
export function membership(node: Membership, left: Argument, right: Argument): Value {
  // A DataFrame that is not there yet is a DataFrame.
  const dataFrame = left.value.kind === 'opaque' && !left.value.poisoned && node.operator === 'is';
  if (left.value.kind === 'opaque' && !dataFrame) return left.value;
  if (right.value.kind === 'opaque') return right.value;
  const found = node.operator === 'is' ? sameThing(node, left, right) : isIn(left, right);
  return scalarValue(node.negated ? unary('not', found, node.operatorSpan) : found);
}

function sameThing(node: Membership, left: Argument, right: Argument): Scalar {
  // A parameter may be a column or None; a column that is written out is asked for its rows.
  if (
    right.value.kind === 'none' &&
    left.value.kind === 'scalar' &&
    left.value.scalar.kind !== 'constant' &&
    node.left.kind !== 'name'
  ) {
    fault('pxl.type', '`is` asks about the script, not about its rows', node.operatorSpan, [
      `write ${node.negated ? 'not ' : ''}px.is_missing(…)`,
    ]);
  }
  if (left.value.kind === 'none' || right.value.kind === 'none') {
    return constant('BOOLEAN', left.value.kind === right.value.kind);
  }
  const [a, b] = [constantOf(left.value), constantOf(right.value)];
  if (a?.type === 'BOOLEAN' && b?.type === 'BOOLEAN') return constant('BOOLEAN', a.value === b.value);
  return fault('pxl.type', '`is` asks only for None, True and False', right.span, ['write `==`']);
}

function isIn(left: Argument, right: Argument): Scalar {
  const { value, span } = left;
  if (value.kind !== 'scalar') return fault('pxl.type', `'${kindName(value)}' is never in anything`, span);
  const { scalar } = value;
  const container = right.value;
  if (container.kind === 'scalar') {
    if (scalar.type !== 'STRING' || container.scalar.type !== 'STRING') {
      fault('pxl.type', `\`in\` cannot be used with ${scalar.type} and ${container.scalar.type}`, right.span);
    }
    const whole = container.scalar;
    if (scalar.kind === 'constant' && whole.kind === 'constant') {
      return constant('BOOLEAN', (whole.value as string).includes(scalar.value as string));
    }
    return apply('contains', { type: 'BOOLEAN', semantic: 'ST_NONE' }, whole, scalar);
  }
  const items =
    container.kind === 'dict'
      ? container.entries.map((entry) => entry.key)
      : container.kind === 'list' || container.kind === 'tuple'
        ? container.items
        : fault('pxl.type', `nothing is in '${kindName(container)}'`, right.span, ['a list, a dictionary or a text']);
  const equal = items.map((item) => {
    if (item.value.kind !== 'scalar')
      return fault('pxl.type', `'${kindName(item.value)}' cannot be compared`, item.span);
    const other = item.value.scalar;
    // Of constants Python compares whatever there is.
    if (scalar.kind === 'constant' && other.kind === 'constant' && scalar.type !== other.type)
      return constant('BOOLEAN', false);
    return comparison('==', scalar, other, item.span);
  });
  return equal.reduce((all, each) => logical('or', all, each, right.span), constant('BOOLEAN', false) as Scalar);
}
