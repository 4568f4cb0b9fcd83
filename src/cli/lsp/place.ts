import { type Parsed, parse } from '#pxl';

/** Stands for what is being written; no script has such a name. */
export const mark = 'completed_here_';

/** Any node of a tree, as far as a walk over it needs to know. */
export interface TreeNode {
  readonly kind: string;
  readonly span: { readonly start: number; readonly end: number };
}

/** The nodes around a place, the outermost first. */
export function pathTo(root: unknown, offset: number): TreeNode[] {
  const path: TreeNode[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) visit(each);
    else if (typeof value === 'object' && value !== null) {
      if (isNode(value)) {
        if (offset < value.span.start || offset > value.span.end) return;
        path.push(value);
      }
      for (const [key, each] of Object.entries(value)) if (!/[sS]pan$/.test(key)) visit(each);
    }
  };
  visit(root);
  return path;
}

function isNode(value: object): value is TreeNode {
  return 'kind' in value && 'span' in value && typeof value.kind === 'string';
}

/** Where in the text a place is. */
interface Lexical {
  /** Quotes of the string that is open there. */
  readonly quote?: string;
  /** Closers of the brackets that are open there, the innermost last. */
  readonly closers: string;
  readonly comment: boolean;
}

export function lexicalAt(text: string, offset: number): Lexical {
  let closers = '';
  let quote: string | undefined;
  let comment = false;
  for (let i = 0; i < offset; i++) {
    const character = text[i]!;
    if (comment) comment = character !== '\n';
    else if (quote !== undefined) {
      if (character === '\\') i++;
      else if (text.startsWith(quote, i)) {
        i += quote.length - 1;
        quote = undefined;
        // A string on one line ends with it, closed or not.
      } else if (character === '\n' && quote.length === 1) quote = undefined;
    } else if (character === '#') comment = true;
    else if (character === '"' || character === "'") {
      quote = text.startsWith(character.repeat(3), i) ? character.repeat(3) : character;
      i += quote.length - 1;
    } else if ('([{'.includes(character)) closers += { '(': ')', '[': ']', '{': '}' }[character]!;
    else if (')]}'.includes(character)) closers = closers.slice(0, -1);
  }
  return { closers, comment, ...(quote === undefined ? {} : { quote }) };
}

/** The script with the mark where the user writes, mended so that it can be parsed; undefined in a comment. */
export function markedScript(text: string, offset: number): { script: string; parsed: Parsed; at: number } | undefined {
  const { quote = '', closers, comment } = lexicalAt(text, offset);
  if (comment) return undefined;
  const before = text.slice(0, offset) + mark;
  const after = text.slice(offset);
  const rest = after.includes('\n') ? after.slice(after.indexOf('\n')) : '';
  const closed = quote + [...closers].reverse().join('');
  const candidates = [before + after, before + quote + after, before + closed + rest, before + closed];
  for (const script of candidates) {
    const parsed = parse(script);
    if (parsed.diagnostics.length === 0) return { script, parsed, at: offset };
  }
  const script = candidates[2]!;
  return { script, parsed: parse(script), at: offset };
}
