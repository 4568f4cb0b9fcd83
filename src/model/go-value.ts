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

/**
 * A value in the JSON form of `docs/values.md` as a Go programmer would write it: `&{Name:"x" Age:3}`. What was not captured stands as
 * `<not captured: …>` in its place, by the notes of `path` and below; the paths so told are added to `told`.
 */
export function goValue(json: string, path: string, notes: Notes, told: Set<string>): string {
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
    return escapeControls(json);
  }
  return new Writer(notes, told).value(value, path);
}

class Writer {
  readonly #notes: Notes;
  readonly #told: Set<string>;

  constructor(notes: Notes, told: Set<string>) {
    this.#notes = notes;
    this.#told = told;
  }

  value(value: unknown, path: string): string {
    if (value === null) return this.#missing(path) ?? 'nil';
    if (typeof value === 'string') return jsonString(value);
    if (typeof value === 'boolean') return String(value);
    if (value instanceof Digits) return this.#number(value.text, path);
    if (Array.isArray(value)) return `[${value.map((each, i) => this.value(each, `${path}[${i}]`)).join(' ')}]`;
    return this.#object(value as Members, path);
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
      return type === undefined ? `${start}${inner}` : `${start}(${inner})`;
    }
    // Shown before.
    if (empty && typeof address === 'string') return type === undefined ? address : `${start}(${address})`;
    const keys = Object.keys(rest);
    if (keys.length === 1 && typeof rest.hex === 'string') return `${start}hex(${rest.hex})`;
    if (keys.length === 2 && typeof rest.time === 'string' && 'monotonic_ns' in rest) return `${start}${rest.time}`;
    const fields = keys.map((key) => {
      const shown = /^[\p{L}_#$][\p{L}\p{Nd}_]*$/u.test(key) ? key : jsonString(key);
      const inner =
        this.#notes?.[`${path}[${JSON.stringify(key)}]`] === undefined
          ? `${path}.${key}`
          : `${path}[${JSON.stringify(key)}]`;
      return `${shown}:${this.value(rest[key], inner)}`;
    });
    return `${start}{${fields.join(' ')}}`;
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
    return `<${escapeControls(note)}>`;
  }
}
