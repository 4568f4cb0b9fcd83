import { BugError } from '#base';
import type { ResolvedPanic, ResolvedValue } from '../resolve/index.ts';
import type { PanicShape } from '../types.ts';
import { LayoutBuilder } from './layout.ts';
import type { EventPlan, PlanContext } from './plan.ts';

/** The event of a panic, and how its record is read. */
export interface PanicPlan {
  readonly event: EventPlan;
  readonly shape: PanicShape;
}

export function planPanic(resolved: ResolvedPanic, context: PlanContext): PanicPlan {
  const builder = new LayoutBuilder(context);
  const slot = (value: ResolvedValue): number => {
    const shape = builder.add(value);
    if (shape.kind !== 'slot') throw new BugError('a word of the runtime has no slot');
    return shape.slot;
  };
  const stackEnd = slot(resolved.stackEnd);
  const deferring = resolved.deferring.map(({ frame, started }) => ({
    frame: slot(frame),
    ...(started === undefined ? {} : { started: slot(started) }),
  }));
  const value = builder.add(resolved.value);
  const event = builder.finish();
  return {
    event,
    shape: {
      layout: event.layout,
      value,
      stackEnd,
      deferring,
      ...(event.layout.walk === undefined ? {} : { graph: context.types!.graph }),
    },
  };
}
