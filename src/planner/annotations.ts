import { parseDuration } from '#base';
import { parseUpid, upidWords } from '#model';
import { parse } from '#pxl';
import { constant } from './plan.ts';
import { parseAbsolute } from './times.ts';
import { type Argument, scalarValue, type TypeValue, type Value } from './value.ts';

const type = (name: string, of: TypeValue['type'], semantic: TypeValue['semantic'] = 'ST_NONE'): TypeValue => ({
  kind: 'type',
  name,
  type: of,
  semantic,
});

/** Names that stand everywhere, as in Python. */
export const builtinTypes: Readonly<Record<string, TypeValue>> = {
  str: type('str', 'STRING'),
  int: type('int', 'INT64'),
  float: type('float', 'FLOAT64'),
  bool: type('bool', 'BOOLEAN'),
  list: type('list', 'LIST'),
};

/** Pixie's semantic types: annotations, and casts that set a column's unit. */
export const semanticTypes: Readonly<Record<string, TypeValue>> = {
  Time: type('px.Time', 'TIME64NS'),
  DurationNanos: type('px.DurationNanos', 'INT64', 'ST_DURATION_NS'),
  Bytes: type('px.Bytes', 'INT64', 'ST_BYTES'),
  Percent: type('px.Percent', 'FLOAT64', 'ST_PERCENT'),
  UPID: type('px.UPID', 'UINT128', 'ST_UPID'),
  Pod: type('px.Pod', 'STRING', 'ST_POD_NAME'),
  Service: type('px.Service', 'STRING', 'ST_SERVICE_NAME'),
  Container: type('px.Container', 'STRING', 'ST_CONTAINER_NAME'),
  Namespace: type('px.Namespace', 'STRING', 'ST_NAMESPACE_NAME'),
  Node: type('px.Node', 'STRING', 'ST_NODE_NAME'),
};

/** How a value of a type is written, for who wrote something else. */
export const textForms: Readonly<Record<TypeValue['type'], string>> = {
  STRING: 'any text',
  INT64: 'a whole number: 42',
  FLOAT64: 'a number: 0.5',
  BOOLEAN: 'true or false',
  TIME64NS: 'a time: -5m, or 2026-01-31T13:45:00Z',
  UINT128: 'a UPID, as `px run px/upids` prints it',
  LIST: "a list: ['a', 'b']",
};

/** An argument that came as a text, in the type of its annotation; undefined when it is none of that type. */
export function fromText(text: string, wanted: TypeValue, now: bigint): Value | undefined {
  const trimmed = text.trim();
  switch (wanted.type) {
    case 'STRING':
      return scalarValue(constant('STRING', text, wanted.semantic));
    case 'INT64': {
      const duration = wanted.semantic === 'ST_DURATION_NS' ? parseDuration(trimmed) : undefined;
      const value = /^[-+]?[0-9]+$/.test(trimmed) ? BigInt(trimmed.replace('+', '')) : duration;
      const fits = value !== undefined && BigInt.asIntN(64, value) === value;
      return fits ? scalarValue(constant('INT64', value, wanted.semantic)) : undefined;
    }
    case 'FLOAT64': {
      const value = trimmed === '' ? Number.NaN : Number(trimmed);
      return Number.isFinite(value) ? scalarValue(constant('FLOAT64', value, wanted.semantic)) : undefined;
    }
    case 'BOOLEAN':
      if (/^(true|1|yes)$/i.test(trimmed)) return scalarValue(constant('BOOLEAN', true));
      return /^(false|0|no)$/i.test(trimmed) ? scalarValue(constant('BOOLEAN', false)) : undefined;
    case 'TIME64NS': {
      const relative = parseDuration(trimmed);
      const at = relative === undefined ? parseAbsolute(trimmed) : now + relative;
      const value = at ?? (/^[0-9]+$/.test(trimmed) ? BigInt(trimmed) : undefined);
      return value === undefined ? undefined : scalarValue(constant('TIME64NS', value));
    }
    case 'UINT128': {
      const upid = parseUpid(trimmed);
      if (!upid) return undefined;
      const { high, low } = upidWords(upid);
      return scalarValue(constant('UINT128', (high << 64n) | low, wanted.semantic));
    }
    case 'LIST':
      return listFromText(trimmed);
  }
}

/** A PxL list of literals, `['a', 'b']`. */
function listFromText(text: string): Value | undefined {
  const parsed = parse(text);
  const [only] = parsed.tree.body;
  if (parsed.diagnostics.length > 0 || parsed.tree.body.length !== 1) return undefined;
  if (only?.kind !== 'expression' || only.value.kind !== 'list') return undefined;
  const items: Argument[] = [];
  for (const item of only.value.items) {
    if (item.kind === 'string') items.push({ value: scalarValue(constant('STRING', item.value)), span: item.span });
    else if (item.kind === 'int' && BigInt.asIntN(64, item.value) === item.value) {
      items.push({ value: scalarValue(constant('INT64', item.value)), span: item.span });
    } else if (item.kind === 'float') {
      items.push({ value: scalarValue(constant('FLOAT64', item.value)), span: item.span });
    } else return undefined;
  }
  return { kind: 'list', items };
}
