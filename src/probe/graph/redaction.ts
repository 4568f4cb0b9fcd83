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

/** What a value can hold, as far as a secret goes: nothing (a flag, a measure, one of a few constants), a number, which may be a PIN, or anything. */
export type Holds = 'nothing' | 'number' | 'anything';

/** Kinds of values of which none is a secret, whatever its name: nobody's password is a bool or a point in time. */
const harmless: ReadonlySet<string> = new Set(['bool', 'float', 'complex']);
const harmlessTypes: ReadonlySet<string> = new Set(['time.Duration', 'time.Time']);

/** So many constants make a type one that is chosen from, as a lexer's tokens are; a PIN may have a constant for none. */
const fewestConstants = 3;

/** `constants`: how many of the type have names. */
export function holds(
  { kind, name, size }: { readonly kind: string; readonly name: string; readonly size: number },
  constants: () => number,
): Holds {
  if (harmless.has(kind) || harmlessTypes.has(name) || size === 0) return 'nothing';
  if (kind !== 'int' && kind !== 'uint') return 'anything';
  return constants() >= fewestConstants ? 'nothing' : 'number';
}

/** Words in the name of a number that counts or measures what is a secret, and is none itself: `MaxTokens`, `cookie_len`. So is the plural. */
const measures: ReadonlySet<string> = new Set(
  'age budget bytes cap capacity count counter counts idx index kind len length limit max min n num number offset pos quota rate size timeout total ttl type used version'.split(
    ' ',
  ),
);

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

  /** `what`: asked only where the name is on the list. */
  hides(name: string, type: string, what: () => Holds = () => 'anything'): boolean {
    return (this.#isListed(name) && namesSecret(name, this.#words, what)) || this.hidesType(type);
  }

  #isListed(name: string): boolean {
    let known = this.#known.get(name);
    if (known === undefined) {
      known = namesSecret(name, this.#words, () => 'anything');
      this.#known.set(name, known);
    }
    return known;
  }

  /** The type itself, pointers to it and slices of it. */
  hidesType(type: string): boolean {
    return this.#types.size > 0 && (this.#types.has(type) || this.#types.has(type.replace(/^[*[\]\d]+/, '')));
  }
}

/** The words as `namesSecret` wants them. */
export function hiddenWords(names: readonly string[]): string[] {
  return names.map(plain).filter((word) => word !== '');
}

/** Is what is called so a secret? */
export function namesSecret(name: string, words: readonly string[], what: () => Holds): boolean {
  const text = plain(name);
  const found = words.filter((word) => text.includes(word));
  if (found.length === 0) return false;
  const held = what();
  return (
    held === 'anything' ||
    (held === 'number' && !(found.every((word) => text.includes(`${word}s`)) || parts(name).some(isMeasure)))
  );
}

/** `maxTokenCount` → `max`, `token`, `count`. */
function parts(name: string): readonly string[] {
  return name.match(/\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+/gu) ?? [];
}

function isMeasure(part: string): boolean {
  return measures.has(part.toLowerCase());
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '');
}
