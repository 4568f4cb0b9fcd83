import type { Diagnostic } from '#base';
import { UserError } from '#door';
import type { Resolution } from '#probe';
import type { Sys } from '#sys';
import type { Executable } from './executable.ts';
import { GoLibraries, goImageOf } from './shared-objects.ts';

/** In which image of a process something was found. */
export interface Found<T> {
  /** Open: whoever has it closes it. */
  readonly image: Executable;
  readonly value: T;
  /** Of a plugin or library that the process has loaded: its path. */
  readonly library?: string;
}

/**
 * What `look` finds in the image of a process; where that has no such function, in a plugin or another library that the process has loaded and Go has
 * built. @throws UserError where it is nowhere, in several, or where something else is wrong with it
 */
export function findInImages<T>(sys: Sys, pid: number, look: (image: Executable) => Resolution<T>): Found<T> {
  using stack = new DisposableStack();
  const image = stack.use(goImageOf(sys, pid));
  const own = look(image);
  if (own.ok) {
    stack.move();
    return { image, value: own.value };
  }
  if (!lacksFunction(own)) throw new UserError(own.diagnostics);
  using libraries = new GoLibraries(sys, pid, image);
  const looked = libraries.all.map((library) => ({ ...library, found: look(library.image) }));
  const having = looked.filter(({ found }) => !lacksFunction(found));
  const [first, second] = having;
  if (first === undefined) throw new UserError(own.diagnostics.map((each) => lookedElsewhere(each, libraries)));
  if (second !== undefined) throw new UserError(own.diagnostics.map((each) => inSeveral(each, having)));
  if (!first.found.ok) throw new UserError(first.found.diagnostics);
  return { image: libraries.keep(first.image), value: first.found.value, library: first.path };
}

const noSuchFunction = 'probe.no-such-function';

/** Is there no such function, and nothing else wrong? */
function lacksFunction(found: Resolution<unknown>): boolean {
  return !found.ok && found.diagnostics.every(({ id }) => id === noSuchFunction);
}

/** Who looks in vain is told where it was looked. */
function lookedElsewhere({ hints = [], ...diagnostic }: Diagnostic, { all, unread }: GoLibraries): Diagnostic {
  const looked = all.map(({ path }) => `looked for in ${path}, too, which the process has loaded`);
  return { ...diagnostic, hints: [...looked, ...unread, ...hints] };
}

function inSeveral(
  { message, hints: _, ...diagnostic }: Diagnostic,
  having: readonly { readonly path: string }[],
): Diagnostic {
  return {
    ...diagnostic,
    id: 'probe.ambiguous-function',
    message: `${message}, but in ${having.length} libraries that the process has loaded: it is ambiguous`,
    hints: [
      ...having.map(({ path }) => path),
      'a function is traced in one library, and there is no way to say in which: give a name, or a pattern, that fits in one of them only',
    ],
  };
}
