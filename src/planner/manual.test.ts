import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Relation } from '#model';
import { type Cell, PxlEngine } from '../../testing/pxl-engine.ts';
import { aggregateNames } from './aggregates/names.ts';
import { semanticTypes } from './annotations.ts';
import { stringMemberNames } from './builtins.ts';
import { frameNames } from './frames.ts';
import { contextNames } from './functions/metadata.ts';
import { operatorFunctions, scalarFunctions } from './functions/registry.ts';
import { type Catalog, compileMutations, compileQuery, tableFunctionRelations } from './index.ts';
import { pixieTableNames } from './pixie-tables.ts';
import { constantFunctionNames } from './px-constants.ts';
import { pxtraceNames } from './pxtrace-module.ts';
import { pxviewsSource } from './pxviews.ts';
import { foreignTableFunctions } from './table-functions.ts';
import { windowNames } from './windows.ts';

/**
 * Runs every example of docs/pxl.md: an expression a line, with its values behind `#`; scripts with their rows in the block behind. `UPDATE_MANUAL=1` writes what
 * came out into the page, to be read before it is committed.
 */
const page = new URL('../../docs/pxl.md', import.meta.url);
const text = readFileSync(page, 'utf8');
const update = process.env.UPDATE_MANUAL === '1';

const calls: Relation = {
  columns: [
    { name: 'time_', type: 'TIME64NS', semantic: 'ST_NONE' },
    { name: 'upid', type: 'UINT128', semantic: 'ST_UPID' },
    { name: 'goid_', type: 'INT64', semantic: 'ST_NONE' },
    { name: 'function', type: 'STRING', semantic: 'ST_NONE' },
    { name: 'n', type: 'INT64', semantic: 'ST_NONE' },
    { name: 'latency', type: 'INT64', semantic: 'ST_DURATION_NS' },
    { name: 'x', type: 'FLOAT64', semantic: 'ST_NONE' },
    { name: 'body', type: 'STRING', semantic: 'ST_NONE' },
  ],
};
const catalog: Catalog = {
  table: (name) => (name === 'calls' ? calls : undefined),
  tables: () => ['calls'],
  tableFunction: (name) => tableFunctionRelations[name],
  tableFunctions: () => Object.keys(tableFunctionRelations),
};

let engine: PxlEngine;

beforeAll(async () => {
  engine = new PxlEngine();
  await engine.table('calls', calls, callsOf(text));
});
afterAll(() => engine.close());

/** The rows of the table that the page begins with. */
function callsOf(source: string): Cell[][] {
  const block = /<!-- calls -->\n```text\n(.*?)```/s.exec(source)![1]!;
  const lines = block.trim().split('\n').slice(1);
  return lines.map((line) => {
    const cells = line.split(/ {2,}/);
    return calls.columns.map(({ name, type }, i): Cell => {
      const cell = cells[i]!;
      if (cell === 'none') return null;
      if (type === 'STRING') return cell;
      if (type === 'FLOAT64') return cell === 'nan' ? Number.NaN : Number(cell);
      if (type === 'UINT128') return BigInt(cell) << 96n;
      return BigInt(cell) * (name === 'time_' ? 1_000_000_000n : 1n);
    });
  });
}

async function rowsOf(script: string): Promise<{ names: string[]; rows: Cell[][] }> {
  const now = 1_700_000_000_000_000_000n;
  const compiled = compileQuery(`import px\ndf = px.DataFrame('calls')\n${script}`, catalog, { now, queryId: 'q' });
  if (!compiled.ok) throw new Error(`${script}\n${compiled.diagnostics.map((each) => each.message).join('\n')}`);
  const names = compiled.value.outputs[0]!.relation.columns.map((column) => column.name);
  return { names, rows: await engine.first(compiled.value) };
}

function cell(value: Cell): string {
  if (value === null) return 'none';
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'number' && Number.isInteger(value) ? `${value}.0` : `${value}`;
}

/** The values of all rows; one if they are the same. */
async function valuesOf(expression: string): Promise<string> {
  const { rows } = await rowsOf(`df.value = ${expression}\npx.display(df[['value']])`);
  const cells = rows.map((row) => cell(row[0]!));
  return new Set(cells).size === 1 ? cells[0]! : cells.join(', ');
}

/** The columns of a DataFrame, which has no rows here. */
async function columnsOf(expression: string): Promise<string> {
  const { names } = await rowsOf(`import pxviews\npx.display(${expression})`);
  return names.join(', ');
}

