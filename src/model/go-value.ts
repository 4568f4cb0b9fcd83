import { escapeControls, jsonString } from '#base';

/** A number with its own digits: those of 64 bits must not pass through a double. */
class Digits {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Notes = Readonly<Record<string, string>> | undefined;
type Members = Readonly<Record<string, unknown>>;

/** The text of a value, and what of the notes about it stands in there. */
export class GoText {
  readonly text: string;
  readonly #told: ReadonlySet<string>;
  readonly #folded: readonly string[];

  constructor(text: string, told: ReadonlySet<string> = new Set(), folded: readonly string[] = []) {
    this.text = text;
    this.#told = told;
    this.#folded = folded;
  }

  /** Something is shown as `{…}` or `[…]`. */
  get folded(): boolean {
    return this.#folded.length > 0;
  }

  /** The note of this path is told, or is of what is folded. */
  tells(path: string): boolean {
    if (this.#told.has(path)) return true;
    return this.#folded.some((outer) => path.startsWith(outer) && /^[.[]/.test(path.slice(outer.length)));
  }
}

/**
 * A value in the JSON form of `docs/values.md` as a Go programmer would write it: `&{Name:"x" Age:3}`. What was not captured stands as
 * `<not captured: …>` in its place, by the notes of `path` and below. Where the text would have more than `most` characters, what lies deepest is folded to `{…}` and
 * `[…]` until it fits, but for what the value itself has.
 */
export function goValue(json: string, path: string, notes: Notes, most = Number.POSITIVE_INFINITY): GoText {
  const parse = JSON.parse as (
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ) => unknown;
  let value: unknown;
  try {
    value = parse(json, (_, each, { source }) =>
      typeof each === 'number' ? new Digits(source ?? String(each)) : each,
    );
  } catch {
    return new GoText(escapeControls(json));
  }
  const written = (depth: number) => new Writer(notes, depth).written(value, path);
  const whole = written(Number.POSITIVE_INFINITY);
  if (whole.text.length <= most) return whole;
  let fitting = written(1);
  for (let depth = 2; fitting.folded; depth++) {
    const next = written(depth);
    if (next.text.length > most) break;
    fitting = next;
  }
  return fitting;
}

class Writer {
  readonly #notes: Notes;
  readonly #told = new Set<string>();
  readonly #folded: string[] = [];
  /** What a limit's reason says of how it is raised: once. */
  readonly #hints = new Set<string>();
  /** Structs, maps and lists this many levels below the value are folded. */
  readonly #depth: number;
  #level = 0;

  constructor(notes: Notes, depth: number) {
    this.#notes = notes;
    this.#depth = depth;
  }

  written(value: unknown, path: string): GoText {
    const text = this.value(value, path);
    return new GoText(text, this.#told, this.#folded);
  }

  value(value: unknown, path: string): string {
    if (value === null) return this.#missing(path) ?? 'nil';
    if (typeof value === 'string') return jsonString(value);
    if (typeof value === 'boolean') return String(value);
    if (value instanceof Digits) return this.#number(value.text, path);
    if (!Array.isArray(value)) return this.#object(value as Members, path);
    if (value.length === 0) return '[]';
    return this.#within(path, '[…]', () => `[${value.map((each, i) => this.value(each, `${path}[${i}]`)).join(' ')}]`);
  }

  #within(path: string, folded: string, write: () => string): string {
    if (this.#level >= this.#depth) {
      this.#folded.push(path);
      return folded;
    }
    this.#level++;
    const text = write();
    this.#level--;
    return text;
  }

  #object(members: Members, path: string): string {
    const { '(type)': type, 'Error()': error, '&': address, ...rest } = members;
    const start = typeof type === 'string' ? escapeControls(type) : address === undefined ? '' : '&';
    if (typeof error === 'string') return `${start}(${jsonString(error)})`;
    const empty = Object.keys(rest).length === 0;
    const lost = empty && (type !== undefined || address !== undefined) ? this.#missing(path) : undefined;
    if (lost !== undefined) return `${start}${typeof address === 'string' ? `(${address})` : ''}${lost}`;
    if ('=' in rest) {
      const inner = this.value(rest['='], path);
      // A constant is of that type.
      const isConstant = rest['='] instanceof Digits && inner !== rest['='].text;
      return type === undefined ? `${start}${inner}` : isConstant ? inner : `${start}(${inner})`;
    }
    // Shown before.
    if (empty && typeof address === 'string') return type === undefined ? address : `${start}(${address})`;
    const keys = Object.keys(rest);
    if (keys.length === 1 && typeof rest.hex === 'string') return `${start}hex(${rest.hex})`;
    if (keys.length === 2 && typeof rest.time === 'string' && 'monotonic_ns' in rest) return `${start}${rest.time}`;
    if (empty) return `${start}{}`;
    return `${start}${this.#within(path, '{…}', () => this.#fields(rest, path))}`;
  }

  #fields(members: Members, path: string): string {
    const fields = Object.keys(members).map((key) => {
      const shown = /^[\p{L}_#$][\p{L}\p{Nd}_]*$/u.test(key) ? key : jsonString(key);
      const inner =
        this.#notes?.[`${path}[${JSON.stringify(key)}]`] === undefined
          ? `${path}.${key}`
          : `${path}[${JSON.stringify(key)}]`;
      return `${shown}:${this.value(members[key], inner)}`;
    });
    return `{${fields.join(' ')}}`;
  }

  /** With the name of its constant, where the notes have it: `main.Blue(2)`. */
  #number(text: string, path: string): string {
    const note = this.#notes?.[path];
    if (note === undefined || !/^[^ ]+\.[\p{L}_][\p{L}\p{Nd}_]*$/u.test(note)) return text;
    this.#told.add(path);
    return `${escapeControls(note)}(${text})`;
  }

  #missing(path: string): string | undefined {
    const note = this.#notes?.[path];
    if (note?.startsWith('not captured') !== true) return undefined;
    this.#told.add(path);
    const hint = / \(limit [^()]*\)$/.exec(note)?.[0];
    const again = hint !== undefined && this.#hints.has(hint);
    if (hint !== undefined) this.#hints.add(hint);
    return `<${escapeControls(again ? note.slice(0, -hint.length) : note)}>`;
  }
}
