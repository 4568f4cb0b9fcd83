import { type PodSelector, type ProcessSelector, type Target, upidFromWords } from '#model';
import { bind, originOf, stringArgument } from './call.ts';
import { Fault, fault } from './fault.ts';
import type { Session } from './session.ts';
import { type Argument, type CallSite, constantOf, kindName, type Value } from './value.ts';

/** `Process(name='server')`: every process of this machine that fits all of what is given, those that start later too. */
export function processTarget(_session: Session, site: CallSite): Value {
  const given = bind(site, ['name?', 'executable?', 'cgroup?']);
  const text = (key: string) => (given[key] === undefined ? {} : { [key]: stringArgument(given[key], key) });
  const processes: ProcessSelector = { ...text('name'), ...text('executable'), ...text('cgroup') };
  if (Object.values(processes).every((value) => value === '')) {
    return fault('pxl.value', 'Process() needs to know which processes', site.span, [
      "pxtrace.Process(name='server'), Process(executable='/usr/bin/server') or Process(cgroup='/system.slice/server.service')",
    ]);
  }
  return { kind: 'processes', processes };
}

/** `PodProcess('namespace/pod')`: the pod's name, or its beginning up to a hyphen, as a deployment's pods have it in common. */
function podProcess(_session: Session, site: CallSite): Value {
  const { pod_name, container_name, process_name } = bind(site, ['pod_name', 'container_name?', 'process_name?']);
  const text = stringArgument(pod_name!, 'pod_name');
  const [, namespace, pod] = /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  if (namespace === undefined || pod === undefined) {
    return fault('pxl.value', `Invalid Pod name, expect '<namespace>/<name>', got '${text}'`, originOf(pod_name!), [
      'kubectl get pods -A lists them',
    ]);
  }
  return { kind: 'pods', pods: { namespace, pod, ...within(container_name, process_name) } };
}

/** `LabelSelector({'app': 'cart'}, 'namespace')`: pods that have all of these labels; every pod of the namespace (by default `default`) for no label. */
function labelSelector(_session: Session, site: CallSite): Value {
  const signature = ['labels', 'namespace?', 'container_name?', 'process_name?'];
  const { labels, namespace, container_name, process_name } = bind(site, signature);
  if (labels!.value.kind !== 'dict') {
    return fault('pxl.type', `Expected labels to be a dictionary, received ${kindName(labels!.value)}`, labels!.span);
  }
  const pairs = labels!.value.entries.map(({ key, item }) => [
    stringArgument(key, 'labels'),
    stringArgument(item, 'labels'),
  ]);
  const name = namespace === undefined ? 'default' : stringArgument(namespace, 'namespace');
  if (name === '') fault('pxl.value', 'the namespace is empty', originOf(namespace!));
  const wanted = pairs.length === 0 ? {} : { labels: Object.fromEntries(pairs) as Record<string, string> };
  return { kind: 'pods', pods: { namespace: name, ...wanted, ...within(container_name, process_name) } };
}

/** Pixie's, which needs `pxtrace.` in front; with `px.` they mean the same. */
export const podSelectors = { PodProcess: podProcess, LabelSelector: labelSelector } as const;

function within(
  container: Argument | undefined,
  process: Argument | undefined,
): Pick<PodSelector, 'container' | 'process'> {
  const name = container === undefined ? '' : stringArgument(container, 'container_name');
  const pattern = process === undefined ? '' : stringArgument(process, 'process_name');
  try {
    new RegExp(pattern, 'u');
  } catch (error) {
    fault('pxl.value', `'${pattern}' is no regular expression: ${(error as Error).message}`, originOf(process!));
  }
  return { ...(name === '' ? {} : { container: name }), ...(pattern === '' ? {} : { process: pattern }) };
}

/** What `UpsertTracepoint` was given as its target. */
export function targetOf(argument: Argument): Target {
  if (argument.value.kind === 'pods') return { kind: 'pods', pods: argument.value.pods, span: argument.span };
  if (argument.value.kind === 'processes')
    return { kind: 'processes', processes: argument.value.processes, span: argument.span };
  const found = constantOf(argument.value);
  if (found?.type !== 'UINT128') {
    if (argument.value.kind === 'opaque' && argument.value.poisoned) throw new Fault();
    return fault('pxl.type', `Unexpected type '${kindName(argument.value)}' for arg 'target'`, argument.span, [
      "px.uint128('00000003-0024-844a-0000-000008caa618'): a UPID, as `px run px/upids` prints it",
    ]);
  }
  const value = found.value as bigint;
  const upid = upidFromWords(value >> 64n, value & 0xffff_ffff_ffff_ffffn);
  if (upid.pid === 0) fault('pxl.upid', 'this UPID has no process id', originOf(argument));
  return { kind: 'upid', upid, span: originOf(argument) };
}
