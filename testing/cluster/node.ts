import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningProcess } from '../process.ts';
import { binary, cniFolder } from './binaries.ts';
import { type Namespaces, nodeAddress } from './namespaces.ts';
import type { Pki } from './pki.ts';

export const nodeName = 'node1';
const podRange = '10.98.0.0/24';
/** The name by which the runtime knows the sandbox's image. */
export const pauseReference = 'localhost/pause:1';

/** containerd, with its data in `folder`. Answers to `ctr` once it is up. */
export function startContainerd(namespaces: Namespaces, folder: string): RunningProcess {
  const networks = join(folder, 'net.d');
  mkdirSync(networks, { recursive: true });
  const bridge = {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: { type: 'host-local', ranges: [[{ subnet: podRange }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
  writeFileSync(join(networks, '10-bridge.conflist'), JSON.stringify(bridge));
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  const config = [
    'version = 2',
    `root = "${folder}/containerd"`,
    'state = "/run/containerd/state"',
    '[grpc]',
    'address = "/run/containerd/containerd.sock"',
    '[plugins."io.containerd.internal.v1.opt"]',
    `path = "${folder}/opt"`,
    `[${cri}]`,
    `sandbox_image = "${pauseReference}"`,
    'disable_apparmor = true',
    // Without CAP_SYS_RESOURCE runc cannot set the sandbox's score of -998 and dies.
    'restrict_oom_score_adj = true',
    'stream_server_address = "127.0.0.1"',
    `[${cri}.containerd]`,
    'snapshotter = "overlayfs"',
    'default_runtime_name = "runc"',
    `[${cri}.containerd.runtimes.runc]`,
    'runtime_type = "io.containerd.runc.v2"',
    `[${cri}.cni]`,
    `bin_dir = "${cniFolder}"`,
    `conf_dir = "${networks}"`,
  ];
  const file = join(folder, 'containerd.toml');
  writeFileSync(file, `${config.join('\n')}\n`);
  return namespaces.start('containerd', ['-c', file]);
}

export function startKubelet(namespaces: Namespaces, folder: string, pki: Pki, kubeconfig: string): RunningProcess {
  pki.certificate('kubelet-serving', `/O=system:nodes/CN=system:node:${nodeName}`, `DNS:${nodeName},IP:${nodeAddress}`);
  const config = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    failCgroupV1: false,
    cgroupDriver: 'cgroupfs',
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    failSwapOn: false,
    oomScoreAdj: 0,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pki.path('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: pki.path('kubelet-serving.crt'),
    tlsPrivateKeyFile: pki.path('kubelet-serving.key'),
    resolvConf: '',
    clusterDomain: 'cluster.local',
    podLogsDir: '/var/log/pods',
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    volumePluginDir: join(folder, 'volume-plugins'),
  };
  const file = join(folder, 'kubelet.json');
  writeFileSync(file, JSON.stringify(config));
  return namespaces.start(binary('kubelet'), [
    `--config=${file}`,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${nodeAddress}`,
    '--root-dir=/var/lib/kubelet',
  ]);
}

export function startProxy(namespaces: Namespaces, folder: string, kubeconfig: string): RunningProcess {
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    clusterCIDR: podRange,
    hostnameOverride: nodeName,
    oomScoreAdj: 0,
    clientConnection: { kubeconfig },
    // These are the whole machine's: left alone.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
  const file = join(folder, 'proxy.json');
  writeFileSync(file, JSON.stringify(config));
  return namespaces.start(binary('kube-proxy'), [`--config=${file}`]);
}
