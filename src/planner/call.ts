import type { Span } from '#base';
import { Fault, fault } from './fault.ts';
import { type Argument, type CallSite, constantOf, kindName, type Value } from './value.ts';

/** A parameter of something built in: its name, with `?` behind it where it may be left out. */
export type Signature = readonly string[];

/** The call's arguments by parameter, in Pixie's and Python's way; faults have Pixie's texts. */
export function bind(site: CallSite, signature: Signature): Record<string, Argument | undefined> {
  const names = signature.map((parameter) => parameter.replace('?', ''));
  const bound: Record<string, Argument | undefined> = {};
  if (site.positional.length > names.length) {
    const given = site.positional.length + site.keywords.size;
    fault(
      'pxl.arguments',
      `${site.name}() takes ${names.length} argument${names.length === 1 ? '' : 's'} but ${given} ${given === 1 ? 'was' : 'were'} given.`,
      site.positional[names.length]!.span,
      [
        /^(?:by|columns)$/.test(names[0] ?? '')
          ? `several in one list: ${site.name}(['a', 'b'])`
          : `${site.name}(${signature.map((each) => each.replace('?', '=…')).join(', ')})`,
      ],
    );
  }
  site.positional.forEach((argument, i) => {
    bound[names[i]!] = argument;
  });
  for (const [name, argument] of site.keywords) {
    if (!names.includes(name)) {
      fault('pxl.arguments', `${site.name}() got an unexpected keyword argument '${name}'`, argument.span, [
        names.length > 0 ? `its arguments: ${names.join(', ')}` : 'it takes none',
      ]);
    }
    if (bound[name]) fault('pxl.arguments', `${site.name}() got multiple values for argument '${name}'`, argument.span);
    bound[name] = argument;
  }
  const absent = names.filter((name, i) => !bound[name] && !signature[i]!.endsWith('?'));
  if (absent.length > 0) {
    const list = absent.map((name) => `'${name}'`).join(',');
    fault(
      'pxl.arguments',
      `${site.name}() missing ${absent.length} required positional argument${absent.length === 1 ? '' : 's'} ${list}`,
      site.span,
    );
  }
  return bound;
}

/** `Expected arg 'ttl' as type 'String', received 'Int'`. For what follows from a reported fault, silence. */
export function wrongKind(expected: string, parameter: string, argument: Argument): never {
  if (isPoisoned(argument.value)) throw new Fault();
  return fault(
    'pxl.type',
    `Expected arg '${parameter}' as type '${expected}', received '${kindName(argument.value)}'`,
    argument.span,
    kindHints(expected, argument.value),
  );
}

function kindHints(expected: string, value: Value): string[] {
  if (value.kind === 'grouped') return ["df.groupby('a').agg(out=('column', px.count)) is a DataFrame"];
  if (value.kind !== 'scalar' || value.scalar.kind === 'constant') return [];
  if (expected === 'DataFrame') return ["df[['column']] is a DataFrame"];
  return expected === 'String' ? ["a column is named: 'column'"] : [];
}

function isPoisoned(value: Value): boolean {
  return value.kind === 'opaque' && value.poisoned;
}

export function stringArgument(argument: Argument, parameter: string): string {
  const found = constantOf(argument.value);
  if (found?.type !== 'STRING') return wrongKind('String', parameter, argument);
  return found.value as string;
}

export function intArgument(argument: Argument, parameter: string): bigint {
  const found = constantOf(argument.value);
  if (found?.type !== 'INT64') return wrongKind('Int', parameter, argument);
  return found.value as bigint;
}

export function boolArgument(argument: Argument, parameter: string): boolean {
  const found = constantOf(argument.value);
  if (found?.type !== 'BOOLEAN') return wrongKind('Bool', parameter, argument);
  return found.value as boolean;
}

/** One string or a list of strings, each with its place. */
export function stringsArgument(
  argument: Argument,
  parameter: string,
): { readonly text: string; readonly span: Span }[] {
  const { value } = argument;
  if (value.kind !== 'list' && value.kind !== 'tuple') {
    return [{ text: stringArgument(argument, parameter), span: argument.span }];
  }
  return value.items.map((item, i) => ({ text: stringArgument(item, `${parameter} (index ${i})`), span: item.span }));
}

/** Where the literal stands that a value came from, or where the argument stands. */
export function originOf(argument: Argument): Span {
  return (argument.value.kind === 'scalar' && argument.value.origin) || argument.span;
}

/** A name that goes into tables and columns: not empty, no control characters. */
export function checkedName(text: string, what: string, span: Span): string {
  if (text === '') fault('pxl.value', `the ${what} is empty`, span);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) fault('pxl.value', `the ${what} has a control character`, span);
  if (text.length > 200) fault('pxl.value', `the ${what} is longer than 200 characters`, span);
  return text;
}
