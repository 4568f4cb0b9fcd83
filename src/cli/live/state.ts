import type { Row } from '../output/row.ts';
import { filtered, sorted } from './filter.ts';
import type { LiveTable } from './tables.ts';

/** What is looked at of one table; kept by the table's name from one refresh to the next. */
export interface TableView {
  row: number;
  /** First row and column on the screen. */
  top: number;
  left: number;
  column: number;
  sort: { readonly column: string; readonly descending: boolean } | undefined;
  filter: string;
}

export type Mode = 'table' | 'filter' | 'row' | 'help' | 'fault';

/** All that px live shows; `pressed` changes it, `view.ts` draws it. */
export interface LiveState {
  readonly script: string;
  tables: readonly LiveTable[];
  tab: number;
  mode: Mode;
  readonly views: Map<string, TableView>;
  /** First line of the row or the message that is shown. */
  scroll: number;
  chart: 'line' | 'heat' | 'none';
  paused: boolean;
  everyMs: number;
  /** Milliseconds since 1970 when the tables were complete; undefined before the first time. */
  refreshed: number | undefined;
  running: boolean;
  /** Progress and notes of the run, one text. */
  notes: string;
  /** Why the last run failed, lines of it. */
  fault: string | undefined;
}

/** What a key asks of the program, beyond a change of the state. */
export type Action = 'quit' | 'rerun' | 'edit' | 'suspend';

export function newState(script: string, everyMs: number): LiveState {
  return {
    script,
    tables: [],
    tab: 0,
    mode: 'table',
    views: new Map(),
    scroll: 0,
    chart: 'line',
    paused: false,
    everyMs,
    refreshed: undefined,
    running: false,
    notes: '',
    fault: undefined,
  };
}

export function currentTable(state: LiveState): LiveTable | undefined {
  return state.tables[Math.min(state.tab, state.tables.length - 1)];
}

export function viewOf(state: LiveState, table: LiveTable): TableView {
  const name = table.head.name;
  let view = state.views.get(name);
  if (view === undefined) {
    view = { row: 0, top: 0, left: 0, column: 0, sort: undefined, filter: '' };
    state.views.set(name, view);
  }
  return view;
}

/** The table's rows as they are shown: filtered, then sorted. */
export function shownRows(state: LiveState, table: LiveTable): readonly Row[] {
  const { filter, sort } = viewOf(state, table);
  const left = filtered(table.head.columns, table.rows, filter);
  const at = sort === undefined ? -1 : table.head.columns.findIndex((column) => column.name === sort.column);
  return at < 0 ? left : sorted(left, at, sort!.descending);
}

/** New results: where the user is stays as far as it can. */
export function refresh(state: LiveState, tables: readonly LiveTable[]): void {
  const name = currentTable(state)?.head.name;
  state.tables = tables;
  const same = tables.findIndex((table) => table.head.name === name);
  state.tab = Math.max(0, same);
}

/** `page`: rows on the screen. */
export function pressed(state: LiveState, key: string, page: number): Action | undefined {
  if (key === 'ctrl-c') return 'quit';
  if (key === 'ctrl-z') return 'suspend';
  if (state.mode === 'filter') return typed(state, key);
  if (state.mode !== 'table') return read(state, key, page);
  const table = currentTable(state);
  if (key === 'q') return 'quit';
  if (key === 'r') return 'rerun';
  if (key === 'e') return 'edit';
  if (key === '?') show(state, 'help');
  else if (key === '!' && state.fault !== undefined) show(state, 'fault');
  else if (key === 'p') state.paused = !state.paused;
  else if (key === '+') state.everyMs = Math.min(3_600_000, state.everyMs * 2);
  else if (key === '-') state.everyMs = Math.max(250, state.everyMs / 2);
  else if (key === 'c') state.chart = { line: 'heat', heat: 'none', none: 'line' }[state.chart] as LiveState['chart'];
  else if (key === 'tab') turn(state, 1);
  else if (key === 'shift-tab') turn(state, -1);
  else if (/^[1-9]$/.test(key)) state.tab = Math.min(Number(key), Math.max(1, state.tables.length)) - 1;
  else if (table !== undefined) inTable(state, table, key, page);
  return undefined;
}

function inTable(state: LiveState, table: LiveTable, key: string, page: number): void {
  const view = viewOf(state, table);
  const last = shownRows(state, table).length - 1;
  const columns = table.head.columns;
  const to = (row: number) => {
    view.row = Math.max(0, Math.min(last, row));
  };
  if (key === 'up' || key === 'k') to(view.row - 1);
  else if (key === 'down' || key === 'j') to(view.row + 1);
  else if (key === 'pageup') to(view.row - page);
  else if (key === 'pagedown' || key === ' ') to(view.row + page);
  else if (key === 'home' || key === 'g') to(0);
  else if (key === 'end' || key === 'G') to(last);
  else if (key === 'left' || key === 'h') view.column = Math.max(0, view.column - 1);
  else if (key === 'right' || key === 'l') view.column = Math.min(columns.length - 1, view.column + 1);
  else if (key === 's') sortBy(view, columns[view.column]!.name);
  else if (key === '/') show(state, 'filter');
  else if (key === 'escape') view.filter = '';
  else if (key === 'enter' && last >= 0) show(state, 'row');
}

/** Largest first, since that is what one looks for; then smallest first; then as the rows came. */
function sortBy(view: TableView, column: string): void {
  if (view.sort?.column !== column) view.sort = { column, descending: true };
  else view.sort = view.sort.descending ? { column, descending: false } : undefined;
  view.row = 0;
}

function turn(state: LiveState, by: number): void {
  const count = Math.max(1, state.tables.length);
  state.tab = (state.tab + by + count) % count;
}

function show(state: LiveState, mode: Mode): void {
  state.mode = mode;
  state.scroll = 0;
}

/** Keys while a filter is written: every letter counts at once. */
function typed(state: LiveState, key: string): undefined {
  const table = currentTable(state);
  const view = table && viewOf(state, table);
  if (view === undefined || key === 'enter') state.mode = 'table';
  else if (key === 'escape') {
    view.filter = '';
    state.mode = 'table';
  } else {
    if (key === 'backspace') view.filter = [...view.filter].slice(0, -1).join('');
    else if (key === 'ctrl-u') view.filter = '';
    else if ([...key].length === 1) view.filter += key;
    view.row = 0;
  }
  return undefined;
}

/** Keys while a row, the help or a message fills the screen. */
function read(state: LiveState, key: string, page: number): Action | undefined {
  const by = { up: -1, k: -1, down: 1, j: 1, pageup: -page, pagedown: page, ' ': page, home: -Infinity, g: -Infinity }[
    key
  ];
  if (by !== undefined) state.scroll = Math.max(0, state.scroll + by);
  else if (key === 'e') return 'edit';
  else if (key === 'r') return 'rerun';
  else if (['escape', 'q', 'enter', '?', 'left', 'h', 'backspace'].includes(key)) show(state, 'table');
  else if (state.mode === 'row' && (key === 'right' || key === 'left')) show(state, 'table');
  return undefined;
}
