import { type Dwarf, type LineHeader, languageGo, runLineProgram } from '#dwarf';
import { isClosure } from './names.ts';

/** A piece of code that one line of the source became: start ≤ pc < end, without a gap. */
export interface LineRun {
  readonly start: number;
  readonly end: number;
  /** Addresses in it at which the compiler says that a statement begins; of a line of which it says that nowhere, its first. */
  readonly statements: readonly number[];
}

/** The function that has an address in its code. */
export type FunctionAt = (address: number) => { readonly name: string; readonly entry: number } | undefined;

export type LineLookup =
  | {
      readonly kind: 'found';
      readonly file: string;
      readonly line: number;
      readonly runs: readonly LineRun[];
    }
  /** No file's path ends so. */
  | { readonly kind: 'no-file'; readonly files: readonly string[] }
  /** Several files' paths do. */
  | { readonly kind: 'ambiguous'; readonly files: readonly string[] }
  /** The file has no code on that line; `lines`: the nearest ones that have, of the function that it is in, if it is in one. */
  | { readonly kind: 'no-code'; readonly file: string; readonly lines: readonly number[]; readonly function?: string };

const mostNear = 4;

/** Every piece of code of `line` in the file whose path ends in `suffix`, at a slash. */
export function findLine(dwarf: Dwarf, suffix: string, line: number, functionAt: FunctionAt): LineLookup {
  const headers = new Map<number, LineHeader>();
  const files = new Set<string>();
  const all = new Set<string>();
  for (const unit of dwarf.units()) {
    const die = dwarf.die(unit.root);
    const header = die && dwarf.lineHeader(die);
    // The C code of a package with cgo is said to be of its Go files, too.
    if (header === undefined || (dwarf.root(unit).language ?? languageGo) !== languageGo) continue;
    for (const file of header.files) {
      if (file === undefined) continue;
      all.add(file);
      if (file !== suffix && !file.endsWith(`/${suffix}`)) continue;
      files.add(file);
      headers.set(header.program, header);
    }
  }
  if (files.size === 0) return { kind: 'no-file', files: [...all] };
  if (files.size > 1) return { kind: 'ambiguous', files: [...files].sort() };
  const [file] = files;
  const lines: FileLines = { runs: [], others: new Map(), functions: new Map() };
  for (const header of headers.values()) collect(dwarf, header, file!, line, functionAt, lines);
  const pieces = lines.runs.sort((a, b) => a.start - b.start);
  const marked = pieces.filter(({ statements }) => statements.length > 0);
  if (marked.length > 0) return { kind: 'found', file: file!, line, runs: marked };
  const unmarked = pieces.map((run) => ({ ...run, statements: [run.start] }));
  if (unmarked.length > 0) return { kind: 'found', file: file!, line, runs: unmarked };
  return { kind: 'no-code', file: file!, ...nearestLines(line, lines) };
}

/** What is found of a file. */
interface FileLines {
  readonly runs: LineRun[];
  /** Lines that have code, and the functions whose code that is. */
  readonly others: Map<number, Set<string>>;
  /** Those that are no closures, by the line that they begin on. */
  readonly functions: Map<number, string>;
}

function nearestLines(line: number, { others, functions }: FileLines): { lines: number[]; function?: string } {
  const starts = [...functions.keys()].sort((a, b) => a - b);
  const start = starts.findLast((each) => each <= line);
  const end = starts.find((each) => each > line) ?? Number.POSITIVE_INFINITY;
  const name = start === undefined ? '' : functions.get(start)!;
  const isOwn = (each: string) => each === name || each.startsWith(`${name}.`);
  const own = [...others.keys()].filter(
    (each) => start !== undefined && each >= start && each < end && [...others.get(each)!].some(isOwn),
  );
  // Behind the function's last line it is in none.
  const isInside = own.some((each) => each >= line);
  const near = (isInside ? own : [...others.keys()])
    .sort((a, b) => Math.abs(a - line) - Math.abs(b - line))
    .slice(0, mostNear);
  const lines = near.sort((a, b) => a - b);
  return isInside ? { lines, function: name } : { lines };
}

function collect(
  dwarf: Dwarf,
  header: LineHeader,
  file: string,
  line: number,
  functionAt: FunctionAt,
  { runs, others, functions }: FileLines,
): void {
  const section = dwarf.section('.debug_line');
  if (section === undefined) return;
  const numbers = new Set(header.files.flatMap((name, i) => (name === file ? [i] : [])));
  let open: { start: number; statements: number[] } | undefined;
  runLineProgram(section, header, (row) => {
    const here = !row.endSequence && numbers.has(row.file);
    if (here) {
      const { name, entry } = functionAt(row.address) ?? { name: '', entry: 0 };
      const known = others.get(row.line);
      if (known) known.add(name);
      else others.set(row.line, new Set([name]));
      if (entry === row.address && !isClosure(name)) functions.set(row.line, name);
    }
    const wanted = here && row.line === line;
    if (open !== undefined && (!wanted || row.endSequence)) {
      if (row.address > open.start) runs.push({ ...open, end: row.address });
      open = undefined;
    }
    if (!wanted) return false;
    open ??= { start: row.address, statements: [] };
    if (row.isStatement) open.statements.push(row.address);
    return false;
  });
}
