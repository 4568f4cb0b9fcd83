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
  [
    'podman, rootless',
    `0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope/container`,
    { id },
  ],
  [
    'podman, a pod of its own',
    `0::/machine.slice/machine-libpod_pod_${'b'.repeat(64)}.slice/libpod-${id}.scope`,
    { id },
  ],
  ['podman, cgroupfs', `9:cpu:/libpod_parent/libpod-${id}\n0::/`, { id }],
  ['Kubernetes, guaranteed, cgroupfs', `0::/kubepods/pod${pod}/${id}`, { id, podUid: pod }],
  [
    'Kubernetes, cgroup v1, one line a controller',
    `12:pids:/kubepods/besteffort/pod${pod}/${id}\n4:memory:/kubepods/besteffort/pod${pod}/${id}\n1:name=systemd:/kubepods/besteffort/pod${pod}/${id}\n0::/`,
    { id, podUid: pod },
  ],
  [
    'Kubernetes, cgroup v1, systemd, cgroups of the container’s own below',
    `3:cpuset:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${pod.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope/system.slice/x.service`,
    { id, podUid: pod },
  ],
  [
    'cri-dockerd, systemd',
    `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${pod.replaceAll('-', '_')}.slice/docker-${id}.scope`,
    { id, podUid: pod },
  ],
  ['CRI-O, cgroupfs', `0::/kubepods/burstable/pod${pod}/crio-${id}`, { id, podUid: pod }],
  [
    'CRI-O, a cgroup below',
    `0::/kubepods.slice/kubepods-pod${pod.replaceAll('-', '_')}.slice/crio-${id}.scope/container`,
    { id, podUid: pod },
  ],
  ['a static pod', `0::/kubepods/burstable/pod${'0f'.repeat(16)}/${id}`, { id, podUid: '0f'.repeat(16) }],
  [
    'kubelet in docker (kind), systemd',
    `0::/system.slice/docker-${'a'.repeat(64)}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${pod.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope`,
    { id, podUid: pod },
  ],
  [
    'kubelet in docker (minikube), cgroupfs',
    `4:memory:/docker/${'a'.repeat(64)}/kubepods/burstable/pod${pod}/${id}`,
    { id, podUid: pod },
  ],
  [
    'kubelet in a pod: the innermost of both',
    `0::/kubepods/pod${'9'.repeat(8)}-1111-2222-3333-${'9'.repeat(12)}/${'a'.repeat(64)}/kubelet/kubepods/besteffort/pod${pod}/${id}`,
    { id, podUid: pod },
  ],
  ['containerd without Kubernetes', `0::/default/${id}`, { id }],
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
