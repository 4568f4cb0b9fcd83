import { escapeControls } from '#base';
import { readableBytes } from '../format/bytes.ts';
import { readableDuration } from '../format/duration.ts';
import { cutToWidth, displayWidth } from '../format/width.ts';
import { tableCell } from '../output/cell.ts';
import { lookOf } from '../output/look.ts';
import type { Row } from '../output/row.ts';
import { title } from '../output/table.ts';
import { bucketsOf, heatMap, seriesOf, sparkline } from './chart.ts';
import { rowLines } from './detail.ts';
import { currentTable, type LiveState, shownRows, viewOf } from './state.ts';
import type { LiveTable } from './tables.ts';
import type { Line, Size, Span, Style } from './terminal.ts';

/** A column is shown no wider than this; its row's JSON has the rest. */
const widest = 60;
const gap = 2;
const heatHeight = 6;

const help = [
  'px live',
  '',
  '  ↑ ↓ PgUp PgDn Home End   rows (also j k space g G)',
  '  ← →                      columns (also h l)',
  '  Enter                    the row as JSON; Esc back',
  '  s                        sort by the column: largest first, smallest first, as it came',
  '  /                        filter: words that a row shows, column=text, column>5; Esc clears it',
  '  Tab Shift-Tab 1…9        tables',
  '  c                        chart: line, heat map, none',
  '  e                        edit the script and run it again',
  '  r  p  + -                run again now, pause, refresh half or twice as often',
  '  !                        why the last run failed',
  '  q                        quit',
];

/** How many rows of the table fit. */
export function pageOf(state: LiveState, size: Size): number {
  return Math.max(1, size.height - 4 - chartHeight(state, size));
}

/** The whole screen. */
export function screen(state: LiveState, size: Size): Line[] {
  const lines = [tabs(state), ...body(state, size)];
  while (lines.length < size.height - 1) lines.push([]);
  lines.length = size.height - 1;
  return [...lines, footer(state, size)];
}

function tabs(state: LiveState): Line {
  const now = currentTable(state);
  const spans: Span[] = [{ text: `px live ${escapeControls(state.script)}`, style: 'dim' }, { text: '  ' }];
  for (const [i, table] of state.tables.entries()) {
    const text = ` ${i + 1} ${escapeControls(table.head.name)} (${table.count}) `;
    spans.push(table === now ? { text, style: 'chosen' } : { text });
  }
  return spans;
}

function body(state: LiveState, size: Size): Line[] {
  const room = size.height - 2;
  const texts = (lines: readonly string[]): Line[] => {
    state.scroll = Math.max(0, Math.min(state.scroll, lines.length - 1));
    return lines.slice(state.scroll, state.scroll + room).map((text) => [{ text }]);
  };
  if (state.mode === 'help') return texts(help);
  if (state.mode === 'fault') return texts((state.fault ?? '').split('\n').map(escapeControls));
  const table = currentTable(state);
  if (table === undefined) {
    const waiting = state.fault ?? (state.notes || (state.refreshed === undefined ? 'running …' : 'no table'));
    return texts(waiting.split('\n').map(escapeControls));
  }
  const rows = shownRows(state, table);
  const view = viewOf(state, table);
  view.row = Math.max(0, Math.min(view.row, rows.length - 1));
  view.column = Math.max(0, Math.min(view.column, table.head.columns.length - 1));
  const chosen = rows[view.row];
  if (state.mode === 'row' && chosen !== undefined) return texts(rowLines(table.head.columns, chosen, size.width));
  return [...chart(state, table, rows, size), ...tableLines(state, table, rows, size)];
}

function chartHeight(state: LiveState, size: Size): number {
  const table = currentTable(state);
  if (table === undefined || state.mode === 'row' || state.chart === 'none' || size.height < 12) return 0;
  if (seriesOf(table, []) === undefined) return 0;
  return state.chart === 'line' ? 1 : heatHeight;
}

function chart(state: LiveState, table: LiveTable, rows: readonly Row[], size: Size): Line[] {
  const height = chartHeight(state, size);
  if (height === 0) return [];
  const series = seriesOf(table, rows)!;
  const named = (text: string) => `${escapeControls(series.name)} ${text}`;
  const labelled = 24;
  const buckets = bucketsOf(series, Math.max(10, size.width - labelled - 1));
  if (buckets === undefined) {
    return Array.from({ length: height }, (_, i): Line => (i === 0 ? [{ text: named('—'), style: 'dim' }] : []));
  }
  const highest = buckets.values.flat().reduce((a, b) => Math.max(a, b));
  if (height === 1) {
    const label = cutToWidth(named(`≤ ${amount(highest, series.semantic)}`), labelled).padEnd(labelled);
    return [[{ text: label, style: 'dim' }, { text: sparkline(buckets) }]];
  }
  const map = heatMap(buckets, height);
  const most = map.flatMap(({ counts }) => counts).reduce((a, b) => Math.max(a, b));
  const lines = map.map(({ low, counts }, i): Line => {
    const label = i === 0 ? named(`≥ ${amount(low, series.semantic)}`) : `≥ ${amount(low, series.semantic)}`;
    return [
      {
        text: cutToWidth(label, labelled)
          .padStart(labelled - 1)
          .padEnd(labelled),
        style: 'dim',
      },
      ...heat(counts, most),
    ];
  });
  while (lines.length < height) lines.push([]);
  return lines;
}

