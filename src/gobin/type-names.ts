import type { Address } from '#base';
import type { Descriptors } from './descriptors.ts';
import { minorVersion } from './runtime.ts';
import { StandardTypes } from './standard-types.ts';
import type { TypeRef } from './types.ts';

/** Nobody but the standard library can import what is internal to it. */
const isInternal = (name: string) => /^(?:runtime\/)?(?:internal|vendor)\//.test(name);

/** Types by name: those that have a descriptor, and some of the standard library's besides. */
export class TypeNames {
  readonly #descriptors: Descriptors;
  readonly #standard: StandardTypes;
  #whole: ReadonlyMap<string, Address> | undefined;
  #short: ReadonlyMap<string, readonly string[]> | undefined;

  constructor(descriptors: Descriptors, goVersion: string) {
    this.#descriptors = descriptors;
    this.#standard = new StandardTypes(descriptors, minorVersion(goVersion), (name) => this.#described(name));
  }

  /** `net/http.Request`, `http.Request` (where one package only ends so), `main.point`. Undefined: no such type is known, or several are. */
  named(name: string): TypeRef | undefined {
    const several = this.namesakes(name);
    if (several.length > 1) return undefined;
    return this.#described(several[0] ?? name) ?? this.#standard.named(name) ?? this.#described(this.#ending(name)[0]);
  }

  /** The types that `http.Request` may stand for, with the whole paths of their packages. */
  namesakes(name: string): readonly string[] {
    return this.#all.has(name) ? [name] : this.#ending(name).filter((each) => !isInternal(each));
  }

  #described(name: string | undefined): TypeRef | undefined {
    const found = name === undefined ? undefined : this.#all.get(name);
    return found === undefined ? undefined : this.#descriptors.ref(found);
  }

  get #all(): ReadonlyMap<string, Address> {
    if (this.#whole !== undefined) return this.#whole;
    const found = new Map<string, Address>();
    for (const descriptor of this.#descriptors.reachable()) {
      const name = this.#descriptors.qualifiedName(descriptor);
      if (name !== undefined) found.set(name, descriptor);
    }
    return (this.#whole = found);
  }

  /** Those of which only the last part of the path is given. */
  #ending(name: string): readonly string[] {
    return (this.#short ??= this.#indexShort()).get(name) ?? [];
  }

  #indexShort(): Map<string, string[]> {
    const found = new Map<string, string[]>();
    for (const name of this.#all.keys()) {
      const short = name.slice(/^[^[]*\//.exec(name)?.[0].length ?? 0);
      if (short !== name) found.set(short, [...(found.get(short) ?? []), name]);
    }
    return found;
  }
}
