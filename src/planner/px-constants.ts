import { formatDuration, parseDuration } from '#base';
import { parseUuid, upidWords } from '#model';
import { bind, intArgument, originOf, stringArgument } from './call.ts';
import { fault } from './fault.ts';
import { constant } from './plan.ts';
import { inRange } from './scalars.ts';
import type { Session } from './session.ts';
import { strptime } from './strptime.ts';
import { timeOf } from './times.ts';
import { type Argument, type CallSite, constantOf, scalarValue, type Value } from './value.ts';

const unitNs: Readonly<Record<string, bigint>> = {
  microseconds: 1_000n,
  milliseconds: 1_000_000n,
  seconds: 1_000_000_000n,
  minutes: 60_000_000_000n,
  hours: 3_600_000_000_000n,
  days: 86_400_000_000_000n,
};

type Builtin = (session: Session, site: CallSite) => Value;

/** Functions of `px` that are done when the script is compiled. */
const builtins: Readonly<Record<string, Builtin>> = {
  now: (session, site) => {
    bind(site, []);
    return scalarValue(constant('TIME64NS', session.now));
  },
  parse_duration: (_session, site) => {
    const { duration } = bind(site, ['duration']);
    const text = stringArgument(duration!, 'duration');
    const ns = parseDuration(text);
    if (ns === undefined)
      fault('pxl.value', `Time string is in wrong format: '${text}' is not a duration`, duration!.span, [
        "for instance '5m', '-1h30m'",
      ]);
    return scalarValue(constant('INT64', inRange(ns, site.span), 'ST_DURATION_NS'));
  },
  format_duration: (_session, site) => {
    const { duration } = bind(site, ['duration']);
    return scalarValue(constant('STRING', formatDuration(intArgument(duration!, 'duration'))));
  },
  parse_time: (session, site) => {
    const { time } = bind(site, ['time']);
    const given = constantOf(time!.value);
    if (given?.type === 'TIME64NS' || given?.type === 'INT64') return scalarValue(constant('TIME64NS', given.value));
    return scalarValue(constant('TIME64NS', timeOf(stringArgument(time!, 'time'), session.now, 'time', time!.span)));
  },
  strptime: (_session, site) => {
    const { date_string, format } = bind(site, ['date_string', 'format']);
    const text = stringArgument(date_string!, 'date_string');
    const ns = strptime(text, stringArgument(format!, 'format'));
    if (ns === undefined) {
      return fault('pxl.value', `'${text}' is not a time of this format`, date_string!.span, [
        "for instance px.strptime('2026-01-31 13:45:00 +0000', '%Y-%m-%d %H:%M:%S %z')",
      ]);
    }
    return scalarValue(constant('TIME64NS', ns));
  },
  uint128: (_session, site) => uint128(bind(site, ['uuid']).uuid!),
  make_upid: (_session, site) => {
    const { asid, pid, ts_ns } = bind(site, ['asid', 'pid', 'ts_ns']);
    const word = (argument: Argument, name: string, bits: number) => {
      const value = intArgument(argument, name);
      if (BigInt.asUintN(bits, value) !== value)
        fault('pxl.value', `${value} in arg '${name}' does not fit in ${bits} bits`, argument.span);
      return value;
    };
    const { high, low } = upidWords({
      agentId: Number(word(asid!, 'asid', 32)),
      pid: Number(word(pid!, 'pid', 32)),
      startTicks: word(ts_ns!, 'ts_ns', 64),
    });
    return scalarValue(constant('UINT128', (high << 64n) | low, 'ST_UPID'));
  },
};

export const constantFunctionNames: readonly string[] = [...Object.keys(builtins), ...Object.keys(unitNs)];

/** Undefined: `px` has no such function. */
export function constantFunction(session: Session, name: string): Value | undefined {
  const builtin = Object.hasOwn(builtins, name) ? builtins[name] : undefined;
  if (builtin) return { kind: 'builtin', name, call: (site) => builtin(session, site) };
  if (Object.hasOwn(unitNs, name)) return { kind: 'builtin', name, call: (site) => durationOf(name, site) };
  return undefined;
}

function durationOf(unit: string, site: CallSite): Value {
  const { unit: count } = bind(site, ['unit']);
  const ns = inRange(intArgument(count!, 'unit') * unitNs[unit]!, site.span);
  return scalarValue(constant('INT64', ns, 'ST_DURATION_NS'));
}

function uint128(argument: Argument): Value {
  const text = stringArgument(argument, 'uuid');
  const words = parseUuid(text);
  if (!words) {
    return fault('pxl.upid', `'${text}' is not a valid UUID`, originOf(argument), [
      'a UPID looks like 00000003-0024-844a-0000-000008caa618; `px run px/upids` lists those of the Go processes',
    ]);
  }
  return scalarValue(constant('UINT128', (words.high << 64n) | words.low), originOf(argument));
}
