import { agentDirectory } from './connect/directory.ts';
import { destination } from './connect/where.ts';
import type { Context } from './context.ts';

/** What of the environment changes what px, or an agent that it starts, does: for `px config` and the man page. */
export interface Setting {
  readonly name: string;
  readonly meaning: string;
  /** What holds where the environment says nothing; empty: nothing. */
  fallback(context: Context): string;
}

const nothing = () => '';

export const settings: readonly Setting[] = [
  {
    name: 'PX_TARGET',
    meaning: 'where commands go that can go to a cluster: local, or a context of the kubeconfig',
    fallback: (context) =>
      destination({ ...context, env: { ...context.env, PX_TARGET: '' } }, {}).kind === 'local'
        ? 'local'
        : 'the current context, if Sonde is deployed there, else local',
  },
  { name: 'KUBECONFIG', meaning: 'the kubeconfig', fallback: ({ env }) => `${env.HOME ?? '~'}/.kube/config` },
  {
    name: 'SONDE_DIR',
    meaning: "the agent's folder: socket, rows, log",
    fallback: ({ env, uid }) => agentDirectory(env, uid),
  },
  { name: 'SONDE_IDLE', meaning: 'how long an agent with nothing to do waits before it ends', fallback: () => '1m' },
  {
    name: 'SONDE_BUDGET',
    meaning: 'what tracepoints may cost a process, of one CPU, one alone or all together, before they are taken off',
    fallback: () => '5%',
  },
  {
    name: 'SONDE_REDACT_NAMES',
    meaning: 'names of variables and fields that an agent never captures, with commas between',
    fallback: () => "redact.json in the agent's folder, else password, secret, token and their like",
  },
  {
    name: 'SONDE_REDACT_TYPES',
    meaning: 'types that an agent never captures, with commas between',
    fallback: () => "redact.json in the agent's folder, else none",
  },
  { name: 'NO_COLOR', meaning: 'no colours, also on a terminal', fallback: nothing },
  { name: 'VISUAL', meaning: 'the editor of px live', fallback: ({ env }) => env.EDITOR ?? 'vi' },
  { name: 'TZ', meaning: 'the time zone of times on a terminal', fallback: () => "the machine's" },
];
