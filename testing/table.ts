/** A table as `px` prints it for people. */
export interface PrintedTable {
  readonly id: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Splits `Table ID: …` blocks into cells; columns are two or more spaces apart. */
export function printedTables(text: string): PrintedTable[] {
  return text
    .split(/^Table ID: /m)
    .slice(1)
    .map((block) => {
      const [id, header, ...rows] = block.split('\n').filter((line) => line.trim() !== '');
      return { id: id!.trim(), header: cells(header ?? ''), rows: rows.map(cells) };
    });
}

function cells(line: string): string[] {
  return line.trim().split(/ {2,}/);
}
