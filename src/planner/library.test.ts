import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Capture, type Column, type ColumnType, implicitColumns, type Relation } from '#model';
import { parse, scriptParameters, withParameters } from '#pxl';
import { type Catalog, compileMutations, compileQuery, readVis, tableFunctionRelations, visCalls } from './index.ts';

const now = 0n;
const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

function catalogOf(tables: Record<string, Relation> = {}): Catalog {
  return {
    table: (name) => tables[name],
    tables: () => Object.keys(tables),
    tableFunction: (name) => tableFunctionRelations[name],
    tableFunctions: () => Object.keys(tableFunctionRelations),
  };
}

describe('the bundled library', () => {
  const names = readdirSync(new URL('scripts/px', root));

  it('has the scripts that everything else names', () => {
    expect(names).toEqual(expect.arrayContaining(['go_latency', 'go_trace', 'schemas', 'tracepoint_status', 'upids']));
  });

  it.each(names)('px/%s compiles as its vis.json calls it', (name) => {
    const source = read(`scripts/px/${name}/${name}.pxl`);
    const vis = readVis(read(`scripts/px/${name}/vis.json`));
    if (!vis.ok) throw new Error(vis.diagnostics[0]!.message);
    const required = vis.value.variables.filter((variable) => variable.defaultValue === undefined);
    const given: Record<string, string> = {
      upid: '00000003-0024-844a-0000-000008caa618',
      function: 'main.f',
      functions: 'main.f',
    };
    const calls = visCalls(vis.value, new Map(required.map((variable) => [variable.name, given[variable.name]!])));
    if (!calls.ok) throw new Error(calls.diagnostics[0]!.message);
    const mutations = compileMutations(source, { now, calls: calls.value, catalog: catalogOf() });
    if (!mutations.ok) throw new Error(mutations.diagnostics[0]!.message);
    const traces = required.some((variable) => variable.name.startsWith('function'));
    expect(mutations.value.upserts.map((each) => each.probes[0]!.function)).toEqual(traces ? ['main.f'] : []);
    // What the tracepoint's table has, as far as these scripts capture it.
    const made = mutations.value.upserts.map(({ table, probes }): [string, Relation] => {
      const typeOf = ({ kind }: Capture): ColumnType =>
        kind === 'latency' || kind === 'aggregate' ? 'INT64' : 'STRING';
      const captured = probes[0]!.columns.map(
        ({ name, capture }): Column => ({ name, type: typeOf(capture), semantic: 'ST_NONE' }),
      );
      return [table, { columns: [...implicitColumns, ...captured] }];
    });
    const query = compileQuery(source, catalogOf(Object.fromEntries(made)), { now, calls: calls.value });
    if (!query.ok) throw new Error(query.diagnostics[0]!.message);
    expect(query.value.outputs.map((output) => output.name)).toEqual(calls.value.map((call) => call.outputName));
    expect(Object.keys(JSON.parse(read(`scripts/px/${name}/manifest.json`)))).toEqual(['short', 'long']);
  });
});

describe('the demo', () => {
  const source = read('examples/simple-gotracing/capture_args.pxl');

  it('compiles both ways with a UPID', () => {
    const given = withParameters(
      source,
      parse(source).tree,
      new Map([['upid', '00000003-0024-844a-0000-000008caa618']]),
    );
    if (!given.ok) throw new Error(given.diagnostics[0]!.message);
    const mutations = compileMutations(given.source, { now });
    if (!mutations.ok) throw new Error(mutations.diagnostics[0]!.message);
    expect(mutations.value.upserts.map((each) => [each.name, each.table, each.probes[0]!.function])).toEqual([
      ['compute_e_data', 'compute_e_data', 'main.computeE'],
    ]);
    const relation: Relation = {
      columns: [
        ...implicitColumns,
        { name: 'iterations', type: 'INT64', semantic: 'ST_NONE' },
        { name: 'latency', type: 'INT64', semantic: 'ST_DURATION_NS' },
      ],
    };
    const query = compileQuery(given.source, catalogOf({ compute_e_data: relation }), { now });
    if (!query.ok) throw new Error(query.diagnostics[0]!.message);
    expect(query.value.outputs.map((output) => [output.name, output.relation, output.notes])).toEqual([
      ['output', relation, true],
    ]);
  });

  it('says where to put one', () => {
    const compiled = compileMutations(source, { now });
    if (compiled.ok) throw new Error('accepted');
    const [parameter] = scriptParameters(parse(source).tree);
    expect(compiled.diagnostics.map((each) => [each.id, each.span])).toEqual([['pxl.upid', parameter!.span]]);
  });
});

describe('visCalls', () => {
  const vis = readVis(
    JSON.stringify({
      variables: [
        { name: 'ns', type: 'PX_STRING' },
        { name: 'kind', type: 'PX_STRING', defaultValue: 'a', validValues: ['a', 'b'] },
        { name: 'list', type: 'PX_STRING_LIST', defaultValue: "a,b's" },
      ],
      globalFuncs: [{ outputName: 'all', func: { name: 'f', args: [{ name: 'x', variable: 'ns' }] } }],
      widgets: [
        { globalFuncOutputName: 'all' },
        {
          name: 'w',
          func: {
            name: 'g',
            args: [
              { name: 'y', value: '5' },
              { name: 'k', variable: 'kind' },
              { name: 'l', variable: 'list' },
            ],
          },
        },
        { func: { name: 'h' } },
      ],
    }),
  );
  if (!vis.ok) throw new Error('refused');

  it('binds variables and values', () => {
    expect(visCalls(vis.value, new Map([['ns', 'n']]))).toEqual({
      ok: true,
      value: [
        { name: 'f', outputName: 'all', arguments: [{ name: 'x', value: 'n' }] },
        {
          name: 'g',
          outputName: 'w',
          arguments: [
            { name: 'y', value: '5' },
            { name: 'k', value: 'a' },
            { name: 'l', value: "['a', 'b\\'s']" },
          ],
        },
        { name: 'h', outputName: 'widget_2', arguments: [] },
      ],
    });
  });

  it('tells what is missing, unknown and not valid', () => {
    const called = visCalls(
      vis.value,
      new Map([
        ['kin', 'x'],
        ['kind', 'c'],
      ]),
    );
    if (called.ok) throw new Error('accepted');
    expect(called.diagnostics.map((each) => each.message)).toEqual([
      'the script has no parameter --kin',
      '--ns is required',
      '--kind cannot be `c`',
    ]);
  });

  it.each(['', '[]', '{"variables": 5}', '{"widgets": [{"func": {}}]}', '{"variables": [null]}'])(
    'refuses %j',
    (text) => {
      const found = readVis(text);
      expect(found.ok ? 'accepted' : found.diagnostics[0]!.id).toBe('vis.malformed');
    },
  );
});
