import { type Dwarf, type LineHeader, runLineProgram } from '#dwarf';

/** A piece of code that one line of the source became: start ≤ pc < end, without a gap. */
export interface LineRun {
  readonly start: number;
  readonly end: number;
  /** Addresses in it at which the compiler says that a statement begins. */
  readonly statements: readonly number[];
}

export type LineLookup =
  | { readonly kind: 'found'; readonly file: string; readonly line: number; readonly runs: readonly LineRun[] }
  /** No file's path ends so. */
  | { readonly kind: 'no-file'; readonly files: readonly string[] }
  /** Several files' paths do. */
  | { readonly kind: 'ambiguous'; readonly files: readonly string[] }
  /** The file has no code on that line; `lines`: the nearest ones that have. */
  | { readonly kind: 'no-code'; readonly file: string; readonly lines: readonly number[] };

const mostNear = 4;

/** Every piece of code of `line` in the file whose path ends in `suffix`, at a slash. */
export function findLine(dwarf: Dwarf, suffix: string, line: number): LineLookup {
  const headers = new Map<number, LineHeader>();
  const files = new Set<string>();
  const all = new Set<string>();
  for (const unit of dwarf.units()) {
    const die = dwarf.die(unit.root);
    const header = die && dwarf.lineHeader(die);
    if (header === undefined) continue;
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
  const runs: LineRun[] = [];
  const others = new Set<number>();
  for (const header of headers.values()) collect(dwarf, header, file!, line, runs, others);
  if (runs.length > 0) return { kind: 'found', file: file!, line, runs: runs.sort((a, b) => a.start - b.start) };
  const near = [...others].sort((a, b) => Math.abs(a - line) - Math.abs(b - line)).slice(0, mostNear);
  return { kind: 'no-code', file: file!, lines: near.sort((a, b) => a - b) };
}

function collect(
  dwarf: Dwarf,
  header: LineHeader,
  file: string,
  line: number,
  runs: LineRun[],
  others: Set<number>,
): void {
  const section = dwarf.section('.debug_line');
  if (section === undefined) return;
  const numbers = new Set(header.files.flatMap((name, i) => (name === file ? [i] : [])));
  let open: { start: number; statements: number[] } | undefined;
  runLineProgram(section, header, (row) => {
    const here = !row.endSequence && numbers.has(row.file);
    if (here && row.isStatement) others.add(row.line);
    const wanted = here && row.line === line;
    if (open !== undefined && (!wanted || row.endSequence)) {
      if (row.address > open.start && open.statements.length > 0) runs.push({ ...open, end: row.address });
      open = undefined;
    }
    if (!wanted) return false;
    open ??= { start: row.address, statements: [] };
    if (row.isStatement) open.statements.push(row.address);
    return false;
  });
}
