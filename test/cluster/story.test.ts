/** The story with pods, as a user types it who has a kubeconfig: deploy, apply, find, trace, curl, rows, delete. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster, clusterLacks } from '../../testing/cluster/cluster.ts';
import { demoImage, demoReference, sondeImage, sondeReference } from '../../testing/cluster/image.ts';
import { clusterPx } from '../../testing/cluster/px.ts';
import { killStarted, temporaryFolder } from '../../testing/process.ts';
import { root } from '../../testing/root.ts';

const lacks = clusterLacks();
const demo = join(root, 'examples', 'simple-gotracing');
const namespace = 'px-demo-gotracing';

describe.skipIf(lacks !== undefined)(`the demo in a cluster${lacks === undefined ? '' : ` (${lacks})`}`, () => {
  let cluster: Cluster;
  let upid: string;
  let address: string;

  const px = (...args: string[]) => clusterPx(cluster, args);
  const run = (...args: string[]) => px('run', '-f', join(demo, 'capture_args.pxl'), ...args, '--', '--upid', upid);
  const curl = (path: string) =>
    cluster.namespaces.execute('curl', ['-sf', '-m', '2', `http://${address}:9090${path}`], 'n');

  beforeAll(async () => {
    const folder = temporaryFolder('sonde-images-');
    const archives = [join(folder, 'sonde.tar'), join(folder, 'demo.tar')] as const;
    await sondeImage(sondeReference, archives[0]);
    await demoImage(demoReference, archives[1]);
    cluster = await Cluster.start(archives);
  });

  afterAll(async () => {
    await cluster?.close();
    await killStarted();
  });

  it('px deploy puts agents and broker there', async () => {
    const { code, stderr } = await px('deploy', '--image', sondeReference);
    if (code !== 0) console.log(await cluster.kubectl('-n', 'sonde', 'describe', 'pods'));
    if (code !== 0) console.log(await cluster.kubectl('-n', 'sonde', 'logs', 'daemonset/agent').catch(String));
    if (code !== 0) console.log(await cluster.kubectl('-n', 'sonde', 'logs', 'deployment/broker').catch(String));
    expect(stderr).toBe('cluster test\n ✔    DaemonSet sonde/agent\n ✔    Deployment sonde/broker\n');
    expect(code).toBe(0);
  });

  it('kubectl apply starts the demo, and its service answers', async () => {
    await cluster.kubectl('apply', '-f', join(demo, 'k8s_manifest.yaml'));
    await cluster.kubectl('-n', namespace, 'rollout', 'status', 'deployment/gotracing', '--timeout=60s');
    const services = await cluster.kubectl('-n', namespace, 'get', 'services', '-o', 'wide');
    address = /gotracing-svc\s+LoadBalancer\s+(\S+)/.exec(services)![1]!;
    await expect.poll(() => curl('/e?iters=2').catch(() => ''), { timeout: 20_000 }).toBe('e = 2.0000\n');
  });

  it('px run px/upids finds the pod, its container and its UPID', async () => {
    const { code, stdout, stderr } = await px('run', 'px/upids', '-o', 'json', '--', '--namespace', namespace);
    expect(code, stderr).toBe(0);
    expect(stderr).toBe('cluster test\n');
    // The sandbox is a Go program too, here.
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter((row) => row.executable === '/gotracing');
    const pod = expect.stringMatching(/^gotracing-/);
    expect(rows).toEqual([expect.objectContaining({ namespace, pod, container_name: 'app', symbols: true })]);
    upid = rows[0].upid;
  });

  it('px run places the tracepoint, and shows a row a call', async () => {
    const first = await run();
    expect(first.stderr).toBe('cluster test\n ✔    Preparing schema\n ✔    Deploying compute_e_data\n');
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/^Table ID: output\nCLUSTERID\s+UPID\s+TIME\s+GOID\s+ITERATIONS\s+LATENCY\n/);
    await curl('/e?iters=2');
    await curl('/e?iters=200');
    const { code, stdout, stderr } = await run('-o', 'json');
    expect(code, stderr).toBe(0);
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    // The kubelet asks with iters=2 whenever it likes: that is its readiness probe.
    expect(rows.filter((row) => row.iterations === 200)).toHaveLength(1);
    expect(rows.filter((row) => row.iterations === 2).length).toBeGreaterThanOrEqual(1);
    expect(rows.every((row) => row.upid === upid)).toBe(true);
  });

  it('px ps, funcs and trace take the deployment by name', async () => {
    const ps = await px('ps', '-n', namespace, 'deploy/gotracing', '-o', 'json');
    expect(ps.code, ps.stderr).toBe(0);
    expect(JSON.parse(ps.stdout)).toMatchObject({ namespace, container_name: 'app', upid, executable: '/gotracing' });
    const funcs = await px('funcs', '-n', namespace, 'deploy/gotracing', 'main.computeE', '-o', 'json');
    expect(JSON.parse(funcs.stdout)).toMatchObject({ signature: 'func(iterations int64) float64' });
    // The readiness probe is a call, too.
    const trace = await px('trace', '-n', namespace, 'deploy/gotracing', 'main.computeE', '--count', '1');
    expect(trace.stderr).toMatch(
      /^cluster test\n(warning: .*\n)?armed: main\.computeE in pod gotracing-\S+, pid \d+ on node node1\n\d+ calls?, /,
    );
    // A float in a register takes a real-time thread, which a cgroup of version 1 may forbid.
    const result = /\$0=(2|<not captured: in a float register: .*cpu\.rt_runtime_us.*>)\)/.source;
    expect(trace.stdout).toMatch(
      new RegExp(`^\\S+ {2}gotracing-\\S+ {2}goid \\d+ {2}main\\.computeE\\(iterations=2\\) = \\(${result}`),
    );
    const left = await cluster.kubectl('-n', namespace, 'get', 'tracepoints', '-o', 'name');
    expect(left.trim()).toBe('tracepoint.sonde.dev/compute-e-data');
  });

  it('px trace of somebody without the right says which it takes', async () => {
    await cluster.kubectl('-n', 'sonde', 'create', 'rolebinding', 'bob', '--role=px-user', '--user=bob');
    const words = ['trace', '-n', namespace, 'deploy/gotracing', 'main.computeE'];
    const { code, stderr } = await clusterPx(cluster, words, cluster.user('bob'));
    expect(stderr).toMatch(/^cluster test\napplying Tracepoint .* is forbidden: User "bob" cannot patch resource/);
    expect(code).toBe(3);
  });

  it('a query knows the names around the pod', async () => {
    const script = join(cluster.folder, 'names.pxl');
    const columns = ['pod', 'service', 'deployment', 'node'].map((name) => `df.${name} = df.ctx['${name}']`);
    writeFileSync(
      script,
      ['import px', "df = px.DataFrame('compute_e_data').head(1)", ...columns, 'px.display(df)'].join('\n'),
    );
    const { stdout, stderr } = await px('run', '-f', script, '-o', 'json');
    expect(JSON.parse(stdout), stderr).toMatchObject({
      pod: expect.stringMatching(new RegExp(`^${namespace}/gotracing-`)),
      service: `${namespace}/gotracing-svc`,
      deployment: `${namespace}/gotracing`,
      node: 'node1',
    });
    const explained = await px('explain', '-f', script);
    expect(explained.stderr).toBe('cluster test\n');
    expect(explained.stdout).toMatch(/## in a cluster\neach node/);
  });

  it('what nothing fits is told with the nearest', async () => {
    const script = join(cluster.folder, 'wrong.pxl');
    const text = readFileSync(join(demo, 'capture_args.pxl'), 'utf8');
    writeFileSync(
      script,
      text.replace('px.uint128(upid)', `px.PodProcess('${namespace}/gotracin')`).replaceAll('compute_e_data', 'wrong'),
    );
    const { code, stderr } = await px('run', '-f', script);
    expect(stderr).toMatch(
      /no process fits it yet.*\n {2}there is no \S+\/gotracin now; did you mean \S+\/gotracing\?$/m,
    );
    expect(code).not.toBe(0);
    await px('tracepoint', 'delete', '-n', namespace, 'wrong');
  });

  it('kubectl get tracepoints shows it in the namespace of the pod', async () => {
    const shown = await cluster.kubectl('-n', namespace, 'get', 'tracepoints');
    expect(shown).toMatch(
      /^NAME\s+TABLE\s+FUNCTION\s+STATE\s+ROWS\s+TTL\s+AGE\ncompute-e-data\s+compute_e_data\s+main\.computeE\s+RUNNING/,
    );
  });

  it('a selector takes the pods that start later, and counts over them at the broker', async () => {
    const script = join(cluster.folder, 'labels.pxl');
    writeFileSync(
      script,
      [
        'import pxtrace',
        'import px',
        "@pxtrace.probe('main.computeE')",
        'def calls():',
        "    return [{'n': pxtrace.ArgExpr('iterations')}]",
        `pods = pxtrace.LabelSelector({'app': 'gotracing'}, '${namespace}', 'app')`,
        "pxtrace.UpsertTracepoint('by_label', 'by_label', calls, pods, '5m')",
        "df = px.DataFrame('by_label')",
        'df = df[df.n == 4321]',
        "px.display(df.groupby('upid').agg(calls=('n', px.count)))",
      ].join('\n'),
    );
    const first = await px('run', '-f', script);
    expect(first.stderr).toBe('cluster test\n ✔    Preparing schema\n ✔    Deploying by_label\n');
    await cluster.kubectl('-n', namespace, 'scale', 'deployment/gotracing', '--replicas=2');
    await cluster.kubectl('-n', namespace, 'rollout', 'status', 'deployment/gotracing', '--timeout=60s');
    const traced = () =>
      cluster.kubectl('-n', namespace, 'get', 'tracepoint', 'by-label', '-o', 'jsonpath={.status.nodes[0].processes}');
    await expect.poll(traced, { timeout: 20_000 }).toBe('2');
    const addresses = await cluster.kubectl('-n', namespace, 'get', 'pods', '-o', 'jsonpath={.items[*].status.podIP}');
    const both = addresses.split(' ');
    expect(both).toHaveLength(2);
    for (const pod of [...both, both[0]!]) {
      await cluster.namespaces.execute('curl', ['-sf', '-m', '2', `http://${pod}:9090/e?iters=4321`], 'n');
    }
    const { code, stdout, stderr } = await px('run', '-f', script, '-o', 'json');
    expect(code, stderr).toBe(0);
    const counts = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).calls);
    expect(counts.sort()).toEqual([1, 2]);
  });

  it('a function that is not there fails with the nearest names', async () => {
    const script = join(cluster.folder, 'wrong.pxl');
    const text = readFileSync(join(demo, 'capture_args.pxl'), 'utf8');
    writeFileSync(script, text.replaceAll('main.computeE', 'main.computE').replaceAll('compute_e_data', 'wrong'));
    const { code, stderr } = await px('run', '-f', script, '--', '--upid', upid);
    expect(code).toBe(1);
    expect(stderr).toMatch(/ ✕ {4}Deploying wrong {2}ERR: .*main\.computE[\s\S]*main\.computeE/);
  });

  it('who may not trace the namespace is refused by the API server', async () => {
    const jane = cluster.user('jane');
    await cluster.kubectl('-n', 'sonde', 'create', 'rolebinding', 'jane', '--role=px-user', '--user=jane');
    const args = ['run', '-f', join(demo, 'capture_args.pxl'), '--', '--upid', upid];
    const { code, stderr } = await clusterPx(cluster, args, jane);
    expect(stderr).toMatch(/User "jane" cannot patch resource "tracepoints"/);
    expect(code).toBe(3);
  });

  it('an agent that does not answer is named, and the exit code says that rows are missing', async () => {
    const pids = await cluster.namespaces.execute('pgrep', ['-f', 'agent/main.ts']);
    for (const pid of pids.trim().split('\n')) await cluster.namespaces.execute('kill', ['-STOP', pid]);
    try {
      const { code, stderr } = await px('run', 'px/upids');
      expect(stderr).toMatch(/without the rows of node node1: its agent did not answer within 10 s/);
      expect(code).toBe(4);
    } finally {
      for (const pid of pids.trim().split('\n')) await cluster.namespaces.execute('kill', ['-CONT', pid]);
    }
  });

  it('deleting the namespace ends the tracepoint', async () => {
    await cluster.kubectl('delete', 'namespace', namespace, '--timeout=60s');
    const { stdout } = await px('run', 'px/upids', '-o', 'json', '--', '--namespace', namespace);
    expect(stdout).toBe('');
    const status = await px('run', 'px/tracepoint_status', '-o', 'json');
    // Whichever comes first.
    const why =
      /"state":"terminated".*(its object was deleted, by itself or with its namespace|the process .* has ended)/;
    expect(status.stdout.split('\n').find((line) => line.includes('compute_e_data'))).toMatch(why);
  });

  it('px delete leaves nothing behind', async () => {
    const { code, stderr } = await px('delete');
    expect(stderr).toBe('cluster test\n ✔    nothing of Sonde is left\n');
    expect(code).toBe(0);
    const names = await cluster.kubectl('get', 'crd,clusterroles,clusterrolebindings,namespaces', '-o', 'name');
    expect(names).not.toMatch(/sonde/);
    // Of every kind that there is, in every namespace.
    const kinds = await cluster.kubectl('api-resources', '--verbs=list', '-o', 'name');
    const all = kinds
      .trim()
      .split('\n')
      .filter((kind) => !/^(events|componentstatuses)\b/.test(kind));
    expect(all.length).toBeGreaterThan(40);
    const left = await cluster.kubectl(
      'get',
      all.join(','),
      '-A',
      '-l',
      'app.kubernetes.io/part-of=sonde',
      '-o',
      'name',
    );
    expect(left).toBe('');
  });
});
