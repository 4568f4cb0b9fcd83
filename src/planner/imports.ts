import { BugError, type Span } from '#base';
import { parse, type Statement } from '#pxl';
import { fault, suggestions } from './fault.ts';
import { pxMember } from './px-module.ts';
import { pxtraceMember } from './pxtrace-module.ts';
import { pxviewsSource } from './pxviews.ts';
import type { Session } from './session.ts';
import { Scope, type Value } from './value.ts';

export const importedModules: readonly string[] = ['px', 'pxtrace', 'pxviews'];

/** The modules that a script can import. */
export class Modules {
  readonly #session: Session;
  /** Runs the statements of a module that is itself PxL. */
  readonly #run: (body: readonly Statement[], scope: Scope) => void;
  /** The names of pxviews, once a script has asked for one. */
  #views: Scope | undefined;

  constructor(session: Session, run: (body: readonly Statement[], scope: Scope) => void) {
    this.#session = session;
    this.#run = run;
  }

  named(name: string, span: Span): Value {
    const session = this.#session;
    if (name === 'px') return { kind: 'module', name, member: (member, at) => pxMember(session, member, at) };
    if (name === 'pxtrace') return { kind: 'module', name, member: (member, at) => pxtraceMember(session, member, at) };
    if (name === 'pxviews')
      return { kind: 'module', name, member: (member, at) => this.#view(member, at), names: () => this.#viewNames() };
    if (name === 'pxconfig') {
      fault('pxl.unsupported', 'there are no agents of Pixie here whose settings pxconfig could change', span);
    }
    return fault('pxl.import', `ModuleNotFoundError: No module named '${name}'`, span, [
      `modules: ${importedModules.join(', ')}`,
    ]);
  }

  #view(name: string, span: Span): Value {
    const found = this.#viewScope().names.get(name);
    if (found && !name.startsWith('_')) return found;
    const hints = suggestions(name, this.#viewNames(), 'it has');
    return fault('pxl.attribute', `'pxviews' object has no attribute '${name}'`, span, hints);
  }

  #viewNames(): string[] {
    return [...this.#viewScope().names].flatMap(([each, value]) =>
      value.kind === 'function' && !each.startsWith('_') ? [each] : [],
    );
  }

  #viewScope(): Scope {
    if (!this.#views) {
      this.#views = new Scope();
      const { tree, diagnostics } = parse(pxviewsSource);
      if (diagnostics.length > 0) throw new BugError(`pxviews: ${diagnostics[0]!.message}`);
      this.#run(tree.body, this.#views);
    }
    return this.#views;
  }
}
