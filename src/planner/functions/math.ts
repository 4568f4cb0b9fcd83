import { signatures } from './signature.ts';

/** Numbers and times (Pixie's math_ops.cc), and what Sonde adds: `round` to a number, `log_bucket`, `least`, `greatest`, `atof`. */
export const mathFunctions = signatures(`
  bin(value: INT64|TIME64NS, size: INT64) -> @0
  bin(value: INT64|TIME64NS, size: TIME64NS) -> @0
  bin(value: FLOAT64, size: INT64) -> INT64
  log_bucket(value: FLOAT64) -> FLOAT64
  abs(x: INT64|FLOAT64) -> @0
  ceil(x: FLOAT64) -> INT64
  floor(x: FLOAT64) -> INT64
  round(x: FLOAT64) -> FLOAT64
  round(x: FLOAT64, digits: INT64) -> STRING
  sqrt(x: FLOAT64) -> FLOAT64
  ln(x: FLOAT64) -> FLOAT64
  log(base: FLOAT64, x: FLOAT64) -> FLOAT64
  log2(x: FLOAT64) -> FLOAT64
  log10(x: FLOAT64) -> FLOAT64
  exp(x: FLOAT64) -> FLOAT64
  pow(x: FLOAT64, y: FLOAT64) -> FLOAT64
  least(a: INT64|FLOAT64|TIME64NS|STRING, b: INT64|FLOAT64|TIME64NS|STRING) -> @0
  greatest(a: INT64|FLOAT64|TIME64NS|STRING, b: INT64|FLOAT64|TIME64NS|STRING) -> @0
  approxEqual(a: FLOAT64, b: FLOAT64) -> BOOLEAN
  invert(x: INT64) -> INT64
  time_to_int64(time: TIME64NS) -> INT64
  int64_to_time(ns: INT64) -> TIME64NS
  select(condition: BOOLEAN, yes: BOOLEAN|INT64|FLOAT64|TIME64NS|STRING|UINT128, no: BOOLEAN|INT64|FLOAT64|TIME64NS|STRING|UINT128) -> @1
  is_missing(value: BOOLEAN|INT64|FLOAT64|TIME64NS|STRING|UINT128) -> BOOLEAN
  coalesce(value: BOOLEAN|INT64|FLOAT64|TIME64NS|STRING|UINT128, other: BOOLEAN|INT64|FLOAT64|TIME64NS|STRING|UINT128) -> @0
`);
