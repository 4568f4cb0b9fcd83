import type { sonde } from '#api';
import { UserError } from '#door';
import { BadPattern, fieldsAt, formatSignature, type GoBinary, type GoFunction } from '#gobin';

/** Functions whose names match, with signature, place in the source, and the fields at a path; one by one, since a binary may have 100,000. */
export function* describeFunctions(binary: GoBinary, pattern: string, path: string): Generator<sonde.FunctionInfo> {
  const matches = matcher(binary, pattern);
  for (const fn of binary.functions()) {
    if (!matches(fn)) continue;
    const source = binary.sourceLine(fn);
    yield {
      name: fn.name,
      signature: formatSignature(binary, fn),
      file: source?.file ?? '',
      line: source?.line ?? 0,
      address: BigInt(fn.entry),
      pods: [],
      fields: path === '' ? [] : fieldsAt(binary, fn, path),
    };
  }
}

/** Empty: all. A pattern of those that tracepoints take. Else: a part of the name, in any case. */
function matcher(binary: GoBinary, text: string): (fn: GoFunction) => boolean {
  if (text === '') return () => true;
  try {
    const set = text.includes('/') && !/[*?:]/.test(text) ? undefined : binary.selectFunctions(text);
    if (set !== undefined) {
      const entries = new Set(set.functions.map(({ entry }) => entry));
      return ({ entry }) => entries.has(entry);
    }
  } catch (error) {
    if (error instanceof BadPattern) throw new UserError(error.message);
    throw error;
  }
  const named = nameMatcher(text);
  return ({ name }) => named(name);
}

/** Empty: all. `re:…`: a regular expression. With `*` or `?`: a glob over the whole name. Else: a part of the name, in any case. */
export function nameMatcher(pattern: string): (name: string) => boolean {
  if (pattern === '') return () => true;
  if (pattern.startsWith('re:')) {
    try {
      const expression = new RegExp(pattern.slice(3));
      return (name) => expression.test(name);
    } catch (error) {
      throw new UserError(`not a regular expression: ${pattern.slice(3)}: ${(error as Error).message}`);
    }
  }
  // The star of `(*T)` belongs to the name.
  const parts = pattern.split('(*');
  if (parts.some((part) => /[*?]/.test(part))) {
    const expression = new RegExp(`^${parts.map(globPart).join('\\(\\*')}$`);
    return (name) => expression.test(name);
  }
  const wanted = pattern.toLowerCase();
  return (name) => name.toLowerCase().includes(wanted);
}

function globPart(text: string): string {
  return text
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
}
