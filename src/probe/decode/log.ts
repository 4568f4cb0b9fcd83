import { header } from '#model';
import type { LogPart, ProbePlan } from '../types.ts';
import type { Ending } from './ending.ts';
import { Notes } from './notes.ts';
import { readable } from './readable.ts';
import type { RecordBytes } from './record.ts';
import type { TargetContext } from './target.ts';
import { json } from './value.ts';
import { durationText } from './wellknown/time.ts';

/** A call that has ended, by its records, as far as there are any. */
interface EndedCall {
  readonly entry: RecordBytes | undefined;
  readonly exit: RecordBytes | undefined;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly end: bigint;
  readonly ending: Ending;
}

/** A log line; in the place of what is missing stands why. What is cut or missing of values is noted under `column`. */
export function logLine(
  parts: readonly LogPart[],
  plan: ProbePlan,
  target: TargetContext,
  { entry, exit, end, ending }: EndedCall,
  column: string,
  notes: Notes,
): string {
  return parts
    .map((part) => {
      switch (part.from) {
        case 'text':
          return part.text;
        case 'outcome':
          return ending.outcome;
        case 'latency':
          if (!ending.seen || entry === undefined) return `<${ending.reason}>`;
          return durationText(end - entry.view.getBigInt64(entry.offset + header.ktime, true));
        default: {
          const own = new Notes();
          const text = valueText(part, own);
          const missing = own.take();
          if (missing === null) return readable(text, part.text);
          notes.add(column, missing);
          const reasons = JSON.parse(missing) as Record<string, string>;
          if (text !== 'null' && text !== undefined) return readable(text, part.text, reasons);
          const [reason] = Object.values(reasons);
          return `<${reason!.replace(/^not captured: /, '')}>`;
        }
      }
    })
    .join('');

  function valueText(part: Extract<LogPart, { from: 'panic' } | { shape: unknown }>, own: Notes): string | undefined {
    if (part.from === 'panic') return panicText(plan, ending, target, part.text, own);
    const [record, layout] = part.from === 'entry' ? [entry, plan.entry] : [exit, plan.return];
    if (record !== undefined && layout !== undefined)
      return json(part.shape, { layout, graph: plan.graph, target }, record, part.text, own);
    own.missing(part.text, ending.reason);
    return undefined;
  }
}

/** What the call was left by a panic with, as JSON; empty: by none, undefined: that is not known, with a note. */
export function panicText(
  { panic }: ProbePlan,
  ending: Ending,
  target: TargetContext,
  path: string,
  notes: Notes,
): string | undefined {
  const cause = typeof panic === 'string' && ending.outcome === 'panicked' ? panic : ending.panic;
  if (cause === undefined || panic === undefined) return '';
  if (typeof cause === 'string' || typeof panic === 'string') {
    notes.missing(path, `${cause}`);
    return undefined;
  }
  return json(panic.value, { layout: panic.layout, graph: panic.graph, target }, cause, path, notes);
}
