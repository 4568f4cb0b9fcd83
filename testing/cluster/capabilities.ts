/**
 * `node testing/cluster/capabilities.ts` (root, after `make cluster-binaries`): what no longer works when the agent lacks one of its capabilities, in a real cluster. The table in
 * docs/kubernetes.md says what it prints.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { goFixture } from '../go-fixtures.ts';
import { killStarted, temporaryFolder } from '../process.ts';
import { Cluster, clusterLacks } from './cluster.ts';
import { programImage, sondeImage, sondeReference } from './image.ts';
import { clusterPx } from './px.ts';

/** Runs as nobody, from a copy of itself that only nobody may read. */
const source = `package main

import (
	"os"
	"syscall"
	"time"
)

//go:noinline
func work(n int, f float64) float64 { return f * float64(n) }

func main() {
	if os.Args[0] != "/own/copy" {
		bytes, err := os.ReadFile("/proc/self/exe")
		if err == nil {
			err = os.WriteFile("/own/copy", bytes, 0o500)
		}
		if err == nil {
			err = syscall.Exec("/own/copy", []string{"/own/copy"}, nil)
		}
		panic(err)
	}
	for i := 0; ; i++ {
		work(i, 0.5)
		time.Sleep(50 * time.Millisecond)
	}
}
`;
const lacks = clusterLacks();
if (lacks !== undefined) throw new Error(lacks);
const folder = temporaryFolder('sonde-capabilities-');
const archives = [join(folder, 'sonde.tar'), join(folder, 'own.tar')] as const;
await sondeImage(sondeReference, archives[0]);
const program = await goFixture({ source: { 'main.go': source } });
await programImage(program, '/own-program', { reference: 'own:1', user: '65534:65534' }, archives[1]);
const cluster = await Cluster.start(archives);
try {
  const px = (...args: string[]) => clusterPx(cluster, args);
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'own', namespace: 'default' },
    spec: {
      containers: [
        { name: 'app', image: 'own:1', imagePullPolicy: 'Never', volumeMounts: [{ name: 'own', mountPath: '/own' }] },
      ],
      volumes: [{ name: 'own', emptyDir: {} }],
    },
  };
  writeFileSync(join(folder, 'pod.json'), JSON.stringify(pod));
  await cluster.kubectl('apply', '-f', join(folder, 'pod.json'));
  const { code, stderr } = await px('deploy', '--image', sondeReference);
  if (code !== 0) throw new Error(stderr);
  const given = JSON.parse(await cluster.kubectl('-n', 'sonde', 'get', 'daemonset', 'agent', '-o', 'json'));
  const { add } = given.spec.template.spec.containers[0].securityContext.capabilities as { add: string[] };
  const line = (text: string) =>
    text
      .split('\n')
      .filter((each) => each !== '' && !/^cluster test/.test(each))
      .slice(0, 3)
      .join(' / ');
  const tries = [
    { name: 'all', context: {} },
    { name: 'without seccomp', context: { seccompProfile: { type: 'Unconfined' } } },
    ...add.map((each) => ({
      name: `without ${each}`,
      context: { capabilities: { drop: ['ALL'], add: add.filter((other) => other !== each) } },
    })),
  ];
  for (const { name, context } of tries) {
    const own = given.spec.template.spec.containers[0].securityContext;
    const patch = [
      { op: 'replace', path: '/spec/template/spec/containers/0/securityContext', value: { ...own, ...context } },
    ];
    await cluster.kubectl('-n', 'sonde', 'patch', 'daemonset', 'agent', '--type=json', '-p', JSON.stringify(patch));
    const up = await cluster.kubectl('-n', 'sonde', 'rollout', 'status', 'daemonset/agent', '--timeout=60s').then(
      () => '',
      (error: Error) => `does not start: ${error.message}`,
    );
    if (up !== '') {
      console.log(`${name}: ${up}`);
      continue;
    }
    const ps = await px('ps', '-n', 'default', 'pod/own', '-o', 'json');
    const funcs = await px('funcs', '-n', 'default', 'pod/own', 'main.work', '-o', 'json');
    const trace = await px('trace', '-n', 'default', 'pod/own', 'main.work', '--count', '1');
    console.log(
      `${name}\n  ps    ${ps.code} ${line(ps.stdout + ps.stderr)}\n  funcs ${funcs.code} ${line(funcs.stdout + funcs.stderr)}\n  trace ${trace.code} ${line(trace.stdout + trace.stderr)}`,
    );
  }
} finally {
  await cluster.close();
  await killStarted();
}
