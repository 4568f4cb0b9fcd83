/** Escape sequences of the keys that px live knows (xterm and its descendants, in both cursor-key modes). */
const sequences: Readonly<Record<string, string>> = {
  '\x1b[A': 'up',
  '\x1bOA': 'up',
  '\x1b[B': 'down',
  '\x1bOB': 'down',
  '\x1b[C': 'right',
  '\x1bOC': 'right',
  '\x1b[D': 'left',
  '\x1bOD': 'left',
  '\x1b[H': 'home',
  '\x1bOH': 'home',
  '\x1b[1~': 'home',
  '\x1b[F': 'end',
  '\x1bOF': 'end',
  '\x1b[4~': 'end',
  '\x1b[5~': 'pageup',
  '\x1b[6~': 'pagedown',
  '\x1b[Z': 'shift-tab',
  '\x1b[3~': 'delete',
  '\x1b': 'escape',
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\x7f': 'backspace',
  '\b': 'backspace',
  '\x03': 'ctrl-c',
  '\x15': 'ctrl-u',
  '\x1a': 'ctrl-z',
};

/** The keys in a piece of terminal input: names of special keys, the character itself for all others. Unknown sequences are left out. */
export function keysOf(input: string): string[] {
  const keys: string[] = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminals send control characters
  const pattern = /\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Z])|[\s\S]/gu;
  for (const [piece] of input.matchAll(pattern)) {
    const known = Object.hasOwn(sequences, piece) ? sequences[piece] : undefined;
    if (known !== undefined) keys.push(known);
    else if (piece >= ' ') keys.push(piece);
  }
  return keys;
}
