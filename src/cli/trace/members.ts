/** One member of a JSON object: its name, and its value's text as it stands. */
export interface Member {
  readonly name: string;
  readonly text: string;
}

/**
 * The members of a JSON object's text in their order, values untouched: numbers of 64 bits must not pass through a double.
 * Undefined when the text is no object.
 */
export function jsonMembers(text: string): Member[] | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  // The text is valid JSON: what follows may lean on that.
  let at = skipSpace(text, 0);
  if (text[at] !== '{') return undefined;
  const members: Member[] = [];
  at = skipSpace(text, at + 1);
  while (text[at] !== '}') {
    const nameEnd = skipString(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = skipValue(text, start);
    members.push({ name, text: text.slice(start, end).trimEnd() });
    at = skipSpace(text, end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return members;
}

function skipSpace(text: string, at: number): number {
  let i = at;
  while (i < text.length && ' \t\r\n'.includes(text[i]!)) i++;
  return i;
}

/** From the opening quote to behind the closing one. */
function skipString(text: string, at: number): number {
  let i = at + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}

/** Behind the value: at the `,` or `}` of the object around it. */
function skipValue(text: string, at: number): number {
  let depth = 0;
  let i = at;
  while (i < text.length) {
    const character = text[i]!;
    if (character === '"') {
      i = skipString(text, i);
      continue;
    }
    if (character === '{' || character === '[') depth++;
    else if (depth > 0 && (character === '}' || character === ']')) depth--;
    else if (depth === 0 && (character === ',' || character === '}')) break;
    i++;
  }
  return i;
}
