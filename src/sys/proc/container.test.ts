import { expect, it } from 'vitest';
import { parseContainerId } from './container.ts';

const id = '3f4e'.repeat(16);
const pod = '0c2f5a1e-1111-2222-3333-444455556666';

it.each([
  ['docker, cgroup v1', `5:memory:/docker/${id}\n1:name=systemd:/docker/${id}`, { id }],
  ['docker, systemd driver', `0::/system.slice/docker-${id}.scope`, { id }],
  ['podman', `0::/machine.slice/libpod-${id}.scope/container`, { id }],
  ['containerd in Kubernetes, cgroupfs', `0::/kubepods/burstable/pod${pod}/${id}`, { id, podUid: pod }],
  [
    'containerd in Kubernetes, systemd',
    `0::/kubepods.slice/kubepods-pod${pod.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope`,
    { id, podUid: pod },
  ],
  [
    'CRI-O',
    `0::/kubepods.slice/kubepods-besteffort-pod${pod.replaceAll('-', '_')}.slice/crio-${id}.scope`,
    { id, podUid: pod },
  ],
  [
    'containerd, nested path form',
    `0::/system.slice/containerd.service/kubepods-pod${pod.replaceAll('-', '_')}.slice:cri-containerd:${id}`,
    { id, podUid: pod },
  ],
  ['docker in docker: the innermost', `0::/docker/${'a'.repeat(64)}/docker/${id}/init.scope`, { id }],
  ['seen from another cgroup namespace', `0::/../../docker-${id}.scope`, { id }],
  [
    'ECS',
    `9:cpu:/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890`,
    { id: '0123456789abcdef0123456789abcdef-1234567890' },
  ],
  ['garden', `9:cpu:/garden/6f265890-5165-7fab-6b52-18d1`, { id: '6f265890-5165-7fab-6b52-18d1' }],
  ['lxc', `0::/lxc.payload.web1/system.slice/x.service`, { id: 'web1' }],
  ['old lxc', `4:memory:/lxc/web1`, { id: 'web1' }],
  ['nspawn', `0::/machine.slice/machine-deb.scope`, { id: 'deb' }],
])('%s', (_name, cgroup, expected) => {
  expect(parseContainerId(`${cgroup}\n`)).toEqual(expected);
});

it.each([
  ['a service', '0::/system.slice/ssh.service'],
  ['a session', '0::/user.slice/user-1000.slice/session-4.scope'],
  ["CRI-O's monitor", `0::/system.slice/crio-conmon-${id}.scope`],
  ['the root', '0::/'],
  ['nothing', ''],
])('no container: %s', (_name, cgroup) => {
  expect(parseContainerId(cgroup)).toBeUndefined();
});
