/**
 * What Pixie's px and its Go library get from the agent, message by message. Neither can be had here as a program, so each is a model of what was
 * recorded from runs of it (`testing/pixie-*.ts`): what it sends, and what makes it fail, hang or panic. The Python package is run itself: `pixie-python.test.ts`.
 */
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compactDecrypt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cloud, vizier } from '#api';
import { Cuttable } from './cuttable.ts';
import type { TestDoor } from './door.ts';
import { offences } from './pixie-profile.ts';
import { pixiePx } from './pixie-px.ts';
import {
  type OpenAnswer,
  type PixieClient,
  PixieWire,
  pixieClients,
  responses,
  scriptBody,
  type WireAnswer,
} from './pixie-wire.ts';
import { killStarted } from './process.ts';
import { root } from './root.ts';
import { probeScript } from './script.ts';
import type { Served } from './served.ts';
import { CallsProgram, DemoServer } from './targets.ts';

const clients = Object.keys(pixieClients) as PixieClient[];

/** Registers the tests for what `serve` starts. */
export function pixieWireSuite(serve: () => Promise<Served>): void {
  let sonde: Served;
  let door: TestDoor;
  let wire: PixieWire;
  let program: CallsProgram;
  let upid: string;

  beforeAll(async () => {
    sonde = await serve();
    door = sonde.door;
    wire = door.wire();
    program = await CallsProgram.start();
    upid = await sonde.upid(program.pid);
    for (const [name, fn, columns] of [
      ['ticks', 'main.tick', { n: "ArgExpr('n')" }],
      ['texts', 'main.text', { s: "ArgExpr('s')" }],
      ['numbers', 'main.unsigned', { small: "ArgExpr('a')", large: "ArgExpr('d')" }],
      ['none', 'main.exits', { code: "ArgExpr('code')" }],
      ['pointers', 'main.byPointer', { value: "ArgExpr('n.Value')" }],
    ] as const) {
      await sonde.place({ upid, name, function: fn, columns, noBudget: true });
    }
    await program.ticks(40_000);
    for (const command of ['text', 'scalars', 'structs']) await program.command(command);
  });
  afterAll(async () => {
    wire?.close();
    await sonde?.dispose();
    await killStarted();
  });

  const query = (client: PixieClient, lines: string, more: Partial<vizier.ExecuteScriptRequest> = {}) =>
    wire.execute(client, door.viewer, { queryStr: `import px\n${lines}`, ...more });

  function tables(answer: WireAnswer): { name: string; relation: vizier.Relation; batches: vizier.RowBatchData[] }[] {
    const all = responses(answer).map(({ result }) => result);
    return all.flatMap((result) => {
      if (result?.$case !== 'metaData') return [];
      const { id, name, relation } = result.value;
      const batches = all.flatMap((other) =>
        other?.$case === 'data' && other.value.batch?.tableId === id ? [other.value.batch] : [],
      );
      return [{ name, relation: relation!, batches }];
    });
  }
  const count = (batches: readonly vizier.RowBatchData[]) =>
    batches.reduce((sum, each) => sum + Number(each.numRows), 0);
  const typesOf = ({ columns }: vizier.Relation) =>
    columns.map(({ columnName, columnType }) => [columnName, columnType]);

  describe.each(clients)('rows for %s', (client) => {
    it('one table: announced once under a fresh UUID, 40,000 rows below 4 MiB a message, one end, statistics last', async () => {
      const answer = await query(client, "px.display(px.DataFrame(table='ticks'), 'out')");
      expect(offences(answer)).toEqual([]);
      const [table, ...others] = tables(answer);
      expect(others).toEqual([]);
      expect(table!.name).toBe('out');
      expect(count(table!.batches)).toBe(40_000);
      expect(table!.batches.length).toBeGreaterThan(2);
      expect(table!.batches.filter(({ eos }) => eos)).toHaveLength(1);
      const again = await query(client, "px.display(px.DataFrame(table='ticks'), 'out')");
      expect(tables(again)[0]!.batches[0]!.tableId).not.toBe(table!.batches[0]!.tableId);
    });

    it('several tables', async () => {
      const answer = await query(
        client,
        "px.display(px.DataFrame(table='ticks').head(3), 'a')\npx.display(px.DataFrame(table='texts'), 'b')",
      );
      expect(offences(answer)).toEqual([]);
      expect(tables(answer).map(({ name, batches }) => [name, count(batches)])).toEqual([
        ['a', 3],
        ['b', 7],
      ]);
    });

    it('functions that a vis.json wants called: a table each, by the names that it gives', async () => {
      const answer = await query(
        client,
        "def some(count: int):\n    return px.DataFrame(table='ticks').head(count)\n",
        {
          execFuncs: ['2', '3'].map((value, i) => ({
            funcName: 'some',
            outputTablePrefix: `widget_${i}`,
            argValues: [{ name: 'count', value }],
          })),
        },
      );
      expect(offences(answer)).toEqual([]);
      expect(tables(answer).map(({ name, batches }) => [name, count(batches)])).toEqual([
        ['widget_0', 2],
        ['widget_1', 3],
      ]);
    });

    it('no rows: the columns, then the end', async () => {
      const answer = await query(client, "px.display(px.DataFrame(table='none'))");
      expect(offences(answer)).toEqual([]);
      const [table] = tables(answer);
      expect(table!.batches.map(({ numRows, eos }) => [numRows, eos])).toEqual([[0n, true]]);
    });

    it('unsigned numbers of 64 bits are decimal texts; the announced type says so', async () => {
      const answer = await query(client, "px.display(px.DataFrame(table='numbers')[['small', 'large']])");
      expect(offences(answer)).toEqual([]);
      const [{ relation, batches }] = tables(answer) as [ReturnType<typeof tables>[number]];
      expect(typesOf(relation)).toEqual([
        ['small', vizier.DataType.INT64],
        ['large', vizier.DataType.STRING],
      ]);
      const texts = batches.flatMap(({ cols }) =>
        cols[1]!.colData?.$case === 'stringData'
          ? cols[1]!.colData.value.data.map((each) => new TextDecoder().decode(each))
          : [],
      );
      expect(texts).toContain('18446744073709551615');
    });

    it('values that are missing are told in a last column notes_, and only then', async () => {
      const answer = await query(client, "px.display(px.DataFrame(table='pointers'))");
      expect(offences(answer)).toEqual([]);
      const { relation } = tables(answer)[0]!;
      expect(relation.columns.at(-1)!.columnName).toBe('notes_');
      expect(
        tables(await query(client, "px.display(px.DataFrame(table='ticks').head(1))"))[0]!.relation.columns.at(-1)!
          .columnName,
      ).toBe('n');
    });

    it('the health check answers at once and goes on', async () => {
      const stream = wire.session.request({
        ':method': 'POST',
        ':path': '/px.api.vizierpb.VizierService/HealthCheck',
        'content-type': 'application/grpc',
        te: 'trailers',
        [pixieClients[client].key]: door.viewer,
      });
      stream.end(Buffer.alloc(5));
      const [chunk] = await new Promise<Buffer[]>((resolve) => stream.once('data', (data: Buffer) => resolve([data])));
      expect(vizier.HealthCheckResponse.decode(chunk!.subarray(5)).status).toMatchObject({ code: 0 });
      stream.destroy();
    });
  });

  describe('faults', () => {
    it.each(clients)(
      '%s: in the script, by line and column from 1, within the script as it was sent',
      async (client) => {
        const answer = await query(client, 'df = px.DataFrame(table=foo)\n');
        expect(offences(answer, { finished: false })).toEqual([]);
        const [{ status }] = responses(answer) as [vizier.ExecuteScriptResponse];
        expect(status!.code).toBe(3);
        expect(status!.errorDetails.map(({ error }) => error?.value)).toEqual([
          { line: 2n, column: 25n, message: expect.stringMatching(/foo/), sondeId: 'pxl.unknown-name' },
        ]);
        expect(answer.status).toBe(0);
      },
    );

    it('an empty script, and one without an end that is known: in the words that Pixie’s px ends at', async () => {
      const empty = await wire.execute('px', door.viewer, { queryStr: ' \n' });
      expect(responses(empty).map(({ status }) => status)).toEqual([
        { code: 3, message: 'Query should not be empty.', errorDetails: [] },
      ]);
      const resumed = await wire.execute('px', door.viewer, { queryId: '6b1c0f5e-0000-4000-8000-000000000000' });
      expect(offences(resumed, { finished: false })).toEqual([]);
      expect(responses(resumed).map(({ status }) => status?.message)).toEqual([
        'query 6b1c0f5e-0000-4000-8000-000000000000 cannot go on: it is not known here, or was given up; run it again',
      ]);
    });

    it('a fault without a place has code 3: the Go library drops the message of any other', async () => {
      const answer = await wire.execute('go', door.viewer, {
        queryStr: 'import px\npx.display(1)',
        encryptionOptions: { jwkKey: '{}', keyAlg: 'RSA1_5', contentAlg: 'A256GCM', compressionAlg: 'DEF' },
      });
      expect(responses(answer)[0]!.status).toMatchObject({
        code: 3,
        errorDetails: [],
        message: expect.stringMatching(/RSA1_5/),
      });
    });
  });

  describe('a connection that breaks', () => {
    const queryStr = "import px\npx.display(px.DataFrame(table='texts').stream())";
    /** Rows that have come by now. */
    const rowsOf = (open: OpenAnswer) =>
      responses({ messages: open.messages() })
        .flatMap(({ result }) => (result?.$case === 'data' ? [Number(result.value.batch?.numRows ?? 0n)] : []))
        .reduce((sum, rows) => sum + rows, 0);
    const begun = async (headers = {}) => {
      const proxy = await Cuttable.before(Number(door.address.split(':').at(-1)));
      const own = new PixieWire(`127.0.0.1:${proxy.port}`, readFileSync(door.caFile, 'utf8'));
      const open = own.open({ client: 'go', token: door.viewer, body: scriptBody({ queryStr }), headers });
      const before = await texts();
      await expect.poll(() => rowsOf(open), { timeout: 30_000 }).toBe(before);
      const { queryId } = responses({ messages: open.messages() })[0]!;
      return {
        proxy,
        before,
        resume: { client: 'go' as const, token: door.viewer, body: scriptBody({ queryId }), headers },
      };
    };
    const texts = async () => {
      const [table] = tables(await query('go', "px.display(px.DataFrame(table='texts'))"));
      return count(table!.batches);
    };

    it('a stream goes on by its query_id: each row once', async () => {
      const { proxy, before, resume } = await begun();
      // What answers the server's PINGs is gone with the connection; they were answered long ago.
      await sleep(1000);
      proxy.close();
      await program.command('text');
      const next = door.wire();
      const open = next.open(resume);
      const more = (await texts()) - before;
      expect(more).toBeGreaterThan(0);
      await expect.poll(() => rowsOf(open), { timeout: 30_000 }).toBe(more);
      expect(responses({ messages: open.messages() }).some(({ result }) => result?.$case === 'metaData')).toBe(false);
      next.close();
    });

    it('through a proxy that speaks HTTP/2 itself nobody knows what the client has: it is to be run again', async () => {
      const { proxy, resume } = await begun({ via: '2 proxy' });
      proxy.close();
      const answer = await door.wire().call(resume);
      expect(responses(answer).map(({ status }) => status?.message)).toEqual([
        expect.stringMatching(/^query .* cannot go on: it is not known here, or was given up; run it again$/),
      ]);
    });
  });

  describe('encryption', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
    const jwkKey = JSON.stringify(publicKey.export({ format: 'jwk' }));
    const options = { jwkKey, keyAlg: 'RSA-OAEP-256', contentAlg: 'A256GCM', compressionAlg: 'DEF' };

    it.each(['DEF', ''])(
      'rows and the end are JWE of the message, all else is clear (compression %j)',
      async (compressionAlg) => {
        const answer = await query('go', "px.display(px.DataFrame(table='ticks'))", {
          encryptionOptions: { ...options, compressionAlg },
        });
        expect(answer.status).toBe(0);
        const all = responses(answer);
        expect(all[0]!.result?.$case).toBe('metaData');
        expect(all.some(({ result }) => result?.$case === 'data' && result.value.batch)).toBe(false);
        const sealed = all.flatMap(({ result }) =>
          result?.$case === 'data' && result.value.encryptedBatch.length > 0 ? [result.value.encryptedBatch] : [],
        );
        const batches = await Promise.all(
          sealed.map(async (bytes) => {
            const { plaintext, protectedHeader } = await compactDecrypt(new TextDecoder().decode(bytes), privateKey, {
              maxDecompressedLength: 8 << 20,
            });
            expect(protectedHeader).toEqual({
              alg: 'RSA-OAEP-256',
              enc: 'A256GCM',
              ...(compressionAlg ? { zip: 'DEF' } : {}),
            });
            return vizier.RowBatchData.decode(plaintext);
          }),
        );
        expect(count(batches)).toBe(40_000);
        expect(batches.filter(({ eos }) => eos)).toHaveLength(1);
        expect(all.at(-1)!.result).toMatchObject({ $case: 'data', value: { executionStats: { timing: {} } } });
        expect(answer.messages.every(({ bytes }) => bytes.length < 4_194_304)).toBe(true);
      },
    );

    it.each([
      [
        'a short key',
        JSON.stringify(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })),
      ],
      ['no JSON', 'x'],
      ['a giant', JSON.stringify({ kty: 'RSA', e: 'AQAB', n: 'A'.repeat(100_000) })],
      [
        'an elliptic one',
        JSON.stringify(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })),
      ],
    ])('%s is refused before anything is sent', async (_, key) => {
      const answer = await query('go', "px.display(px.DataFrame(table='ticks'))", {
        encryptionOptions: { ...options, jwkKey: key },
      });
      expect(responses(answer).map(({ status }) => status?.message)).toEqual([
        expect.stringMatching(/^the key for the encryption of rows cannot be used/),
      ]);
    });
  });

  describe('mutations', () => {
    const stillHere = (name: string, target = upid, fn = 'main.stillHere') =>
      probeScript({ upid: target, name, function: fn, columns: { n: "ArgExpr('n')" } });
    const ask =
      (queryStr: string, token = door.tracer) =>
      () =>
        wire.execute('px', token, { queryStr, mutation: true });

    it('px shows what it deploys, then the rows; a second run has no spinners', async () => {
      const demo = await DemoServer.start();
      const script = readFileSync(join(root, 'examples/simple-gotracing/capture_args.pxl'), 'utf8').replace(
        'replace-me-with-the-upid',
        await sonde.upid(demo.pid),
      );
      const first = await pixiePx(ask(script), 50);
      expect(first).toMatchObject({
        code: 0,
        lines: [' ✔    Preparing schema', ' ✔    Deploying compute_e_data'],
        rows: 0,
      });
      for (const answer of first.answers.slice(0, -1)) {
        expect(answer.status).toBe(1);
        expect(offences(answer, { mutation: true, finished: false })).toEqual([]);
      }
      expect(offences(first.answers.at(-1)!, { mutation: true })).toEqual([]);
      expect(first.answers).toHaveLength(3);
      await demo.get('/e?iters=5');
      const second = await pixiePx(ask(script), 50);
      expect(second).toMatchObject({ code: 0, lines: [], rows: 1 });
      expect(second.answers).toHaveLength(1);
    });

    it('the states keep their count and order over all answers', async () => {
      const script = `${stillHere('first')}\n${stillHere('second')}`.replaceAll('def probe', 'def probe');
      const { answers, lines } = await pixiePx(ask(script), 50);
      const states = answers.map((answer) =>
        responses(answer)[0]!.mutationInfo!.states.map(({ name, state }) => [name, state]),
      );
      expect(states).toEqual([
        [
          ['first', 1],
          ['second', 1],
        ],
        [
          ['first', 2],
          ['second', 2],
        ],
        [
          ['first', 2],
          ['second', 2],
        ],
      ]);
      expect(lines).toEqual([' ✔    Preparing schema', ' ✔    Deploying first', ' ✔    Deploying second']);
    });

    it('a deployment that fails is told in the first answer: code 13, FAILED, the reason', async () => {
      const run = await pixiePx(ask(stillHere('wrong', upid, 'main.stillHare')), 50);
      expect(run.answers).toHaveLength(1);
      expect(run).toMatchObject({
        code: 1,
        lines: [],
        error: expect.stringMatching(/L\d+ : C\d+ {2}.*stillHare[\s\S]*main\.stillHere/),
      });
      const [info] = responses(run.answers[0]!);
      expect(info!.mutationInfo).toMatchObject({
        status: { code: 13, message: expect.stringMatching(/stillHare/) },
        states: [{ name: 'wrong', state: 3 }],
      });
      expect(offences(run.answers[0]!, { mutation: true, finished: false })).toEqual([]);
    });

    it('a fault in a script with mutations is a compile error at once', async () => {
      const run = await pixiePx(ask(`${stillHere('broken')}\nfoo\n`), 50);
      expect(run.answers).toHaveLength(1);
      expect(run.error).toMatch(/^Script compilation failed: L\d+ : C1 {2}.*foo/);
    });

    it('a script that deletes and places again does so once, not at every answer', async () => {
      const again = `${stillHere('again')}`;
      await pixiePx(ask(again), 50);
      const run = await pixiePx(
        ask(again.replace('pxtrace.Upsert', "pxtrace.DeleteTracepoint('again')\npxtrace.Upsert")),
        50,
      );
      expect(run).toMatchObject({ code: 0, lines: [' ✔    Preparing schema', ' ✔    Deploying again'] });
      const list = await sonde.tracepoints();
      expect(list.filter(({ name, state }) => name === 'again' && state === 'RUNNING')).toHaveLength(1);
    });

    it.each(['go', 'python'] as const)(
      '%s never asks for a mutation: one call waits for the probe and runs the query',
      async (client) => {
        const queryStr = stillHere(`of_${client}`);
        const answer = await wire.execute(client, door.tracer, { queryStr });
        expect(offences(answer)).toEqual([]);
        expect(count(tables(answer)[0]!.batches)).toBe(0);
        await program.command('stillHere 7');
        expect(count(tables(await wire.execute(client, door.tracer, { queryStr }))[0]!.batches)).toBe(1);
        const failed = await wire.execute(client, door.tracer, { queryStr: stillHere('x', upid, 'main.stillHare') });
        expect(responses(failed).map(({ status }) => status?.errorDetails.length)).toEqual([1]);
        expect(offences(failed, { finished: false })).toEqual([]);
      },
    );

    it('px that does not see the import (an alias) is served like those', async () => {
      const answer = await wire.execute('px', door.tracer, { queryStr: stillHere('alias') });
      expect(offences(answer)).toEqual([]);
    });

    it('the owner of a tracepoint is its token', async () => {
      const [listed] = (await sonde.tracepoints()).filter(({ name }) => name === 'of_go');
      const owner =
        sonde.kind === 'agent' ? 'token tracer (grpc-go/1.43.0)' : 'system:serviceaccount:sonde-tokens:tracer';
      expect(listed!.owner).toBe(owner);
    });
  });

  describe('the cluster that Python’s Client asks for', () => {
    const clusters = async (id?: cloud.GetClusterInfoRequest['id']) => {
      const answer = await wire.call({
        client: 'python',
        token: door.viewer,
        path: '/px.cloudapi.VizierClusterInfo/GetClusterInfo',
        body: cloud.GetClusterInfoRequest.encode({ id }).finish(),
      });
      return {
        answer,
        clusters: answer.messages.flatMap(({ bytes }) => cloud.GetClusterInfoResponse.decode(bytes).clusters),
      };
    };

    it('is this one, healthy, also by its id; another is not there', async () => {
      const { clusters: all } = await clusters();
      expect(all).toHaveLength(1);
      expect(all[0]).toMatchObject({ status: 1, clusterName: expect.stringMatching(/./) });
      expect((await clusters(all[0]!.id)).clusters).toEqual(all);
      expect((await clusters({ highBits: 1n, lowBits: 2n })).answer).toMatchObject({ status: 5, messages: [] });
    });
  });
}
