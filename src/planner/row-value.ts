import type { Span } from '#base';
import { wrongKind } from './call.ts';
import { fault } from './fault.ts';
import { apply, outputColumns, type Relational, reference, type Scalar, sourcesOf, typeOf } from './plan.ts';
import type { Argument, Frame } from './value.ts';

/** What `rowValue` gives; rows of one DataFrame have nothing to do with those of another, so that all of it must be made of what this one came from. */
export function ownValue(frame: Frame, argument: Argument, parameter: string): Scalar {
  const scalar = rowValue(frame, argument, parameter);
  if (argument.value.kind === 'scalar') requireOwn(frame, argument.value.scalar, argument.span);
  return scalar;
}

function requireOwn(frame: Frame, scalar: Scalar, span: Span): void {
  if (scalar.kind === 'apply') for (const each of scalar.arguments) requireOwn(frame, each, span);
  if (scalar.kind !== 'column' || frame.columns.some((column) => column.id === scalar.id)) return;
  if (madeIn(frame.plan, scalar.id, new Set())) return;
  fault('pxl.type', `the column '${scalar.name}' of another DataFrame is not available in this context`, span, [
    'merge the DataFrames first',
  ]);
}

function madeIn(plan: Relational, id: number, seen: Set<Relational>): boolean {
  if (seen.has(plan)) return false;
  seen.add(plan);
  return (
    outputColumns(plan).some((column) => column.id === id) || sourcesOf(plan).some((each) => madeIn(each, id, seen))
  );
}

/**
 * A value for each row of this frame. A column of another DataFrame, or one that was replaced since, means this frame's column of
 * that name, as in Pixie, where an expression knows columns by name only.
 */
function rowValue(frame: Frame, argument: Argument, parameter: string): Scalar {
  const { value } = argument;
  if (value.kind !== 'scalar') return wrongKind('Column', parameter, argument);
  return byName(frame, value.scalar, argument.span);
}

function byName(frame: Frame, scalar: Scalar, span: Span): Scalar {
  if (scalar.kind === 'constant') return scalar;
  if (scalar.kind === 'apply') {
    const operands = scalar.arguments.map((each) => byName(frame, each, span));
    const same = operands.every((each, i) => each === scalar.arguments[i]);
    return same ? scalar : apply(scalar.operation, typeOf(scalar), ...operands);
  }
  if (frame.columns.some((column) => column.id === scalar.id)) return scalar;
  const mine = frame.columns.find((column) => column.name === scalar.name);
  if (mine && mine.type === scalar.type && mine.unsigned === scalar.unsigned) return reference(mine);
  return fault(
    'pxl.type',
    mine
      ? `the column '${scalar.name}' in this expression is ${scalar.type} in another DataFrame, and ${mine.type} in this one`
      : `the column '${scalar.name}' in this expression belongs to another DataFrame, and this one has none of that name`,
    span,
    ['write the expression over the DataFrame as it is now'],
  );
}
