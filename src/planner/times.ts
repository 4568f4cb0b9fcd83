import { parseDuration, type Span } from '#base';
import { wrongKind } from './call.ts';
import { fault } from './fault.ts';
import { type Argument, constantOf } from './value.ts';

const hints = ["relative to now: '-5m', '-1h30m'", "absolute: '2026-01-31 13:45:00 +0000' or '2026-01-31T13:45:00Z'"];
/** Pixie's `YYYY-MM-DD HH:MM:SS.frac ±zzzz`, and RFC 3339. */
const absolute = /^(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?\s*(Z|[+-]\d{2}:?\d{2})?$/;

/** Nanoseconds since 1970 of an absolute time; without an offset it is UTC. Undefined for anything else. */
export function parseAbsolute(text: string): bigint | undefined {
  const match = absolute.exec(text.trim());
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match;
  const fields = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  date.setUTCFullYear(fields[0], fields[1] - 1, fields[2]);
  if (date.getUTCMonth() !== fields[1] - 1 || date.getUTCDate() !== fields[2]) return undefined;
  if (fields[3] > 23 || fields[4] > 59 || fields[5] > 59) return undefined;
  date.setUTCHours(fields[3], fields[4], fields[5]);
  const digits = zone.replace(/[Z:+-]/g, '');
  const offset = digits === '' ? 0 : Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2)) * 60;
  const seconds = date.getTime() / 1000 - (zone.startsWith('-') ? -offset : offset);
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** A length of time, or several with their signs, as `'-5m' + '-1h'` makes them. */
function summed(text: string): bigint | undefined {
  const pieces = /^(?:[+-][^+-]+){2,}$/.test(text) ? text.match(/[+-][^+-]+/g)! : [text];
  const lengths = pieces.map(parseDuration);
  return lengths.reduce((sum, each) => (sum === undefined || each === undefined ? undefined : sum + each));
}

/** A point in time as a text: relative to `now` or absolute. */
export function timeOf(text: string, now: bigint, parameter: string, span: Span): bigint {
  const relative = summed(text);
  if (relative !== undefined) return now + relative;
  return (
    parseAbsolute(text) ??
    fault('pxl.value', `Failed to parse time: '${text}' in arg '${parameter}' is not a time`, span, hints)
  );
}

/** A point in time as an argument: a text, nanoseconds, a time, or None. */
export function timeArgument(argument: Argument | undefined, now: bigint, parameter: string): bigint | undefined {
  if (argument === undefined || argument.value.kind === 'none') return undefined;
  const found = constantOf(argument.value);
  if (found?.type === 'STRING') return timeOf(found.value as string, now, parameter, argument.span);
  if (found?.type === 'INT64' || found?.type === 'TIME64NS') return found.value as bigint;
  return wrongKind('time', parameter, argument);
}

/** A length of time as an argument: a text such as '10s', or nanoseconds. */
export function durationArgument(argument: Argument, parameter: string): bigint {
  const found = constantOf(argument.value);
  if (found?.type === 'INT64') return found.value as bigint;
  if (found?.type !== 'STRING') return wrongKind('duration', parameter, argument);
  const ns = parseDuration(found.value as string);
  return (
    ns ??
    fault('pxl.value', `Time string is in wrong format: '${found.value}' is not a duration`, argument.span, [
      "for instance '5m', '10s'",
    ])
  );
}
