/**
 * What is never captured: variables and fields by name, types by name. A word matches a name that contains it, upper and lower case
 * and underscores apart (`dbPassword`, `API_KEY`); a type is named as Go prints it (`main.Secret`).
 */
export interface RedactionRules {
  readonly names: readonly string[];
  readonly types: readonly string[];
}

export const defaultRedaction: RedactionRules = {
  names: [
    'password',
    'passwd',
    'passphrase',
    'secret',
    'token',
    'authorization',
    'cookie',
    'apikey',
    'credential',
    'privatekey',
  ],
  types: [],
};

/** Rules ready for use. */
export class Redaction {
  readonly rules: RedactionRules;
  readonly #words: readonly string[];
  readonly #types: ReadonlySet<string>;
  readonly #known = new Map<string, boolean>();

  constructor(rules: RedactionRules) {
    this.rules = rules;
    this.#words = hiddenWords(rules.names);
    this.#types = new Set(rules.types);
  }

  hides(name: string, type: string): boolean {
    return this.hidesName(name) || this.hidesType(type);
  }

  hidesName(name: string): boolean {
    let known = this.#known.get(name);
    if (known === undefined) {
      known = holdsWord(name, this.#words);
      this.#known.set(name, known);
    }
    return known;
  }

  /** The type itself, pointers to it and slices of it. */
  hidesType(type: string): boolean {
    return this.#types.size > 0 && (this.#types.has(type) || this.#types.has(type.replace(/^[*[\]\d]+/, '')));
  }
}

/** The words as `holdsWord` wants them. */
export function hiddenWords(names: readonly string[]): string[] {
  return names.map(plain).filter((word) => word !== '');
}

export function holdsWord(name: string, words: readonly string[]): boolean {
  const text = plain(name);
  return words.some((word) => text.includes(word));
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '');
}
