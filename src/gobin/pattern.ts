import { SondeError } from '#base';
import { asWritten, receiverOf, withoutTypeArguments } from './names.ts';

/** A pattern that stands for several functions cannot be read. */
export class BadPattern extends SondeError {
  readonly code = 'gobin.bad-pattern';
}

/** Which functions a text stands for, where it is more than the name of one. */
export type FunctionPattern =
  | { readonly kind: 'names'; readonly matches: (name: string) => boolean }
  /** Every implementation of a method of an interface. */
  | { readonly kind: 'implementations'; readonly interface: string; readonly method: string };

/**
 * - `re:^main\.(Get|Put)`: names in which a regular expression (ECMAScript) is found
 * - `module:*`, `module:*Handler*`: of the functions of the program's own module those whose names fit a glob
 * - `impl:io.Reader.Read`: every implementation of an interface's method
 * - `net/http.*`, `main.Get?`: a glob over the whole name; `*` stands for any text, `?` for one character. The stars of `(*T)` and in brackets are none
 * - `net/http`: a path without a name behind it is a whole package
 *
 * Names are compared with their type arguments and without. Undefined: the text names one function.
 * @throws BadPattern. `modulePath`: of the binary's own module; undefined where build info does not tell.
 */
export function functionPattern(text: string, modulePath: string | undefined): FunctionPattern | undefined {
  if (text.startsWith('re:')) return { kind: 'names', matches: expressionMatcher(text.slice(3)) };
  if (text.startsWith('module:')) return { kind: 'names', matches: moduleMatcher(text.slice(7), modulePath) };
  if (text.startsWith('impl:')) {
    const dot = text.lastIndexOf('.');
    const isBuiltIn = text.startsWith('impl:error.');
    if (dot < 6 || dot === text.length - 1 || (text.indexOf('.') === dot && !isBuiltIn))
      throw new BadPattern(`'${text}' does not name a method of an interface: it is written impl:io.Reader.Read`);
    return { kind: 'implementations', interface: text.slice(5, dot), method: text.slice(dot + 1) };
  }
  if (isGlob(text)) return { kind: 'names', matches: globMatcher(text) };
  const slash = text.lastIndexOf('/');
  if (slash > 0 && !text.includes('.', slash) && !/[()[\]]/.test(text)) {
    return { kind: 'names', matches: (name) => name.startsWith(`${text}.`) };
  }
  return undefined;
}

/** All spellings of a name, for people who write the one or the other. */
function either(matches: (name: string) => boolean): (name: string) => boolean {
  const plainOrNot = (name: string) => matches(name) || (name.includes('[') && matches(withoutTypeArguments(name)));
  return (name) => plainOrNot(name) || (name.includes('%2e') && plainOrNot(asWritten(name)));
}

function expressionMatcher(source: string): (name: string) => boolean {
  try {
    const expression = new RegExp(source);
    return either((name) => expression.test(name));
  } catch (error) {
    throw new BadPattern(`'${source}' is not a regular expression: ${(error as Error).message}`);
  }
}

function moduleMatcher(glob: string, modulePath: string | undefined): (name: string) => boolean {
  if (modulePath === undefined || modulePath === '')
    throw new BadPattern('the binary does not tell its module (no build info), so module: stands for nothing in it');
  const matches = globMatcher(glob);
  return (name) => {
    const path = asWritten(receiverOf(name).package);
    return (path === 'main' || path === modulePath || path.startsWith(`${modulePath}/`)) && matches(name);
  };
}

/** Stars of receivers, and those in type arguments (`main.Map[go.shape.*uint8]`), belong to the name. */
function isGlob(text: string): boolean {
  return text.split('(*').some((part) => /[*?]/.test(part.replace(/\[.*\]/, '')));
}

function globMatcher(glob: string): (name: string) => boolean {
  const source = glob.split('(*').map(globPart).join('\\(\\*');
  const expression = new RegExp(`^${source}$`, 's');
  return either((name) => expression.test(name));
}

function globPart(text: string): string {
  return text
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
}
