import type { Context } from '../context.ts';
import type { Cell, OutputColumn } from './row.ts';

/** What stands out: `dim` is not there; `warn` and `bad` are latencies above 200 ms and 400 ms, as Pixie colours them. */
export type Look = 'title' | 'dim' | 'warn' | 'bad';

export function lookOf(column: OutputColumn, value: Cell): Look | undefined {
  if (value === null) return 'dim';
  if (column.semantic !== 'ST_DURATION_NS' || typeof value === 'string' || typeof value === 'boolean') return undefined;
  return Number(value) > 400e6 ? 'bad' : Number(value) > 200e6 ? 'warn' : undefined;
}

/** Colours are for people: on a terminal that knows them, unless NO_COLOR (no-color.org) asks for none. */
export function wantsColours({ env, outIsTerminal }: Context): boolean {
  return outIsTerminal && !env.NO_COLOR && env.TERM !== 'dumb';
}

/** SGR parameters (ECMA-48 8.3.117). */
const codes: Readonly<Record<Look, string>> = { title: '1', dim: '2', warn: '33', bad: '31' };

export function painted(text: string, look: Look | undefined): string {
  return look === undefined || text === '' ? text : `\x1b[${codes[look]}m${text}\x1b[0m`;
}
