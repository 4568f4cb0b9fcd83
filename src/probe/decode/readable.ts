import { goValue } from '#model';

const errorObject = /^\{"\(type\)":"(?:[^"\\]|\\.)*","Error\(\)":("(?:[^"\\]|\\.)*")/;
const scalarObject = /^\{"\(type\)":"(?:[^"\\]|\\.)*","=":([^{[].*)\}$/s;

/** A value as people write it in a log: an error's text, a string without quotes, what is in an interface without its type; else as in Go. */
export function readable(text: string | undefined, path: string, notes?: Readonly<Record<string, string>>): string {
  if (text === undefined) return '';
  if (text === 'null') return 'nil';
  const inner = errorObject.exec(text)?.[1] ?? scalarObject.exec(text)?.[1];
  if (inner !== undefined) return readable(inner, path, notes);
  return text.startsWith('"') ? (JSON.parse(text) as string) : goValue(text, path, notes).text;
}
