/** `px deploy` and `px delete` against a real API server, where things are in the way. No node, so no pod ever runs; what a kubelet would write is written here. */
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { CoreV1Api, VersionApi } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterClient, type ClusterObject, readManifests } from '#cluster';
import { ApiServer, apiServerLacks } from '../../../testing/cluster/api-server.ts';
import { versions } from '../../../testing/cluster/binaries.ts';
import { root } from '../../../testing/root.ts';
import { deleteSonde, deploy } from '../commands/deploy.ts';
import type { Context } from '../context.ts';

const lacks = apiServerLacks();
const part = 'app.kubernetes.io/part-of=sonde';

describe.skipIf(lacks !== undefined)(`px deploy and delete${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  let server: ApiServer;
  let admin: ClusterClient;
  let core: CoreV1Api;
  let told = '';

  const err = new Writable({
    decodeStrings: false,
    write(text: string, _, done) {
      told += text;
      done();
    },
  });
  const context = { err, env: {} } as unknown as Context;
  /** What px ends with: its exit code, or its message. */
  const px = async (command: (world: Context) => Promise<number>, kubeconfig = server.kubeconfig) => {
    const before = process.env.KUBECONFIG;
    process.env.KUBECONFIG = kubeconfig;
    told = '';
    try {
      return await command(context);
    } catch (error) {
      return (error as Error).message;
    } finally {
      if (before === undefined) delete process.env.KUBECONFIG;
      else process.env.KUBECONFIG = before;
    }
  };
  const deployed = (image: string, kubeconfig = server.kubeconfig, patienceMs = 1000) =>
    px((world) => deploy(world, { image }, patienceMs), kubeconfig);
  const apply = (object: object) => admin.apply<ClusterObject>(object, 'test');
  beforeAll(async () => {
    server = await ApiServer.start();
    admin = new ClusterClient({ kubeconfig: server.kubeconfig });
    core = admin.config.makeApiClient(CoreV1Api);
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  it('the API server is of the version that was built', async () => {
    const { gitVersion } = await admin.config.makeApiClient(VersionApi).getCode();
    expect(gitVersion).toBe(`v${versions.kubernetes}`);
  });

  it('without the rights nothing is begun: it says which are lacking, and who can give them', async () => {
    const jane = server.user('jane');
    const refused = await deployed('sonde:1', jane);
    expect(refused).toMatch(/^to deploy Sonde takes rights that jane does not have; nothing was changed:\n/);
    expect(refused).toMatch(/\n {2}get, create, patch namespaces\n/);
    expect(refused).toMatch(/\n {2}get, create, patch daemonsets in namespace sonde\n/);
    expect(refused).toMatch(/\n {2}get, create, patch validatingadmissionpolicies\n/);
    expect(refused).toMatch(/--clusterrole=cluster-admin --user=jane$/);
    expect(await server.labelled(part)).toEqual([]);
    expect(await px((world) => deleteSonde(world, {}, 1000), jane)).toMatch(/^to delete Sonde takes rights that jane/);
  });

  it('all that is deployed has one label; no node that takes agents is told', async () => {
    expect(await deployed('sonde:1')).toMatch(
      /^DaemonSet sonde\/agent does not run \(waited 1 s\): kubectl -n sonde describe pods/,
    );
    const objects = readManifests(join(root, 'k8s')).map(
      ({ kind, metadata }) => `${kind!.toLowerCase()} ${metadata!.name}`,
    );
    const found = await server.labelled(part);
    expect(found.map((each) => each.replace(/(ie)?s /, (_, ie) => (ie ? 'y ' : ' '))).sort()).toEqual(objects.sort());
  });

  it('an image that does not come is told at once, with what to do; so is another version that is there', async () => {
    const name = 'agent-x7k2p';
    const labels = { app: 'sonde-agent', 'app.kubernetes.io/part-of': 'sonde' };
    const spec = { nodeName: 'n1', serviceAccountName: 'agent', containers: [{ name: 'agent', image: 'sonde:2' }] };
    const body = { metadata: { name, labels }, spec };
    const created = await core.createNamespacedPod({ namespace: 'sonde', body });
    const waits = async (waiting: object, lastState: object = {}) => {
      const containerStatuses = [
        { name: 'agent', image: '', imageID: '', ready: false, restartCount: 3, state: { waiting }, lastState },
      ];
      await core.replaceNamespacedPodStatus({
        name,
        namespace: 'sonde',
        body: { ...created, metadata: { name, labels }, status: { containerStatuses } },
      });
    };
    const message = 'Back-off pulling image "sonde:2": not found';
    await waits({ reason: 'ImagePullBackOff', message });
    expect(await deployed('sonde:2')).toBe(
      `the image sonde:2 does not come to pod ${name} on node n1: ImagePullBackOff: ${message}\n  is it pushed, and may the nodes pull it? px deploy --image REF again, with one that is`,
    );
    expect(told).toContain('sonde:1 is deployed there; sonde:2 takes its place\n');
    await waits({ reason: 'CrashLoopBackOff' }, { terminated: { exitCode: 7 } });
    expect(await deployed('sonde:2')).toBe(
      `pod ${name} on node n1 ends as often as it is started (exit code 7): kubectl -n sonde logs ${name} --previous`,
    );
    await core.deleteNamespacedPod({ name, namespace: 'sonde', gracePeriodSeconds: 0 });
  });

  it('what cannot become this version is told', async () => {
    const [broker] = readManifests(join(root, 'k8s')).filter(({ kind }) => kind === 'Deployment') as [ClusterObject];
    await admin.delete(broker);
    const labels = { app: 'other' };
    const old = structuredClone(broker) as ClusterObject & {
      spec: { selector: object; template: { metadata: object } };
    };
    old.spec.selector = { matchLabels: labels };
    old.spec.template.metadata = { labels };
    await admin.create(old);
    expect(await deployed('sonde:1')).toMatch(
      /^applying Deployment sonde\/broker: .*immutable.*\n {2}what is there is of another version, and cannot become this one: px delete removes it/s,
    );
  });

  it('px delete removes it, with the bindings of tokens; bindings of others it tells', async () => {
    const rbac = 'rbac.authorization.k8s.io';
    const bind = (name: string, subject: object) =>
      apply({
        apiVersion: `${rbac}/v1`,
        kind: 'RoleBinding',
        metadata: { name, namespace: 'default' },
        roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'sonde-tracer' },
        subjects: [subject],
      });
    await bind('sonde-token-ci', { kind: 'ServiceAccount', name: 'ci', namespace: 'sonde-tokens' });
    await bind('team', { apiGroup: rbac, kind: 'User', name: 'jane' });
    // Nobody here ends a namespace: that is a controller's.
    const left = await px((world) => deleteSonde(world, {}, 500));
    expect(left).toMatch(
      /^after 0\.5 s still there: Namespace sonde-tokens.*, Namespace sonde\b.*\n {2}run it again when that is gone$/,
    );
    expect(told).toBe(
      'cluster test\nRoleBinding default/team is not Sonde’s: it binds the ClusterRole sonde-tracer, which is no more\n',
    );
    const bindings = (await admin.bindings()).map(({ metadata }) => metadata!.name);
    expect(bindings.filter((name) => /sonde/.test(name!))).toEqual([]);
    expect(bindings).toContain('team');
    // In a cluster the rest goes with the namespaces.
    expect(
      (await server.labelled(part)).filter((each) =>
        /^namespaces |^cluster|^custom|^validating|^daemon|^deploy/.test(each),
      ),
    ).toEqual(['namespaces sonde', 'namespaces sonde-tokens']);
  });

  it('into a namespace that is being deleted nothing is deployed: it waits, and says for what', async () => {
    const refused = await deployed('sonde:1', server.kubeconfig, 500);
    expect(told).toMatch(
      /^cluster test\nstill being deleted: Namespace sonde.*, Namespace sonde-tokens.*; waiting for that\n$/,
    );
    expect(refused).toMatch(
      /^after 0\.5 s still being deleted: Namespace sonde\b.*\n {2}run it again when that is gone$/,
    );
  });
});
