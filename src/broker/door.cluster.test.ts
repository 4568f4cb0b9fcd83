/** The broker's door before a real API server: tokens as Secrets, rights of their subjects, the CA. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterClient, type ClusterObject, type Secret, type TracepointObject } from '#cluster';
import { issueIdentity, makeAuthority } from '#door';
import { apiServerLacks } from '../../testing/cluster/api-server.ts';
import { Fleet } from '../../testing/cluster/fleet.ts';
import { knock, signedToken } from '../../testing/cluster/knock.ts';
import { PixieWire, responses, type WireAnswer } from '../../testing/pixie-wire.ts';
import { killStarted } from '../../testing/process.ts';
import { parseRows } from '../../testing/px.ts';
import { DemoServer } from '../../testing/targets.ts';

const lacks = apiServerLacks();

describe.skipIf(lacks !== undefined)(`the broker’s door${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  let fleet: Fleet;
  let wire: PixieWire;

  const px = async (...args: string[]) => {
    const result = await fleet.px(args);
    expect(result.code, result.stderr).toBe(0);
    return result;
  };
  const publishedCa = async () => {
    const metadata = { name: 'broker-ca', namespace: 'sonde' };
    const found = await fleet.client.read<ClusterObject & { data?: Record<string, string> }>({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
    });
    return found!.data!['ca.pem']!;
  };
  const create = async (name: string, ...options: string[]) => {
    const { stdout, stderr } = await px('token', 'create', name, ...options);
    return {
      token: stdout.trim(),
      commands: [...stderr.matchAll(/^ {2}kubectl (.*\bcreate .*)$/gm)].map(([, text]) => text!),
    };
  };
  /** Runs what px printed, as the administrator. */
  const obey = async (commands: readonly string[]) => {
    for (const command of commands) {
      const [, namespace, kind, name, role, account] =
        /^(?:-n (\S+) )?create (clusterrolebinding|rolebinding) (\S+) --clusterrole=(\S+) --serviceaccount=(\S+)$/.exec(
          command,
        )!;
      const [accountNamespace, accountName] = account!.split(':');
      const binding = {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: kind === 'rolebinding' ? 'RoleBinding' : 'ClusterRoleBinding',
        metadata: { name: name!, ...(namespace ? { namespace } : {}) },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role! },
        subjects: [{ kind: 'ServiceAccount', name: accountName!, namespace: accountNamespace! }],
      };
      await fleet.client.apply(binding as ClusterObject, 'test');
    }
    // The authorizer learns of it by a watch.
    await sleep(500);
  };
  const placing = (name: string, namespace: string) =>
    [
      'import pxtrace',
      'import px',
      "@pxtrace.probe('main.computeE')",
      'def calls():',
      "    return [{'n': pxtrace.ArgExpr('iterations')}]",
      `pods = pxtrace.LabelSelector({'app': 'calc'}, '${namespace}', 'app')`,
      `pxtrace.UpsertTracepoint('${name}', '${name}', calls, pods, '5m')`,
      `px.display(px.DataFrame('${name}'))`,
    ].join('\n');
  const execute = (token: string, queryStr: string) => wire.execute('go', token, { queryStr });
  const faultOf = (answer: WireAnswer) =>
    responses(answer).find(({ status }) => status?.code)?.status?.message ?? `${answer.status} ${answer.details}`;
  const rowsOf = (answer: WireAnswer) =>
    responses(answer).reduce(
      (sum, { result }) => sum + Number(result?.$case === 'data' ? (result.value.batch?.numRows ?? 0n) : 0n),
      0,
    );

  beforeAll(async () => {
    fleet = await Fleet.start(['n1']);
    for (const namespace of ['shop', 'bank']) {
      await fleet.addNamespace(namespace);
      const demo = await DemoServer.start();
      await fleet.addPod('calc', 'n1', { app: 'calc' }, demo.pid, namespace);
    }
    wire = new PixieWire(`127.0.0.1:${fleet.door}`, await publishedCa());
  });
  afterAll(async () => {
    wire?.close();
    // Their cgroups go with the fleet.
    await killStarted();
    await fleet?.close();
  });

  it('a token is a Secret with a hash; px prints it once, and what its subject needs', async () => {
    const { token, commands } = await create('ci', '--role', 'tracer', '-n', 'shop');
    expect(token).toMatch(/^sonde_[\w-]{43}$/);
    expect(commands).toEqual([
      '-n shop create rolebinding sonde-token-ci --clusterrole=sonde-tracer --serviceaccount=sonde-tokens:ci',
    ]);
    const metadata = { name: 'ci', namespace: 'sonde-tokens' };
    const secret = await fleet.client.read<Secret>({ apiVersion: 'v1', kind: 'Secret', metadata });
    const kept = Buffer.from(secret!.data!['token.json']!, 'base64').toString();
    expect(kept).not.toContain(token.slice(6));
    expect(JSON.parse(kept)).toMatchObject({ name: 'ci', role: 'tracer', namespaces: ['shop'], createdBy: 'admin' });
    const again = await fleet.px(['token', 'create', 'ci']);
    expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/there is a token ci: revoke it first/)]);
    const wrong = await fleet.px(['token', 'create', 'Not_OK']);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringMatching(/a token's name in a cluster/)]);
    const listed = parseRows((await px('token', 'list', '-o', 'json')).stdout);
    expect(listed).toMatchObject([
      { name: 'ci', role: 'tracer', namespaces: 'shop', state: 'valid', created_by: 'admin' },
    ]);
  });

  it('the subject’s rights decide, by name, until somebody gives them; the object has its owner’s name', async () => {
    const { token, commands } = await create('robot', '--role', 'tracer', '-n', 'shop', 'bank');
    await sleep(300);
    const refused = faultOf(await execute(token, placing('by_robot', 'shop')));
    expect(refused).toMatch(/User "system:serviceaccount:sonde-tokens:robot" cannot \w+ resource "tracepoints"/);
    expect(refused).toContain(`kubectl ${commands[0]}`);
    await obey(commands.slice(0, 1));
    // On a busy machine the node may arm its pod later than the answer waits: then there is no table yet.
    const placed = async () => faultOf(await execute(token, placing('by_robot', 'shop')));
    const waiting = execute(token, placing('waits', 'shop').replace("'calc'", "'none'"));
    await expect.poll(placed, { timeout: 30_000 }).toBe('0 OK');
    expect(faultOf(await waiting)).toMatch(/^no process fits it yet: it traces those that come/);
    const metadata = { name: 'by-robot', namespace: 'shop' };
    const object = () =>
      fleet.client.read<TracepointObject>({ apiVersion: 'sonde.dev/v1alpha1', kind: 'Tracepoint', metadata });
    await expect.poll(object, { timeout: 30_000 }).toMatchObject({
      metadata: { annotations: { 'sonde.dev/owner': 'system:serviceaccount:sonde-tokens:robot' } },
      status: { nodes: [{ state: 'RUNNING' }] },
    });
    // It has no right in the other namespace that it is bound to, and none may be used where it is not bound.
    expect(faultOf(await execute(token, placing('elsewhere', 'bank')))).toMatch(
      /cannot \w+ resource "tracepoints".*"bank"/s,
    );
    await obey(commands.slice(1).map((command) => command.replace('-n bank', '-n default')));
    expect(faultOf(await execute(token, placing('elsewhere', 'default')))).toMatch(/good for shop, bank only/);
  });

  it('rows are those of the namespaces where the subject may get tracepoints, and to which the token is bound', async () => {
    await px('run', '-f', script('everywhere', `${placing('shop_calls', 'shop')}\n${placing('bank_calls', 'bank')}`));
    const processes = "import px\ndf = px.GetGoProcesses()\ndf = df[df.namespace != '']\npx.display(df)\n";
    const bound = await create('narrow', '-n', 'bank');
    await obey(bound.commands);
    const wide = await create('wide');
    await obey(wide.commands);
    const none = await create('nobody');
    await sleep(300);
    const counts = async () => {
      const answers = [bound, wide, none].map(async ({ token }) => rowsOf(await execute(token, processes)));
      return Promise.all(answers);
    };
    await expect.poll(counts, { timeout: 30_000 }).toEqual([1, 2, 0]);
    expect((await execute(bound.token, placing('x', 'bank'))).details).toMatch(/needs the role tracer/);
  });

  it('a revoked token is good no longer, within the second; one whose Secret was deleted, neither', async () => {
    const query = 'import px\npx.display(px.GetAgentStatus())\n';
    const { token } = await create('former');
    await sleep(300);
    expect((await execute(token, query)).status).toBe(0);
    await px('token', 'revoke', 'former');
    await expect
      .poll(async () => (await execute(token, query)).details, { timeout: 1000 })
      .toMatch(/^the token former was revoked at/);
    expect((await fleet.px(['token', 'revoke', 'former'])).code).toBe(1);
    const { token: next } = await create('former');
    await expect.poll(async () => (await execute(next, query)).status, { timeout: 2000 }).toBe(0);
    expect((await execute(token, query)).details).toMatch(/^the token is not known here/);
    await fleet.client.delete({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'former', namespace: 'sonde-tokens' },
    });
    await expect.poll(async () => (await execute(next, query)).status, { timeout: 2000 }).toBe(16);
  });

  it('who may write no Secrets there makes no tokens', async () => {
    const { code, stderr } = await fleet.px(['token', 'create', 'mine', '--context', 'test'], fleet.api.user('jane'));
    expect([code, stderr]).toEqual([3, expect.stringMatching(/User "jane" cannot get resource "secrets"/)]);
  });

  it('the broker can impersonate tokens’ subjects, and nobody else', async () => {
    const broker = new ClusterClient({ kubeconfig: fleet.api.serviceAccount('sonde', 'broker') });
    expect(await broker.impersonating('system:serviceaccount:sonde-tokens:x').userName()).toBe(
      'system:serviceaccount:sonde-tokens:x',
    );
    for (const user of ['admin', 'system:serviceaccount:kube-system:default', 'system:serviceaccount:sonde:agent'])
      await expect(broker.impersonating(user).userName()).rejects.toThrow(/cannot impersonate/);
  });

  it('an agent comes in by a token of its pod, for that alone, while it is good; any other is told why not', {
    timeout: 300_000,
  }, async () => {
    const ca = await publishedCa();
    const uidOf = async (kind: string, name: string) => {
      const found = await fleet.client.read({ apiVersion: 'v1', kind, metadata: { name, namespace: 'sonde' } });
      return found!.metadata!.uid!;
    };
    const pod = { name: 'agent-tried', uid: '' };
    await fleet.addAgentPod(pod.name, 'n1');
    pod.uid = await uidOf('Pod', pod.name);
    const account = await uidOf('ServiceAccount', 'agent');
    const answerTo = (token: string) => knock(fleet.agentsPort, ca, token);
    const now = Math.floor(Date.now() / 1000);
    const good = await fleet.token({ pod });
    expect(await answerTo(good)).toBe('');
    expect(await answerTo(signedToken(fleet.api.pki, { account, pod, expires: now + 600 }))).toBe('');

    // One that expires and has no successor: the API server forgives a minute.
    const dying = signedToken(fleet.api.pki, { account, pod, expires: Math.floor(Date.now() / 1000) - 52 });
    const stayed = knock(fleet.agentsPort, ca, dying, { until: sleep(50_000) });

    const notGood = 'this token is not good here: wrong, expired, or its pod is gone';
    // The API server forgives a minute.
    expect(await answerTo(signedToken(fleet.api.pki, { account, pod, expires: now - 90 }))).toBe(notGood);
    expect(await answerTo(`${good.slice(0, -8)}${good.endsWith('AAAAAAAA') ? 'BBBBBBBB' : 'AAAAAAAA'}`)).toBe(notGood);
    for (const token of ['', 'no token', await fleet.token({ pod, audience: 'sonde' })])
      expect(await answerTo(token)).toBe('a token for the audience sonde-broker is needed');
    expect(await answerTo(await fleet.token({ account: 'px' }))).toBe(
      'this is for system:serviceaccount:sonde:agent, not for system:serviceaccount:sonde:px',
    );
    expect(await answerTo(await fleet.token({}))).toBe('this token is of no pod');
    expect(await stayed).toBe('closed');

    // An agent of another version is named in what it would have answered.
    const over = new AbortController();
    const until = sleep(60_000, undefined, { signal: over.signal }).catch(() => {});
    const other = knock(fleet.agentsPort, ca, good, { version: '0.0.9', until });
    const seen = async () => (await fleet.px(['ps', '-n', 'shop'])).stderr;
    await expect
      .poll(seen, { timeout: 50_000 })
      .toMatch(/node n1: its agent is 0\.0\.9 \(API [0-9a-f]+\), the broker \d+\.\d+\.\d+ \(API/);
    over.abort();
    expect(await other).toBe('');
    // What the API server has answered once, it answers again for ten seconds.
    const late = await fleet.token({ pod });
    await fleet.deletePod(pod.name, 'sonde');
    expect(await answerTo(late)).toBe(notGood);

    const open = { host: '127.0.0.1', port: fleet.agentsPort, ca, servername: 'broker.sonde.svc' };
    await expect(once(connect({ ...open, maxVersion: 'TLSv1.2' }), 'secureConnect')).rejects.toThrow();
    const loud = connect({ ...open, ALPNProtocols: ['h2'] }).on('error', () => {});
    loud.once('secureConnect', () => loud.write(Buffer.alloc(1 << 20)));
    await new Promise((resolve) => loud.once('close', resolve));
  });

  it('agents go to no broker but that of the published CA, and to the next one by themselves', async () => {
    const { process: agent } = fleet.agents.get('n1')!;
    await fleet.endBroker();
    const { key, certificate } = issueIdentity(makeAuthority(), ['broker.sonde.svc']);
    let heard = 0;
    const impostor = createServer({ key, cert: certificate, ALPNProtocols: ['h2'] }, (socket) =>
      socket.on('data', () => heard++).on('error', () => {}),
    );
    await new Promise<void>((resolve) => impostor.listen(fleet.agentsPort, '127.0.0.1', resolve));
    const refusal = /the broker: 127\.0\.0\.1:\d+: .*(certificate|signature)/i;
    await agent.until('it refuses the impostor', () => refusal.test(agent.stderr), 20_000);
    await new Promise((resolve) => impostor.close(resolve));
    expect(heard).toBe(0);
    await fleet.startBroker();
    expect((await px('ps', '-n', 'shop', '-o', 'json')).stdout).toMatch(/"pod":"calc"/);
  });

  it('the CA outlives the broker; its key is in no ConfigMap; emptied, another is made', async () => {
    const ca = await publishedCa();
    expect(ca).not.toContain('KEY');
    const { token } = await create('steady');
    await fleet.endBroker();
    await fleet.startBroker();
    expect(await publishedCa()).toBe(ca);
    const later = new PixieWire(`127.0.0.1:${fleet.door}`, ca);
    const query = { queryStr: 'import px\npx.display(px.GetAgentStatus())\n' };
    expect((await later.execute('px', token, query)).status).toBe(0);
    later.close();
    const metadata = { name: 'broker-ca', namespace: 'sonde' };
    const secret = await fleet.client.read<Secret>({ apiVersion: 'v1', kind: 'Secret', metadata });
    await fleet.client.replace({ ...secret!, data: {} });
    await fleet.endBroker();
    await fleet.startBroker();
    expect(await publishedCa()).not.toBe(ca);
    // The agents have read of it.
    expect((await px('ps', '-n', 'shop', '-o', 'json')).stdout).toMatch(/"pod":"calc"/);
  });

  function script(name: string, text: string): string {
    const file = join(fleet.api.folder, `${name}.pxl`);
    writeFileSync(file, text);
    return file;
  }
});
