import type { Context } from '../context.ts';
import { CsvPrinter } from './csv.ts';
import { JsonPrinter } from './json.ts';
import { wantsColours } from './look.ts';
import type { OutputColumn, OutputFormat, Row, RowPrinter } from './row.ts';
import { TablePrinter } from './table.ts';

export function rowPrinter(context: Context, format: OutputFormat, titled = true): RowPrinter {
  switch (format) {
    case 'table':
      return new TablePrinter(context.out, titled, context.outColumns, wantsColours(context));
    case 'json':
      return new JsonPrinter(context.out);
    case 'csv':
      return new CsvPrinter(context.out, context.outIsTerminal);
  }
}

/** Prints one table of a command's own; without `Table ID`. */
export async function printRows(
  context: Context,
  format: OutputFormat,
  name: string,
  columns: readonly OutputColumn[],
  rows: Iterable<Row> | AsyncIterable<Row>,
): Promise<void> {
  const printer = rowPrinter(context, format, false);
  await printer.begin({ name, columns });
  for await (const row of rows) await printer.row(row);
  await printer.end();
  await context.out.flush();
}

/** A column without semantics. */
export function column(name: string, type: OutputColumn['type'] = 'STRING', semantic = 'ST_NONE'): OutputColumn {
  return { name, type, semantic };
}

/** A text that a table may cut when the terminal is too narrow. */
export function longText(name: string): OutputColumn {
  return { ...column(name), cut: true };
}

/** An empty text means that there is none. */
export function orMissing(text: string): string | null {
  return text === '' ? null : text;
}
