import { bind, intArgument, stringArgument, wrongKind } from './call.ts';
import { isOfRows, itemsOf } from './control.ts';
import { fault } from './fault.ts';
import { asText } from './format.ts';
import { constant } from './plan.ts';
import { type Argument, type CallSite, constantOf, scalarValue, type Value } from './value.ts';

const int = (value: number | bigint): Value => scalarValue(constant('INT64', BigInt(value)));

/** Functions of Python that work on what is known when the script is compiled. */
const builtins: Readonly<Record<string, (site: CallSite) => Value>> = {
  range: (site) => {
    const { a, b, step } = bind(site, ['a', 'b?', 'step?']);
    const [from, to] = b ? [intArgument(a!, 'start'), intArgument(b, 'stop')] : [0n, intArgument(a!, 'stop')];
    const by = step ? intArgument(step, 'step') : 1n;
    if (by === 0n) fault('pxl.value', 'the step of range() is zero', step!.span);
    if ((to - from) / by > 10_000n) fault('pxl.limit', 'range() gives more than 10000 numbers', site.span);
    const items: Argument[] = [];
    for (let i = from; by > 0n ? i < to : i > to; i += by) items.push({ value: int(i), span: site.span });
    return { kind: 'list', items };
  },
  len: (site) => {
    const obj = bind(site, ['obj']).obj!;
    if (isOfRows(obj.value) || obj.value.kind === 'frame') {
      fault('pxl.type', 'len() is of what is known when the script is compiled', obj.span, [
        "write px.length(…) of a text, df.agg(n=('column', px.count)) of rows",
      ]);
    }
    return int(itemsOf(obj).length);
  },
  enumerate: (site) => {
    const items = itemsOf(bind(site, ['iterable']).iterable!).map((item, i): Argument => {
      return { value: { kind: 'tuple', items: [{ value: int(i), span: item.span }, item] }, span: item.span };
    });
    return { kind: 'list', items };
  },
  zip: (site) => {
    const { a, b } = bind(site, ['a', 'b']);
    const others = itemsOf(b!);
    const items = itemsOf(a!)
      .slice(0, others.length)
      .map((item, i): Argument => ({ value: { kind: 'tuple', items: [item, others[i]!] }, span: item.span }));
    return { kind: 'list', items };
  },
};

/** Undefined: Python may have it, PxL has not. */
export function pythonBuiltin(name: string): Value | undefined {
  const call = Object.hasOwn(builtins, name) ? builtins[name] : undefined;
  return call && { kind: 'builtin', name, call };
}

/** `str(x)`, `int(x)` of a text, `list(x)`: what is more than another unit. Undefined: it is a cast. */
export function converted(name: string, site: CallSite): Value | undefined {
  const [only] = site.positional;
  if (!only || site.positional.length !== 1) return undefined;
  if (name === 'list') return { kind: 'list', items: itemsOf(only) };
  if (name === 'str') {
    const text = asText(only);
    return text === undefined ? only.value : scalarValue(text);
  }
  const given = constantOf(only.value);
  if (given?.type !== 'STRING' || (name !== 'int' && name !== 'float')) return undefined;
  const text = (given.value as string).trim();
  if (name === 'int' && /^[+-]?\d+$/.test(text)) return int(BigInt(text.replace('+', '')));
  if (name === 'float' && text !== '' && Number.isFinite(Number(text)))
    return scalarValue(constant('FLOAT64', Number(text)));
  return fault('pxl.value', `'${text}' is no ${name}`, only.span);
}

/** Members of a dictionary. */
export function dictMember(dict: Extract<Value, { kind: 'dict' }>, name: string): Value | undefined {
  const list = (of: (entry: (typeof dict.entries)[number]) => Argument): Value => ({
    kind: 'builtin',
    name,
    call: (site) => {
      bind(site, []);
      return { kind: 'list', items: dict.entries.map(of) };
    },
  });
  if (name === 'keys') return list((entry) => entry.key);
  if (name === 'values') return list((entry) => entry.item);
  if (name === 'items') {
    return list(({ key, item }) => ({ value: { kind: 'tuple', items: [key, item] }, span: key.span }));
  }
  if (name !== 'get') return undefined;
  const call = (site: CallSite): Value => {
    const { key, default: other } = bind(site, ['key', 'default?']);
    const wanted = constantOf(key!.value) ?? wrongKind('Constant', 'key', key!);
    const found = dict.entries.findLast((entry) => constantOf(entry.key.value)?.value === wanted.value);
    return found?.item.value ?? other?.value ?? { kind: 'none' };
  };
  return { kind: 'builtin', name, call };
}

type StringMethod = (text: string, site: CallSite) => Value;
const text = (value: string): Value => scalarValue(constant('STRING', value));
const truth = (value: boolean): Value => scalarValue(constant('BOOLEAN', value));
/** The result of a method that takes nothing. */
const bare = (site: CallSite, result: string): Value => {
  bind(site, []);
  return text(result);
};
const given = (site: CallSite, name: string): string => stringArgument(bind(site, [name])[name]!, name);

/** Methods of a text that is known when the script is compiled; functions of `px` do the same for each row. */
const stringMethods: Readonly<Record<string, StringMethod>> = {
  split: (whole, site) => {
    const { sep } = bind(site, ['sep?']);
    const parts = sep ? whole.split(stringArgument(sep, 'sep')) : whole.split(/\s+/).filter((each) => each !== '');
    return { kind: 'list', items: parts.map((each) => ({ value: text(each), span: site.span })) };
  },
  join: (whole, site) => {
    const items = itemsOf(bind(site, ['iterable']).iterable!);
    return text(items.map((item) => stringArgument(item, 'iterable')).join(whole));
  },
  replace: (whole, site) => {
    const { old, new: by } = bind(site, ['old', 'new']);
    return text(whole.replaceAll(stringArgument(old!, 'old'), () => stringArgument(by!, 'new')));
  },
  startswith: (whole, site) => truth(whole.startsWith(given(site, 'prefix'))),
  endswith: (whole, site) => truth(whole.endsWith(given(site, 'suffix'))),
  lower: (whole, site) => bare(site, whole.toLowerCase()),
  upper: (whole, site) => bare(site, whole.toUpperCase()),
  strip: (whole, site) => bare(site, whole.trim()),
};
export const stringMemberNames: readonly string[] = Object.keys(stringMethods);

/** Undefined: no text, or no such method. */
export function stringMember(value: Value, name: string): Value | undefined {
  const found = constantOf(value);
  const method = Object.hasOwn(stringMethods, name) ? stringMethods[name] : undefined;
  if (found?.type !== 'STRING' || method === undefined) return undefined;
  return { kind: 'builtin', name, call: (site) => method(String(found.value), site) };
}
