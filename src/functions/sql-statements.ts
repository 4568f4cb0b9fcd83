import type { RowFunction } from './row-function.ts';

/** A statement without its constants, and these in order of place. */
interface Normalized {
  readonly query: string;
  readonly params: readonly string[];
  readonly error: string;
}

interface Dialect {
  /** Cuts a statement: what is a constant, what stands for a parameter, what else must be kept whole. */
  readonly pieces: RegExp;
  readonly placeholder: (index: number) => string;
}

const number = String.raw`(?<![\w$@.])(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w$])`;
const word = String.raw`(?<![\w$@."\x60])(?:true|false|null)(?![\w$."\x60(])`;
const comment = String.raw`--[^\n]*|\/\*[\s\S]*?\*\/`;

/** PostgreSQL 17, 4.1: '…', E'…', B'…', X'…', U&'…' and $tag$…$tag$ are constants; "…" are names. */
const postgres: Dialect = {
  pieces: new RegExp(
    String.raw`(?<other>${comment}|"(?:[^"]|"")*")|(?<param>\$\d+)|` +
      String.raw`(?<constant>(?<!\w)[eE]'(?:[^'\\]|\\[\s\S]|'')*'|(?<!\w)(?:[bBxX]|[uU]&)?'(?:[^']|'')*'|(?<tag>\$\w*\$)[\s\S]*?\k<tag>|${number}|${word})`,
    'gi',
  ),
  placeholder: (index) => `$${index + 1}`,
};
/** MySQL 8, 9.1 and 9.4: strings in either quote, \`…\` are names, @x is a variable that keeps its name. */
const mysql: Dialect = {
  pieces: new RegExp(
    String.raw`(?<other>${comment}|#[^\n]*|\x60(?:[^\x60]|\x60\x60)*\x60|@@?[\w$.]+)|(?<param>\?)|` +
      String.raw`(?<constant>(?<!\w)(?:[bBxXnN]|_\w+\s*)?(?:'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*")|${number}|${word})`,
    'gi',
  ),
  placeholder: () => '?',
};
/** What a number belongs to in front of a \`)\`: the length of a type, not a constant. */
const sized =
  /\b(?:var)?(?:char|binary|bit)(?:acter)?(?:\s+varying)?\s*\($|\b(?:numeric|decimal|dec|int|integer|bigint|smallint|tinyint|float|double|time|timestamp|datetime|year|text|blob|interval)\s*\((?:\s*\d+\s*,)?\s*$/i;

function normalize(sql: string, values: readonly string[], dialect: Dialect): Normalized {
  const params: string[] = [];
  let taken = 0;
  let missing = false;
  const query = sql.replace(dialect.pieces, (piece, ...rest) => {
    const groups = rest.at(-1) as Record<string, string | undefined>;
    const at = rest.at(-3) as number;
    if (groups.other !== undefined) return piece;
    if (groups.param !== undefined) {
      const index = dialect === mysql ? taken++ : Number(piece.slice(1)) - 1;
      const value = values[index];
      if (value === undefined) missing = true;
      params.push(value ?? '');
      return dialect.placeholder(params.length - 1);
    }
    if (/^\d/.test(piece) && sized.test(sql.slice(0, at))) return piece;
    params.push(piece);
    return dialect.placeholder(params.length - 1);
  });
  if (missing) {
    const error = 'Query has more parameter placeholders in it than parameter values were passed in';
    return { query: '', params: [], error };
  }
  return { query, params, error: '' };
}

/** `query=[…] params=[a, b]`, as an executed prepared statement is recorded. */
function executed(text: string): { readonly query: string; readonly values: readonly string[] } {
  const rest = text.startsWith('query=[') ? text.slice('query=['.length) : text;
  const close = rest.indexOf(']');
  const query = close < 0 ? rest : rest.slice(0, close);
  const values = rest.slice(query.length).replace(/^\] params=\[/, '');
  const end = values.lastIndexOf(']');
  return { query, values: (end < 0 ? values : values.slice(0, end)).split(', ') };
}

function answer({ query, params, error }: Normalized): string {
  return JSON.stringify(error === '' ? { query, params } : { error });
}

/** Codes of commands that carry a whole statement, and of those that run a prepared one. */
function normalizing<Code extends bigint | string>(dialect: Dialect, whole: Code, prepared: Code) {
  return (sql: string, code: Code): string => {
    if (code === whole) return answer(normalize(sql, [], dialect));
    if (code === prepared) {
      const { query, values } = executed(sql);
      return answer(normalize(query, values, dialect));
    }
    return answer({ query: '', params: [], error: `cmd_code must be one of '${whole}' or '${prepared}'` });
  };
}

export const sqlStatements: readonly RowFunction[] = [
  {
    name: 'normalize_pgsql',
    parameters: ['text', 'text'],
    result: 'text',
    call: normalizing<string>(postgres, 'Query', 'Execute'),
  },
  {
    name: 'normalize_mysql',
    parameters: ['text', 'int'],
    result: 'text',
    // COM_QUERY and COM_STMT_EXECUTE
    call: normalizing<bigint>(mysql, 0x03n, 0x17n),
  },
];