const shades = ' ░▒▓█';
const heats: readonly (Style | undefined)[] = [undefined, 'heat1', 'heat2', 'heat3', 'heat4'];

/** Neighbours of one shade are one span. */
function heat(counts: readonly number[], most: number): Span[] {
  const spans: { text: string; style?: Style }[] = [];
  for (const count of counts) {
    const shade = count === 0 ? 0 : Math.max(1, Math.ceil((Math.log2(count + 1) / Math.log2(most + 1)) * 4));
    const style = heats[shade];
    const last = spans.at(-1);
    if (last !== undefined && last.style === style) last.text += shades[shade]!;
    else spans.push({ text: shades[shade]!, ...(style === undefined ? {} : { style }) });
  }
  return spans;
}

function amount(value: number, semantic: string): string {
  if (semantic === 'ST_DURATION_NS') return readableDuration(value);
  if (semantic === 'ST_BYTES') return readableBytes(value);
  return String(Math.round(value * 100) / 100);
}

function tableLines(state: LiveState, table: LiveTable, rows: readonly Row[], size: Size): Line[] {
  const view = viewOf(state, table);
  const page = pageOf(state, size);
  view.top = Math.max(0, Math.min(view.top, view.row, rows.length - page));
  if (view.row >= view.top + page) view.top = view.row - page + 1;
  const { columns } = table.head;
  const visible = rows.slice(view.top, view.top + page);
  const cells = visible.map((row) => columns.map((column, i) => tableCell(column, row.cells[i]!, row.notes)));
  const titles = columns.map((column) => {
    const order = view.sort?.column === column.name ? (view.sort.descending ? ' ▼' : ' ▲') : '';
    return title(column.name) + order;
  });
  const widths = titles.map((text, i) =>
    Math.min(
      widest,
      cells.reduce((most, row) => Math.max(most, displayWidth(row[i]!)), displayWidth(text)),
    ),
  );
  view.left = firstColumn(widths, view.left, view.column, size.width);
  const line = (texts: readonly string[], style: (i: number) => Style | undefined): Line =>
    texts.slice(view.left).map((text, k): Span => {
      const i = k + view.left;
      const shown = cutToWidth(text, widths[i]!);
      const padded = shown + ' '.repeat(widths[i]! - displayWidth(shown) + gap);
      const look = style(i);
      return look === undefined ? { text: padded } : { text: padded, style: look };
    });
  const head = line(titles, (i) => (i === view.column ? 'chosen' : 'title'));
  const body = cells.map((texts, r) =>
    line(texts, (i) => (view.top + r === view.row ? 'chosen' : lookOf(columns[i]!, visible[r]!.cells[i]!))),
  );
  return rows.length === 0
    ? [head, [{ text: view.filter === '' ? 'no rows' : 'no row fits', style: 'dim' }]]
    : [head, ...body];
}

/** Scrolls sideways no further than it takes to see the chosen column whole. */
function firstColumn(widths: readonly number[], left: number, chosen: number, width: number): number {
  let first = Math.min(left, chosen);
  const needed = (from: number) => widths.slice(from, chosen + 1).reduce((sum, each) => sum + each + gap, -gap);
  while (first < chosen && needed(first) > width) first++;
  return first;
}

function footer(state: LiveState, size: Size): Line {
  const table = currentTable(state);
  if (state.mode === 'filter' && table !== undefined) return [{ text: `/${viewOf(state, table).filter}█` }];
  if (state.fault !== undefined && state.mode !== 'fault') {
    const [first = ''] = state.fault.split('\n');
    return [{ text: cutToWidth(`✕ ${escapeControls(first)}  (! says more)`, size.width), style: 'bad' }];
  }
  const view = table && viewOf(state, table);
  const parts: string[] = [];
  if (state.paused) parts.push('paused');
  else parts.push(`every ${amount(state.everyMs * 1e6, 'ST_DURATION_NS')}`);
  if (state.refreshed !== undefined) parts.push(new Date(state.refreshed).toTimeString().slice(0, 8));
  if (table !== undefined && view !== undefined) {
    const count = shownRows(state, table).length;
    parts.push(count === 0 ? '0 rows' : `row ${view.row + 1} of ${count}`);
    if (view.filter !== '') parts.push(`/${view.filter}`);
  }
  // Steps that are done need not be told again and again.
  const notes = state.notes.split('\n').filter((text) => text.trim() !== '' && !text.startsWith(' ✔'));
  const last = notes.at(-1);
  if (last !== undefined) parts.push(escapeControls(last.trim()));
  return [{ text: cutToWidth(`${parts.join('  ')}   ? help  q quit`, size.width), style: 'dim' }];
}