test('the examples give what the page says', async () => {
  let out = '';
  let at = 0;
  const block = /<!-- (values|rows|columns) -->\n```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?/gs;
  const wrong: string[] = [];
  for (const match of text.matchAll(block)) {
    const [whole, kind, code, expected = ''] = match as unknown as [string, string, string, string?];
    out += text.slice(at, match.index);
    at = match.index + whole.length;
    if (kind !== 'rows') {
      const lines: string[] = [];
      for (const line of code.trim().split('\n')) {
        const expression = line.split(/ {2}#/)[0]!;
        const made = `${expression}  # ${await (kind === 'values' ? valuesOf : columnsOf)(expression)}`;
        if (made !== line) wrong.push(`${line}\n   is ${made}`);
        lines.push(made);
      }
      out += `<!-- ${kind} -->\n\`\`\`python\n${lines.join('\n')}\n\`\`\`\n`;
    } else {
      const { names, rows } = await rowsOf(`${code}\npx.display(df)`);
      const table = [names.join(', '), ...rows.map((row) => row.map(cell).join(', '))].join('\n');
      if (table !== expected.trimEnd()) wrong.push(`${code}gives\n${table}\nnot\n${expected}`);
      out += `<!-- rows -->\n\`\`\`python\n${code}\`\`\`\n\n\`\`\`text\n${table}\n\`\`\`\n`;
    }
  }
  if (update) writeFileSync(page, out + text.slice(at));
  else expect(wrong).toEqual([]);
}, 60_000);

test('the examples of exports compile', () => {
  const [...examples] = text.matchAll(/<!-- export -->\n```python\n(.*?)```/gs);
  expect(examples.length).toBeGreaterThan(0);
  for (const [, code] of examples) {
    const script = `import px\ndf = px.DataFrame('calls')\n${code}`;
    const compiled = compileQuery(script, catalog, { now: 1n, queryId: 'q' });
    expect(
      compiled.ok ? compiled.value.exports.map(({ to }) => to.metrics.length + to.spans.length) : compiled,
    ).toEqual([3]);
  }
});

test('the examples of traces compile', () => {
  const [...examples] = text.matchAll(/<!-- traces -->\n```python\n(.*?)```/gs);
  expect(examples.length).toBeGreaterThan(0);
  for (const [, code] of examples) {
    const compiled = compileMutations(`import px\nimport pxtrace\n${code}`, { now: 1n, queryId: 'q' });
    expect(compiled.ok ? compiled.value.upserts.map(({ name }) => name) : compiled).toEqual([
      'calls',
      'counted',
      'labels',
    ]);
  }
});

test('every id of a fault is on the page, and its example has it', () => {
  const found = new Set<string>();
  for (const folder of ['../pxl/', './', './functions/', './rules/', './aggregates/']) {
    const names = readdirSync(new URL(folder, import.meta.url)).filter((name) => /(?<!\.test)\.ts$/.test(name));
    for (const name of names) {
      const code = readFileSync(new URL(folder + name, import.meta.url), 'utf8');
      for (const [, id] of code.matchAll(/'((?:pxl|vis)\.[a-z-]+)'/g)) if (id !== 'vis.json') found.add(id!);
    }
  }
  const rows = /<!-- faults -->\n(?:\|.*\n){2}((?:\|.*\n)+)/.exec(text)![1]!.trim().split('\n');
  const told = rows.map((row) => row.split('|').map((each) => each.trim()));
  expect(told.map(([, id]) => id).sort()).toEqual([...found].sort());
  for (const [, id, , example] of told) {
    if (example === '') continue;
    const code = example!.replace(/^`|`$/g, '');
    const head = id === 'pxl.no-output' ? '' : "import px\nimport pxtrace\ndf = px.DataFrame('calls')\n";
    const tail = id === 'pxl.no-output' ? '' : '\npx.display(df)';
    const compiled = compileQuery(`${head}${code}${tail}`, catalog, { now: 1n, queryId: 'q' });
    expect([code, compiled.ok ? 'compiled' : compiled.diagnostics[0]!.id]).toEqual([code, id]);
  }
});

test('every function, aggregate and constant has an example', () => {
  const names = [
    ...Object.keys(scalarFunctions),
    ...Object.keys(operatorFunctions),
    ...aggregateNames,
    ...windowNames,
    ...constantFunctionNames,
  ];
  expect(names.filter((name) => !new RegExp(`px\\.${name}\\b`).test(text))).toEqual([]);
  for (const [prefix, members] of [
    ['.', frameNames],
    ['.', stringMemberNames],
    ['px.', Object.keys(tableFunctionRelations).filter((name) => name !== '_GetMetadata')],
    ['px.', Object.keys(foreignTableFunctions)],
    ['px.', Object.keys(semanticTypes).filter((name) => /^[A-Z]/.test(name))],
    ['pxtrace.', pxtraceNames()],
    ['pxviews.', [...pxviewsSource.matchAll(/^def ([a-z]\w*)/gm)].map(([, name]) => name!)],
  ] as const) {
    const told = (name: string) => new RegExp(`${prefix.replace('.', '\\.')}${name}\\b`).test(text);
    expect(members.filter((name) => !told(name))).toEqual([]);
  }
  expect(contextNames.filter((name) => !text.includes(`df.ctx['${name}']`))).toEqual([]);
  expect(pixieTableNames.filter((name) => !text.includes(`px.DataFrame('${name}')`))).toEqual([]);
});
