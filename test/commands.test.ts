/** The commands beside run and trace: what they print, for people and for programs. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killStarted } from '../testing/process.ts';
import { PxEnvironment } from '../testing/px.ts';
import { root } from '../testing/root.ts';
import { writeProbeScript } from '../testing/script.ts';
import { CallsProgram } from '../testing/targets.ts';

const sonde = new PxEnvironment();
let program: CallsProgram;
let upid: string;
beforeAll(async () => {
  program = await CallsProgram.start();
  upid = await sonde.upid(program.pid);
});
afterAll(async () => {
  await sonde.dispose();
  await killStarted();
});

it('px funcs: signatures and places, filtered by a pattern', async () => {
  const functions = await sonde.rows<{ name: string; signature: string; file: string; line: number }>([
    'funcs',
    String(program.pid),
    'main.',
  ]);
  const many = functions.find(({ name }) => name === 'main.late')!;
  expect(many.signature.replaceAll(' ', '')).toMatch(
    /^func\((aint,bint,cint,dint,eint,fint,gint,hint|a,b,c,d,e,f,g,hint),sstring,zint\)int$/,
  );
  expect(many.file).toMatch(/shapes\.go$/);
  expect(many.line).toBeGreaterThan(10);
  expect(functions.every(({ name }) => name.includes('main.'))).toBe(true);
  expect(await sonde.rows(['funcs', String(program.pid), 'no.such.function'])).toEqual([]);
});

it('px debug sites: places, classes, expected cost', async () => {
  const { stdout } = await sonde.ok(['debug', 'sites', String(program.pid), 'main.named']);
  expect(stdout).toMatch(/entry 0x[0-9a-f]+ .*jbe 0x[0-9A-F]+ \(emulated, when not taken /);
  expect(stdout).toMatch(/return 0x[0-9a-f]+ .*ret \(stepped\)/);
  expect(stdout).toMatch(/\d+ ns a hit/);
});

it('px debug compile: every stage, printable', async () => {
  const script = writeProbeScript(sonde.folder, {
    upid,
    name: 'stages',
    function: 'main.stillHere',
    columns: { n: "ArgExpr('n')" },
  });
  const { stdout } = await sonde.ok(['debug', 'compile', '-f', script]);
  expect(stdout.match(/^== /gm)!.length).toBeGreaterThanOrEqual(4);
  expect(stdout).toMatch(/SELECT/);
  expect(stdout).toMatch(/main\.stillHere/);
  // Nothing was placed.
  expect(await sonde.rows(['tracepoint', 'list'])).toEqual([]);
});

it('px tracepoint list: state, target, table, owner, counts', async () => {
  const script = writeProbeScript(sonde.folder, {
    upid,
    name: 'listed',
    function: 'main.stillHere',
    columns: { n: "ArgExpr('n')" },
  });
  await sonde.ok(['run', '-f', script]);
  await program.command('stillHere 1');
  await sonde.ok(['run', '-f', script]);
  const [row] = await sonde.rows(['tracepoint', 'list']);
  expect(row).toMatchObject({ name: 'listed', state: 'RUNNING', table: 'listed', hits: 1, rows: 1, drops: 0 });
  expect(JSON.stringify(row)).toContain(upid);
  expect(String(row!.owner)).not.toBe('');
  const trace = await sonde.trace(program.pid, 'main.tick');
  expect(JSON.stringify(await sonde.rows(['tracepoint', 'list']))).toContain('main.tick');
  await trace.stop();
});

describe('the bundled library', () => {
  it('is listed', async () => {
    const { stdout } = await sonde.ok(['run', '-l']);
    for (const name of ['px/upids', 'px/tracepoint_status', 'px/schemas']) expect(stdout).toContain(name);
  });

  it('px/tracepoint_status and px/schemas know the tracepoint and its table', async () => {
    expect(JSON.stringify(await sonde.rows(['run', 'px/tracepoint_status']))).toContain('listed');
    const schemas = await sonde.rows(['run', 'px/schemas']);
    expect(schemas).toContainEqual(expect.objectContaining({ table_name: 'listed', column_name: 'n' }));
  });
});

it('PxL: filter, columns, groupby and agg', async () => {
  const calls = writeProbeScript(sonde.folder, {
    upid,
    name: 'numbers',
    function: 'main.stillHere',
    columns: { n: "ArgExpr('n')", r: "RetExpr('$0')" },
  });
  await sonde.ok(['run', '-f', calls]);
  for (const n of [1, 2, 3, 4, 5, 6]) await program.command(`stillHere ${n}`);
  const pxl = `
import px
df = px.DataFrame(table='numbers', select=['n', 'r'])
df = df[df.n > 1]
df.even = df.n % 2 == 0
df.sum = df.n + df.r
by = df.groupby('even').agg(calls=('n', px.count), total=('sum', px.sum), low=('n', px.min), high=('n', px.max), mean=('n', px.mean))
px.display(by, 'by')
px.display(df.drop('r').head(2), 'head')
`;
  const rows = await sonde.rows(['run', '-f', '-'], { input: pxl });
  const by = rows.filter((row) => row._tableName_ === 'by');
  expect(by.find((row) => row.even === true)).toMatchObject({ calls: 3, total: 27, low: 2, high: 6, mean: 4 });
  expect(by.find((row) => row.even === false)).toMatchObject({ calls: 2, total: 18, low: 3, high: 5, mean: 4 });
  const head = rows.filter((row) => row._tableName_ === 'head');
  expect(head).toHaveLength(2);
  expect(Object.keys(head[0]!)).toEqual(['_tableName_', 'n', 'even', 'sum']);
});

it('px works from another folder, through a link, and as make install leaves it', async () => {
  const { stdout } = spawnSync('bash', ['-c', 'ln -s "$PX" "$SONDE_DIR/link" && cd / && "$SONDE_DIR/link" version'], {
    env: { ...sonde.env, PX: join(root, 'px') },
    encoding: 'utf8',
  });
  expect(stdout).toMatch(/^px \d+\.\d+\.\d+/);
});
